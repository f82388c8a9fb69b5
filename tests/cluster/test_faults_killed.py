"""Components are killed while tasks run; every task ends as it should, and no stage runs twice."""

import os
import random
from collections.abc import Callable
from time import sleep

import pytest
from support.estate import Estate
from support.faults import LEASE, ended, submit
from support.operators import OperatorProcess

from localcluster import Cluster

NewOperator = Callable[..., OperatorProcess]
TASKS = int(os.environ.get("ASYNCTASK_FAULT_TASKS", "200"))
KILLS = int(os.environ.get("ASYNCTASK_FAULT_KILLS", "4"))
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))
pytestmark = pytest.mark.long


def test_the_operator_is_killed_again_and_again(estate: Estate, new_operator: NewOperator) -> None:
    chance = random.Random(SEED)
    replica = new_operator("mortal", **LEASE)
    with replica:
        ends = submit(estate, "kill", TASKS, chance)
        for _ in range(KILLS):
            sleep(chance.uniform(0.1, 2.0))  # the moment is what is tested
            replica.kill()
            replica.start()
            if chance.random() < 0.5:
                replica.leading()
        replica.leading()
        ended(estate, ends)


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_a_component_is_killed_and_comes_back(
    estate: Estate, cluster: Cluster, new_operator: NewOperator, component: str
) -> None:
    chance = random.Random(SEED)
    with new_operator("witness", **LEASE) as replica:
        ends = submit(estate, component, 40, chance)
        cluster.kill(component)
        sleep(chance.uniform(0.5, 2.0))  # the outage
        cluster.start(component)
        cluster.wait_ready()
        ended(estate, ends)
        assert replica.process
        assert replica.process.poll() is None
