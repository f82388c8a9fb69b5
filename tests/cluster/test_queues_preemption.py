"""Urgent tasks push lesser ones out by checkpoint, on a real API server."""

import time
from collections.abc import Mapping

import pytest
from support.api import Object
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue

GRACE = 2.0
"""Seconds that the victim's pod takes to save its checkpoint."""
LONG = Script(runs=300, stopping=GRACE)
AT_ONCE = {"policy": "LowerPriority", "minRuntimeSeconds": 0}


def fill(estate: Estate, queue: Queue, *names: str, priority: int = 4, **spec: object) -> None:
    """The queue takes just these, and they run."""
    queue.change(maxRunning=len(names), preemption=AT_ONCE)
    for name in names:
        estate.kubelet.plays(name, "copy", LONG)
        estate.submit(job("copy"), name=name, priority=priority, queueName=queue.name, **spec)
    for name in names:
        estate.until_running(name, "copy")


def events_of(estate: Estate, name: str, reason: str) -> list[Object]:
    path = f"/apis/events.k8s.io/v1/namespaces/{estate.namespace}/events"
    items = estate.api.get(path)["items"]
    return [item for item in items if item["regarding"]["name"] == name and item["reason"] == reason]


def waits(task: Object) -> Object:
    found: Object = task["status"].get("waiting") or {}
    return found


def until_pushed_out(estate: Estate, names: list[str], count: int) -> list[str]:
    """By whom, once that many of them say so."""

    def by(tasks: Mapping[str, Object]) -> list[str]:
        return sorted(filter(None, (waits(tasks[name]).get("displacedBy") for name in names)))

    path = estate.path("asynctasks")
    return by(estate.api.until_all(path, lambda tasks: len(by(tasks)) >= count, within=20, why="they say by whom"))


def stop(estate: Estate, *names: str) -> None:
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(list(names), within=30)


def test_an_urgent_task_runs_within_five_seconds_and_the_grace_and_the_victim_says_by_whom_and_goes_on(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    fill(estate, queue, "victim")
    estate.kubelet.plays("urgent", "copy", Script(runs=4))
    asked = time.monotonic()
    estate.submit(job("copy"), name="urgent", priority=1, queueName=queue.name)
    estate.until_running("urgent", "copy", within=5 + GRACE)
    assert time.monotonic() - asked < 5 + GRACE
    task = estate.until_holds("victim", lambda task: waits(task).get("displacedBy"), why="the victim says by whom")
    assert waits(task)["reason"] == "Displaced"
    assert waits(task)["displacedBy"] == "task urgent of priority 1"
    assert task["status"]["phase"] == "Queued"
    assert len(events_of(estate, "victim", "Displaced")) >= 1
    queue.until_status(running=1, waiting=1, displacedLastHour=1)
    estate.until("urgent", "True Succeeded")
    estate.until_running("victim", "copy")
    estate.until_holds("victim", lambda task: not waits(task), why="it waits no more")
    check(estate.kubelet.lives_of("victim") + estate.kubelet.lives_of("urgent"))
    assert len(estate.kubelet.lives_of("victim")) == 2
    stop(estate, "victim")


def test_an_urgent_task_does_not_wait_behind_a_long_line(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    running, line = [f"busy-{n}" for n in range(4)], [f"line-{n}" for n in range(60)]
    fill(estate, queue, *running)
    for number, name in enumerate(line):  # none of them may push out what runs
        estate.submit(job("copy"), name=name, priority=4 + number % 2, queueName=queue.name)
    estate.until_condition(line[-1], "Admitted", "False QueueFull")
    estate.kubelet.plays("jumps", "copy", LONG)
    asked = time.monotonic()
    estate.submit(job("copy"), name="jumps", priority=1, queueName=queue.name)
    estate.until_running("jumps", "copy", within=5 + GRACE)
    assert time.monotonic() - asked < 5 + GRACE
    queue.until_status(running=len(running), waiting=len(line) + 1, displacedLastHour=1)
    assert until_pushed_out(estate, running, 1) == ["task jumps of priority 1"]
    assert [len(estate.kubelet.lives_of(name)) for name in line] == [0] * len(line)
    stop(estate, "jumps", *line, *running)


def test_each_of_a_line_pushes_out_one_that_is_less_urgent_and_nobody_else(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    fill(estate, queue, *(busy := [f"four-{n}" for n in range(3)]))
    for name in (threes := ["three-x", "three-y"]):
        estate.kubelet.plays(name, "copy", LONG)
        estate.submit(job("copy"), name=name, priority=3, queueName=queue.name)
    for name in threes:
        estate.until_running(name, "copy")
    queue.until_status(running=3, waiting=2, displacedLastHour=2)
    assert until_pushed_out(estate, busy, 2) == [f"task {name} of priority 3" for name in threes]
    stop(estate, *threes, *busy)


def test_the_least_urgent_goes_and_no_more_than_makes_room(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    fill(estate, queue, "three-a", "three-b", priority=3)
    queue.change(maxRunning=3)
    estate.kubelet.plays("five", "copy", LONG)
    estate.submit(job("copy"), name="five", priority=5, queueName=queue.name)
    estate.until_running("five", "copy")
    time.sleep(1.1)  # nobody is pushed out in its first second
    estate.submit(job("copy"), name="first", priority=1, queueName=queue.name)
    estate.until("first", "True Succeeded")
    assert len(estate.kubelet.lives_of("five")) >= 1
    assert [len(estate.kubelet.lives_of(name)) for name in ("three-a", "three-b")] == [1, 1]
    stop(estate, "three-a", "three-b", "five")


@pytest.mark.parametrize("moment", ["while it stops", "while it waits"])
def test_an_operator_killed_meanwhile_changes_nothing(
    estate: Estate, operator: OperatorProcess, queue: Queue, moment: str
) -> None:
    suffix = moment.split()[-1]
    victim, urgent = f"victim-{suffix}", f"urgent-{suffix}"
    fill(estate, queue, victim)
    estate.kubelet.plays(urgent, "copy", Script(runs=300))
    estate.submit(job("copy"), name=urgent, priority=1, queueName=queue.name)
    jobs = f"/apis/batch/v1/namespaces/{estate.namespace}/jobs"
    estate.api.until_all(
        jobs,
        lambda found: any(
            each["spec"].get("suspend") and each["metadata"]["annotations"].get("asynctask.io/task") == victim
            for each in found.values()
        ),
        within=10,
        why="the victim's Job is suspended",
    )
    if moment == "while it waits":
        estate.until_running(urgent, "copy")
    operator.kill()
    operator.start().leading()
    estate.until_running(urgent, "copy")
    task = estate.until_holds(victim, lambda task: waits(task).get("displacedBy"), why="the victim says by whom")
    assert waits(task)["displacedBy"] == f"task {urgent} of priority 1"
    queue.until_status(running=1, waiting=1, displacedLastHour=1)
    estate.change(urgent, cancel=True)
    estate.until_running(victim, "copy")
    check(estate.kubelet.lives_of(victim) + estate.kubelet.lives_of(urgent))
    stop(estate, victim)


def test_without_the_policy_nobody_is_pushed_out(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    fill(estate, queue, "safe")
    queue.change(preemption={"policy": "Never"})
    estate.submit(job("copy"), name="patient", priority=1, queueName=queue.name)
    estate.until_condition("patient", "Admitted", "False QueueFull")
    assert len(estate.kubelet.lives_of("safe")) == 1
    stop(estate, "safe", "patient")


def test_one_that_says_so_is_never_pushed_out(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    fill(estate, queue, "kept", preemptible=False)
    estate.submit(job("copy"), name="polite", priority=1, queueName=queue.name)
    estate.until_condition("polite", "Admitted", "False QueueFull")
    assert len(estate.kubelet.lives_of("kept")) == 1
    estate.change("kept", preemptible=True)
    estate.until("polite", "True Succeeded")
    stop(estate, "kept")


def test_a_task_made_more_urgent_while_it_waits_takes_its_turn(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    for name in ("early", "late"):
        estate.submit(job("copy"), name=name, priority=3, queueName=queue.name)
        estate.until_condition(name, "Admitted", "False QueueFull")
    estate.change("late", priority=1)
    estate.until_holds("late", lambda task: task["status"].get("priority") == 1)
    queue.limit(1)
    estate.until_all_ended(["early", "late"], within=30)
    first, second = sorted(estate.kubelet.lives_of("early") + estate.kubelet.lives_of("late"), key=lambda x: x.begun)
    assert (first.task, second.task) == ("late", "early")


def test_a_queue_suspended_with_what_runs_stops_that_and_goes_on_with_it(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    fill(estate, queue, "drained")
    queue.change(suspend=True, suspendRunning=True)
    task = estate.until_condition("drained", "Admitted", "False QueueSuspended")
    assert waits(task)["displacedBy"] == f"queue {queue.name} being suspended"
    status = queue.until_status(running=0, waiting=1)
    (admitting,) = [each for each in status["conditions"] if each["type"] == "Admitting"]
    assert (admitting["status"], admitting["reason"]) == ("False", "QueueSuspended")
    queue.change(suspend=False, suspendRunning=False)
    estate.until_running("drained", "copy")
    check(estate.kubelet.lives_of("drained"))
    stop(estate, "drained")
