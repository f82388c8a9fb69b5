"""Windows that close and open, on a real API server."""

from datetime import UTC, datetime, timedelta

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue
from support.schedules import Body


def shut() -> Body:
    """A window that is closed now, and for some time."""
    hour = (datetime.now(UTC) + timedelta(hours=6)).hour
    return {"ranges": [{"start": f"{hour:02}:00", "end": f"{hour:02}:30"}]}


def test_a_window_that_closes_pauses_and_one_that_opens_resumes(estate: Estate, operator: OperatorProcess) -> None:
    estate.kubelet.plays("night", "copy", Script(runs=60), Script(runs=0))
    estate.submit(job("copy"), name="night")
    estate.until_running("night", "copy")
    estate.change("night", window=shut())
    task = estate.until("night", "Unknown OutsideWindow")
    assert task["status"]["phase"] == "Waiting"
    assert task["status"]["waiting"]["reason"] == "OutsideWindow"
    assert task["status"]["waiting"]["earliestStartTime"]
    (life,) = estate.kubelet.lives_of("night")
    assert life.ended is not None
    operator.kill()
    operator.start().leading()
    assert len(estate.kubelet.lives_of("night")) == 1
    estate.change("night", window=None)
    estate.until("night", "True Succeeded")
    assert len(estate.kubelet.lives_of("night")) == 2


def test_a_queues_window_holds_its_tasks(estate: Estate, operator: OperatorProcess) -> None:
    queues = "/apis/asynctask.io/v1alpha1/taskqueues"
    name = f"{estate.namespace}-window"
    body = {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "TaskQueue",
        "metadata": {"name": name},
        "spec": {"window": shut()},
    }
    estate.api.call("POST", queues, body)
    try:
        estate.submit(job("copy"), name="queued-night", queueName=name)
        task = estate.until("queued-night", "Unknown OutsideWindow")
        assert f"the window of TaskQueue {name}" in task["status"]["message"]
        assert not estate.kubelet.lives_of("queued-night")
        estate.api.merge(f"{queues}/{name}", {"spec": {"window": None}})
        estate.until("queued-night", "True Succeeded")
    finally:
        estate.api.call("DELETE", f"{queues}/{name}")


def test_a_run_that_its_hours_leave_too_little_time_for_says_so_early(
    estate: Estate, operator: OperatorProcess
) -> None:
    """An hour or two are open each day, so a run of nine hours can't be done in three days."""
    now = datetime.now(UTC)
    hours = {"ranges": [{"start": f"{now:%H}:00", "end": f"{now + timedelta(hours=2):%H}:00"}]}
    estate.kubelet.plays("hurried", "copy", Script(runs=300))
    estate.submit(job("copy"), name="hurried", window=hours, activeDeadlineSeconds=3 * 86_400)
    estate.until_running("hurried", "copy")
    (stage,) = estate.stages_of("hurried")
    path = f"{estate.path('stages', stage['metadata']['name'])}/status"
    estate.api.merge(path, {"status": {"progress": {"bytesDone": 1, "remainingSeconds": 9 * 3600}}})
    task = estate.until_condition("hurried", "AtRisk", "True DeadlineAtRisk", within=40)
    (said,) = [each["message"] for each in task["status"]["conditions"] if each["type"] == "AtRisk"]
    assert "at this pace it needs 9h" in said
    assert "its windows leave" in said
    estate.api.merge(path, {"status": {"progress": {"bytesDone": 2, "remainingSeconds": 600}}})
    estate.until_condition("hurried", "AtRisk", "False OnTime", within=40)
    estate.change("hurried", cancel=True)
    estate.until("hurried", "False Cancelled")


@pytest.mark.long
def test_at_the_opening_the_first_place_goes_by_turn(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    opens = (datetime.now(UTC) + timedelta(seconds=20)).replace(second=0, microsecond=0) + timedelta(minutes=1)
    closes = opens + timedelta(hours=1)
    queue.change(maxRunning=1, window={"ranges": [{"start": f"{opens:%H:%M}", "end": f"{closes:%H:%M}"}]})
    priorities = [5, 5, 4, 3, 4, 3, 2, 3, 1, 2]
    names = [f"stands-{number}" for number in range(len(priorities))]
    for name, priority in zip(names, priorities, strict=True):
        estate.submit(job("copy"), name=name, priority=priority, queueName=queue.name)
        task = estate.until(name, "Unknown OutsideWindow")
    assert task["status"]["waiting"]["earliestStartTime"] == f"{opens:%Y-%m-%dT%H:%M:%SZ}"
    estate.until_all_ended(names, within=110)
    lives = sorted((life for name in names for life in estate.kubelet.lives_of(name)), key=lambda life: life.begun)
    ran = [life.task for life in lives]
    assert ran == sorted(names, key=lambda name: (priorities[names.index(name)], name))
