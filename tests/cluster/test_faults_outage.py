"""API server and etcd are away for a minute."""

import os
import random
from collections.abc import Callable
from time import monotonic, sleep

import pytest
from support import patience
from support.estate import Estate, job
from support.faults import LEASE, ended, submit
from support.kubelet import Script
from support.operators import OperatorProcess

from localcluster import Cluster

pytestmark = pytest.mark.long

NewOperator = Callable[..., OperatorProcess]
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))


def test_everything_is_away_for_a_while(estate: Estate, cluster: Cluster, new_operator: NewOperator) -> None:
    seconds = float(os.environ.get("ASYNCTASK_FAULT_OUTAGE_SECONDS", "60"))
    chance = random.Random(SEED)
    with new_operator("survivor", **LEASE) as replica:
        ends = submit(estate, "outage", 20, chance)
        long = "outage-long"
        estate.kubelet.plays(long, "copy", Script(runs=seconds / 2))
        estate.submit(job("copy"), name=long)
        ends[long] = "Succeeded"
        estate.until_running(long, "copy")
        for component in ("kube-apiserver", "etcd"):
            cluster.kill(component)
        sleep(seconds)  # the outage
        for component in ("etcd", "kube-apiserver"):
            cluster.start(component)
        cluster.wait_ready()
        begun = monotonic()
        replica.leading(within=40)
        ended(estate, ends)
        assert monotonic() - begun < 60 * patience.FACTOR
