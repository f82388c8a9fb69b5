"""Schedules and windows on a real API server. Time can't be moved there: what is due is said by moving `decidedUntil`."""

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

from support.auditlog import AuditLog
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess

NewOperator = Callable[..., OperatorProcess]
Body = dict[str, Any]
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))
KILLED_MINUTES = int(os.environ.get("ASYNCTASK_SCHEDULE_MINUTES", "2"))
NEVER = "0 0 29 2 *"
WAIT = {"name": "pause", "wait": {"delaySeconds": 1}}
LEASE = {"lease_duration_seconds": 6, "lease_renew_seconds": 1.5}


def make(estate: Estate, name: str, schedule: str = NEVER, *stages: Body, **spec: Any) -> str:
    """Create a schedule; returns its path."""
    template = {"spec": {"stages": list(stages) or [job("copy")]}}
    body = {
        "kind": "TaskSchedule",
        "metadata": {"name": name},
        "spec": {"schedule": schedule, "taskTemplate": template, **spec},
    }
    estate.api.create(body)
    return estate.path("taskschedules", name)


def until(estate: Estate, path: str, holds: Callable[[Body], Any], why: str, within: float = 20) -> Body:
    """The schedule's status, once something holds of it."""
    found = estate.api.until(path, lambda schedule: holds(schedule.get("status") or {}), within=within, why=why)
    status: Body = found["status"]
    return status


def told(status: Body, kind: str) -> str:
    """Status and reason of a condition."""
    return next((f"{c['status']} {c['reason']}" for c in status.get("conditions", ()) if c["type"] == kind), "")


def tasks_of(estate: Estate, name: str) -> dict[str, Body]:
    """Its tasks by name."""
    items = estate.api.get(f"{estate.path('asynctasks')}?labelSelector=asynctask.io%2Fschedule%3D{name}")["items"]
    return {item["metadata"]["name"]: item for item in items}


def is_due_since(estate: Estate, path: str, **ago: float) -> None:
    """Nothing has been decided for so long: as after an outage."""
    then = (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    estate.api.merge(f"{path}/status", {"status": {"decidedUntil": then}})


def ready(estate: Estate, path: str) -> Body:
    return until(estate, path, lambda s: told(s, "Ready") == "True Scheduled", "it is ready")


def test_after_a_days_outage_there_is_one_run(estate: Estate, operator: OperatorProcess, audit: AuditLog) -> None:
    path = make(estate, "outage", "*/7 * * * *", freshness={"maxAgeSeconds": 86_400})
    ready(estate, path)
    is_due_since(estate, path, days=1)
    status = until(estate, path, lambda s: s.get("lastSuccess"), "one run succeeds")
    assert told(status, "Fresh") == "True Fresh"
    (task,) = tasks_of(estate, "outage").values()
    assert task["metadata"]["name"] == status["lastTask"]
    assert task["metadata"]["ownerReferences"][0]["kind"] == "TaskSchedule"
    assert status["decidedUntil"] == status["lastScheduleTime"]
    assert len(status["nextScheduleTimes"]) == 3
    sleep(1.5)  # what would still be written, would be written by now
    writes = audit.writes(estate.namespace, "outage")
    assert writes["patch taskschedules/status"] == 3, writes  # ready, made, ended
    assert writes["create asynctasks"] == 1


def test_a_schedule_that_is_wrong_says_where(estate: Estate, operator: OperatorProcess) -> None:
    path = make(estate, "wrong", "0 25 * * *")
    until(estate, path, lambda s: told(s, "Ready") == "False InvalidSchedule", "it says so")
    estate.api.merge(path, {"spec": {"schedule": "0 5 * * *"}})
    ready(estate, path)
    estate.api.merge(path, {"spec": {"timeZone": "Mars/Olympus"}})
    status = until(estate, path, lambda s: told(s, "Ready") == "False InvalidSchedule", "it says so again")
    assert "spec.timeZone" in next(c["message"] for c in status["conditions"] if c["type"] == "Ready")


def test_run_now_and_what_is_kept(estate: Estate, operator: OperatorProcess) -> None:
    path = make(estate, "by-hand", NEVER, successfulTasksHistoryLimit=1, failedTasksHistoryLimit=0, runNow=1)
    until(estate, path, lambda s: s.get("lastSuccess", {}).get("task") == "by-hand-now-1", "the first run")
    estate.api.merge(path, {"spec": {"runNow": 2}})
    until(estate, path, lambda s: s.get("lastSuccess", {}).get("task") == "by-hand-now-2", "the second run")
    estate.api.until_gone(estate.path("asynctasks", "by-hand-now-1"), within=10)
    estate.kubelet.plays("by-hand-now-3", "copy", Script(exit_code=65))
    estate.api.merge(path, {"spec": {"runNow": 3}})
    until(estate, path, lambda s: s.get("runNow") == 3 and not s.get("active"), "the third has failed")
    estate.api.until_gone(estate.path("asynctasks", "by-hand-now-3"), within=10)
    assert list(tasks_of(estate, "by-hand")) == ["by-hand-now-2"]
    estate.api.call("DELETE", path)
    estate.api.until_gone(estate.path("asynctasks", "by-hand-now-2"), within=30)


def test_what_runs_is_replaced_never_doubled(estate: Estate, operator: OperatorProcess) -> None:
    estate.kubelet.plays("replaced-now-1", "copy", Script(runs=60, stopping=1))
    path = make(estate, "replaced", "*/9 * * * *", concurrencyPolicy="Replace", runNow=1)
    estate.until_running("replaced-now-1", "copy")
    is_due_since(estate, path, days=1)
    status = until(estate, path, lambda s: s.get("lastSuccess"), "the newer run succeeds")
    assert status["lastTask"] != "replaced-now-1"
    first, second = sorted(estate.kubelet.lives_of("replaced-now-1") + estate.kubelet.lives_of(status["lastTask"]), key=lambda life: life.begun)  # fmt: skip
    assert first.task == "replaced-now-1"
    assert first.ended is not None
    assert first.ended <= second.begun


def test_what_still_runs_has_the_next_left_out(estate: Estate, operator: OperatorProcess) -> None:
    estate.kubelet.plays("left-now-1", "copy", Script(runs=60))
    path = make(estate, "left", "*/9 * * * *", concurrencyPolicy="Skip", runNow=1)
    estate.until_running("left-now-1", "copy")
    is_due_since(estate, path, days=1)
    status = until(estate, path, lambda s: s.get("lastLeftOut"), "it is left out")
    assert (status["lastLeftOut"]["reason"], status["active"]) == ("StillRunning", ["left-now-1"])
    estate.change("left-now-1", cancel=True)
    until(estate, path, lambda s: not s.get("active"), "it has ended")
    assert list(tasks_of(estate, "left")) == ["left-now-1"]


def test_a_name_that_is_taken_is_said(estate: Estate, operator: OperatorProcess) -> None:
    estate.submit(WAIT, name="taken-now-1")
    path = make(estate, "taken", runNow=1)
    status = until(estate, path, lambda s: told(s, "Ready") == "False CreationRefused", "it says so")
    assert "taken-now-1" in str(status["conditions"])
    estate.api.call("DELETE", estate.path("asynctasks", "taken-now-1"))
    until(estate, path, lambda s: s.get("lastSuccess"), "once it is gone, it goes on", within=90)


def test_starts_of_many_are_spread(estate: Estate, operator: OperatorProcess) -> None:
    count = 100
    for number in range(count):
        make(estate, f"many-{number}", "* * * * *", WAIT, jitterSeconds=45, concurrencyPolicy="Queue")

    def all_made(objects: Any) -> bool:
        return sum(name.startswith("many-") for name in objects) >= count

    found = estate.api.until_all(estate.path("asynctasks"), all_made, within=150, why="all are made")
    for number in range(count):
        estate.api.merge(estate.path("taskschedules", f"many-{number}"), {"spec": {"suspend": True}})
    first: dict[str, datetime] = {}
    for name, task in found.items():
        if name.startswith("many-"):
            made = datetime.fromisoformat(task["metadata"]["creationTimestamp"])
            schedule = task["metadata"]["labels"]["asynctask.io/schedule"]
            first[schedule] = min(made, first.get(schedule, made))
    by_second = Counter(first.values())
    assert max(by_second.values()) <= 12
    assert len(by_second) >= 25


def test_each_time_has_one_run_whenever_the_operator_is_killed(estate: Estate, new_operator: NewOperator) -> None:
    """Every schedule comes each minute, at its own second; the operator dies in between, at random moments."""
    chance = random.Random(SEED)
    names = [f"mortal-{number}" for number in range(12)]
    limits = {"successfulTasksHistoryLimit": 1000, "failedTasksHistoryLimit": 1000}
    with new_operator("mortal", lease_name="schedules", **LEASE) as replica:
        for name in names:
            make(estate, name, "* * * * *", concurrencyPolicy="Queue", jitterSeconds=55, **limits)
        began = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        deadline = monotonic() + 60 * KILLED_MINUTES + 45
        kills = 0
        while monotonic() < deadline:
            sleep(chance.uniform(0.2, 12))
            replica.kill()
            kills += 1
            replica.start()
            if chance.random() < 0.6:
                replica.leading(within=40)
        replica.leading(within=40)
        for name in names:
            path = estate.path("taskschedules", name)
            estate.api.merge(path, {"spec": {"suspend": True}})
            until(
                estate,
                path,
                lambda s: told(s, "Ready") == "False Suspended" and not s.get("active"),
                "it rests",
                within=60,
            )
    assert kills > 10
    for name in names:
        tasks = tasks_of(estate, name)
        last = max(tasks)
        wanted, minute = [], began
        while (tick := f"{name}-{minute:%Y%m%d-%H%M}") <= last:
            wanted.append(tick)
            minute += timedelta(minutes=1)
        assert sorted(tasks)[-len(wanted) :] == wanted, name
        assert len(wanted) >= KILLED_MINUTES
        lives = [life for task in tasks for life in estate.kubelet.lives_of(task)]
        check(lives)
        assert len(lives) == len(tasks)


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
