"""Who runs first, on a real API server."""

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue


def begun(estate: Estate, names: list[str]) -> list[str]:
    return [life.task for life in sorted(estate.kubelet.lives, key=lambda life: life.begun) if life.task in names]


def test_the_most_urgent_runs_first(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    names = {f"p{priority}": priority for priority in (3, 5, 1, 4, 2)}
    for name, priority in names.items():
        estate.submit(job("copy"), name=name, priority=priority, queueName=queue.name)
    for name in names:
        task = estate.until_condition(name, "Admitted", "False QueueFull")
        assert task["status"]["waiting"]["resource"] == "maxRunning"
    queue.limit(1)
    estate.until_all_ended(list(names), within=30)
    assert begun(estate, list(names)) == ["p1", "p2", "p3", "p4", "p5"]


def test_all_that_fit_begin_when_the_limit_rises(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    names = [f"fit-{priority}" for priority in (1, 2, 3, 4)]
    for name in reversed(names):  # the least urgent comes first
        estate.kubelet.plays(name, "copy", Script(runs=60))
        estate.submit(job("copy"), name=name, priority=int(name[-1]), queueName=queue.name)
    for name in names:
        estate.until_condition(name, "Admitted", "False QueueFull")
    queue.limit(3)
    for name in names[:3]:
        estate.until_running(name, "copy", within=10)
    assert not estate.kubelet.lives_of(names[3])
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(names, within=30)


@pytest.mark.parametrize("how", ["paused", "deleted", "cancelled"])
def test_a_place_is_given_back(estate: Estate, operator: OperatorProcess, queue: Queue, how: str) -> None:
    queue.limit(1)
    first, second = f"{how}-first", f"{how}-second"
    estate.kubelet.plays(first, "copy", Script(runs=60))
    estate.submit(job("copy"), name=first, queueName=queue.name)
    estate.until_running(first, "copy")
    estate.submit(job("copy"), name=second, queueName=queue.name)
    estate.until_condition(second, "Admitted", "False QueueFull")
    if how == "deleted":
        estate.api.call("DELETE", estate.path("asynctasks", first))
    else:
        estate.change(first, **{"suspend": True} if how == "paused" else {"cancel": True})
    estate.until(second, "True Succeeded")
    if how == "paused":
        estate.change(first, cancel=True)
        estate.until(first, "False Cancelled")


def test_the_order_survives_a_restart(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    names = [f"{letter}-{priority}" for letter, priority in zip("abcde", (5, 4, 3, 2, 1), strict=True)]
    for name in names:
        estate.submit(job("copy"), name=name, priority=int(name[-1]), queueName=queue.name)
    for name in names:
        estate.until_condition(name, "Admitted", "False QueueFull")
    operator.kill()
    queue.limit(1)
    operator.start()
    estate.until_all_ended(names, within=60)
    assert begun(estate, names) == names[::-1]
