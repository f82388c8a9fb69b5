"""Schedules on a real API server."""

from datetime import UTC, datetime

from support.auditlog import AuditLog
from support.estate import Estate
from support.kubelet import Script
from support.operators import OperatorProcess
from support.patience import patient
from support.schedules import NEVER, WAIT, is_due_since, make, ready, tasks_of, told, until

from localcluster.processes import holds


def test_after_a_days_outage_there_is_one_run(estate: Estate, operator: OperatorProcess, audit: AuditLog) -> None:
    quiet = {(datetime.now(UTC).minute + later) % 60 for later in range(15)}  # none comes due by itself meanwhile
    minutes = ",".join(str(minute) for minute in range(60) if minute not in quiet)
    path = make(estate, "outage", f"{minutes} * * * *", freshness={"maxAgeSeconds": 86_400})
    ready(estate, path)
    is_due_since(estate, path, days=1)
    status = until(estate, path, lambda s: s.get("lastSuccess"), "one run succeeds")
    assert told(status, "Fresh") == "True Fresh"
    assert len(status["nextScheduleTimes"]) == 3
    estate.api.merge(path, {"spec": {"suspend": True}})
    rests = until(estate, path, lambda s: told(s, "Ready") == "False Suspended", "it rests")
    (task,) = tasks_of(estate, "outage").values()
    assert task["metadata"]["name"] == rests["lastTask"] == status["lastTask"]
    assert task["metadata"]["ownerReferences"][0]["kind"] == "TaskSchedule"
    assert status["decidedUntil"] == status["lastScheduleTime"]
    name = "patch taskschedules/status"
    assert holds(lambda: audit.writes(estate.namespace, "outage")[name] >= 4, within=patient(10)), "the log is complete"
    writes = audit.writes(estate.namespace, "outage")
    assert writes[name] == 4, f"ready, made, ended, and that it rests: {writes}"
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
