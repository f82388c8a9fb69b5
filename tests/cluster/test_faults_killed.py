"""Components are killed while tasks run; every task ends as it should, and no stage runs twice."""

import os
import random
from collections.abc import Callable
from time import monotonic, sleep

import pytest
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess

from localcluster import Cluster

NewOperator = Callable[..., OperatorProcess]
TASKS = int(os.environ.get("ASYNCTASK_FAULT_TASKS", "200"))
KILLS = int(os.environ.get("ASYNCTASK_FAULT_KILLS", "4"))
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))
RETRY = {"backoffSeconds": 1, "maxBackoffSeconds": 2}
LEASE = {"lease_duration_seconds": 6, "lease_renew_seconds": 1.5}

EXPECTED = {"plain": "Succeeded", "two": "Succeeded", "retried": "Succeeded", "broken": "Failed", "partial": "Partial"}


def submit(estate: Estate, prefix: str, count: int, chance: random.Random) -> dict[str, str]:
    """Tasks of several kinds; returns the phase that each must end in."""
    ends = {}
    for number in range(count):
        kind = list(EXPECTED)[number % len(EXPECTED)]
        name = f"{prefix}-{kind}-{number}"
        runs = chance.random()
        scripts = {
            "retried": (Script(runs=runs, exit_code=75), Script(runs=runs)),
            "broken": (Script(runs=runs, exit_code=65),),
            "partial": (Script(runs=runs, exit_code=3),),
        }.get(kind, (Script(runs=runs),))
        estate.kubelet.plays(name, "copy", *scripts)
        stages = [job("scan"), job("copy")] if kind == "two" else [job("copy")]
        estate.submit(*stages, name=name, retry=RETRY)
        ends[name] = EXPECTED[kind]
    return ends


def ended(estate: Estate, ends: dict[str, str], within: float = 120) -> None:
    """The one checker of all faults."""
    found = estate.until_all_ended(list(ends), within=within)
    assert {name: task["status"]["phase"] for name, task in found.items()} == ends
    lives = [life for name in ends for life in estate.kubelet.lives_of(name)]
    check(lives)
    ran = {(life.task, life.stage) for life in lives}
    for name in ends:
        assert (name, "copy") in ran
    attempts = {name: len(estate.kubelet.lives_of(name, "copy")) for name in ends}
    assert attempts == {name: 2 if "-retried-" in name else 1 for name in ends}


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
        assert monotonic() - begun < 60
