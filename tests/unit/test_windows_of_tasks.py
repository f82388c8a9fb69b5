"""What windows mean for a task. It is Tuesday, noon, in UTC."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.scenes import NOW, Scene, ago, make_task, owned_by

from asynctask.api import names
from asynctask.api.reasons import Reason
from asynctask.api.tasktype import TaskType
from asynctask.api.window import Window
from asynctask.core import manifests
from asynctask.core.decide import decide
from asynctask.core.facts import Admission, Hours, Resolved
from asynctask.core.mergepatch import difference
from asynctask.core.plan import Plan

OPEN = {"ranges": [{"start": "08:00", "end": "18:00"}]}
SHUT = {"ranges": [{"start": "22:00", "end": "06:00"}], "timeZone": "Europe/Berlin"}
FINISH = {**SHUT, "atClose": "Finish"}
NEVER = {"ranges": [{"days": ["Mon"], "start": "01:00", "end": "02:00"}]}
ELSE = {"ranges": [{"days": ["Fri"], "start": "01:00", "end": "02:00"}]}
TWO = make_task().stage("scan").stage("copy")
FORK = make_task().stage("left", needs=[]).stage("right", needs=[])
STILL_SHUT = Admission(reason=Reason.OUTSIDE_WINDOW, message="outside its window", queue="night")
SUSPENDED = {"suspend": True, "condition": ("Suspended", ""), "started_ago": None}


def typed(window: dict[str, Any]) -> Scene:
    """A task of a type with a window."""
    spec = {"stages": [{"name": "copy", "job": {"image": "example/copy:1"}}], "window": window}
    kind = TaskType.model_validate({"metadata": {"name": "backup"}, "spec": spec})
    return replace(make_task(type="backup"), type=kind)


def plan_in_queue(scene: Scene, window: dict[str, Any]) -> Plan:
    """What is made of it in a queue with this window."""
    facts = scene.facts
    assert isinstance(facts.resolved, Resolved)
    hours = (*facts.resolved.hours, Hours("TaskQueue night", Window.model_validate(window)))
    return decide(replace(facts, resolved=replace(facts.resolved, hours=hours)))


def with_child(scene: Scene, phase: str = "Waiting", **spec: Any) -> Scene:
    """Its stage started another task, which has not ended."""
    scene = scene.stage("spread", task={"tasks": [{"name": "east", "type": "sync"}]})
    scene = scene.began("spread", phase=phase, tasks={"total": 1, "priority": 3, "time": ago(60)})
    full = manifests.child_task_name(scene.task, "spread", "east")
    labels = manifests.labels(scene.task, "spread") | {names.LABEL_INDEX: "0"}
    made = make_task(full, **spec).stage("copy").with_meta(labels=labels, **owned_by("Stage", "stage-spread-1"))
    return replace(scene, children={full: made.with_status(run=1).as_other})


SENTENCES = {
    "nothing begins outside": (TWO.with_spec(window=SHUT), "Waiting", "OutsideWindow", ()),
    "it begins inside": (TWO.with_spec(window=OPEN), "Running", "Starting", ("start scan a1",)),
    "the type's window counts": (typed(SHUT), "Waiting", "OutsideWindow", ()),
    "the type's window opens too": (typed(OPEN), "Running", "Starting", ("start copy a1",)),
    "all must be open": (typed(SHUT).with_spec(window=OPEN), "Waiting", "OutsideWindow", ()),
    "at closing what runs is stopped by checkpoint": (
        TWO.with_spec(window=SHUT).running("scan"), "Stopping", "Stopping", ("suspend scan a1", "scan: Stopping")),
    "it waits for its pod to go": (
        TWO.with_spec(window=SHUT).began("scan", phase="Stopping").job("scan", suspend=True).pod("scan"), "Stopping", "Stopping", ()),
    "when it has stopped it waits": (
        TWO.with_spec(window=SHUT).began("scan", phase="Stopping").job("scan", **SUSPENDED),
        "Waiting", "OutsideWindow", ("scan: Waiting",)),
    "at the next opening it goes on": (
        TWO.with_spec(window=OPEN).began("scan", phase="Waiting").job("scan", **SUSPENDED),
        "Running", "Starting", ("resume scan a1", "scan: Running")),
    "a stage that ends meanwhile is over": (
        TWO.with_spec(window=SHUT).began("scan", phase="Stopping").job("scan", suspend=True)
        .pod("scan", "Succeeded", exit_code=0, message='{"outcome":"succeeded"}'),
        "Waiting", "OutsideWindow", ("scan: Succeeded",)),
    "a run may finish where the window says so": (
        TWO.with_spec(window=FINISH).running("scan"), "Running", "Running", ()),
    "its later stages begin as well": (
        TWO.with_spec(window=FINISH).succeeded("scan"), "Running", "Starting", ("start copy a1",)),
    "but no run begins": (TWO.with_spec(window=FINISH), "Waiting", "OutsideWindow", ()),
    "nor a higher run": (
        TWO.with_spec(window=FINISH, run=2).with_status(run=1).succeeded("scan", run=1), "Waiting", "OutsideWindow", ()),
    "a pause by hand outranks the window": (TWO.with_spec(window=SHUT).paused(), "Paused", "Suspended", ()),
    "a cancel does too": (TWO.with_spec(window=SHUT).cancelled(), "Cancelled", "Cancelled", ()),
    "so does a deadline": (
        TWO.with_spec(window=SHUT, activeDeadlineSeconds=59).began("scan").job("scan", **SUSPENDED),
        "Failed", "DeadlineExceeded", ("scan: Cancelled",)),
    "what has failed is not kept waiting": (
        FORK.with_spec(window=SHUT).failed("left").began("right", phase="Waiting").job("right", **SUSPENDED),
        "Failed", "PermanentError", ("right: Pending",)),
    "a sister of what has failed stops first": (
        FORK.with_spec(window=SHUT).failed("left").running("right"), "Stopping", "Stopping",
        ("suspend right a1", "right: Stopping")),
    "what is done is done": (TWO.with_spec(window=SHUT).succeeded("scan").succeeded("copy"), "Succeeded", "Succeeded", ()),
    "a person may decide outside": (
        make_task(window=SHUT).stage("ok", approval={}).began("ok", review={"decision": "Approved", "by": "ann"}),
        "Succeeded", "Succeeded", ("ok: Succeeded",)),
    "nobody is asked outside": (make_task(window=SHUT).stage("ok", approval={}), "Waiting", "OutsideWindow", ()),
    "cleaning up after a failure waits for the window, too": (
        make_task(window=SHUT).stage("scan").stage("tidy", needsCondition="Finished").failed("scan"),
        "Waiting", "OutsideWindow", ()),
    "tasks that a stage started are paused with it": (
        with_child(make_task(window=SHUT)), "Waiting", "OutsideWindow", ("spread: Paused", "task east: suspend=True")),
    "and resumed with it": (
        with_child(make_task(window=OPEN), phase="Paused", suspend=True), "Waiting", "WaitingForTasks",
        ("task east: suspend=False", "spread: Waiting")),
    "an unknown zone is the task's to mend": (
        TWO.with_spec(window={**SHUT, "timeZone": "Mars/Olympus"}), "Invalid", "InvalidWindow", ()),
}  # fmt: skip


@pytest.mark.parametrize("said", SENTENCES)
def test_windows_of_tasks(said: str) -> None:
    scene, phase, reason, actions = SENTENCES[said]
    told = scene.told()
    assert (told.phase, told.reason, told.actions) == (phase, reason, actions)


def test_outside_it_holds_no_place_and_asks_for_none() -> None:
    for scene in (TWO, TWO.began("scan", phase="Waiting").job("scan", **SUSPENDED)):
        plan = scene.with_spec(window=SHUT).told().plan
        assert not plan.holds_slot
        assert not plan.wants_slot
        assert plan.waits_for == "OutsideWindow"


def test_while_it_stops_it_holds_its_place() -> None:
    assert TWO.with_spec(window=SHUT).running("scan").told().plan.holds_slot


def test_the_next_opening_is_told_and_woken_at() -> None:
    told = TWO.with_spec(window=SHUT).told()
    opening = NOW + timedelta(hours=9)  # 22:00 in Berlin
    assert told.plan.wake_at == opening
    assert told.message == "outside the window of the task; opens Tue 2030-01-01 22:00 Europe/Berlin"
    waiting = (told.plan.status or {})["waiting"]
    assert waiting["reason"] == "OutsideWindow"
    assert waiting["earliestStartTime"] == "2030-01-01T21:00:00Z"
    assert told.condition("Admitted")["status"] == "False"
    assert told.condition("Progressing")["status"] == "False"


def test_the_next_closing_is_woken_at() -> None:
    assert TWO.with_spec(window=OPEN).running("scan").told().plan.wake_at == NOW + timedelta(hours=6)


def test_a_run_that_may_finish_is_not_woken_at_the_closing() -> None:
    scene = TWO.with_spec(window={**OPEN, "atClose": "Finish"}).running("scan")
    assert scene.told().plan.wake_at is None


def test_windows_that_never_meet_say_so() -> None:
    told = typed(NEVER).with_spec(window=ELSE).told()
    assert told.reason == "OutsideWindow"
    assert told.message.endswith(
        "the windows of the task, TaskType backup are never open at the same time; change one of them"
    )
    assert told.plan.wake_at is None


def test_a_queues_window_pauses_its_tasks() -> None:
    plan = plan_in_queue(TWO.running("scan"), SHUT)
    assert (plan.status or {})["phase"] == "Stopping"
    plan = plan_in_queue(TWO, SHUT)
    assert "the window of TaskQueue night" in (plan.status or {})["message"]


def test_a_queue_that_pauses_outranks_a_task_that_finishes() -> None:
    plan = plan_in_queue(TWO.with_spec(window=FINISH).running("scan"), SHUT)
    assert (plan.status or {})["phase"] == "Stopping"


def test_a_window_that_waits_is_said_once() -> None:
    scene = TWO.with_spec(window=SHUT)
    first = scene.told().plan
    assert [event.reason for event in first.events] == ["OutsideWindow"]
    later = replace(
        scene.with_status(**{k: v for k, v in (first.status or {}).items() if v}), now=NOW + timedelta(hours=1)
    )
    assert later.told().plan.events == ()
    assert not difference(first.status or {}, later.told().plan.status or {})


def at_risk(scene: Scene, remaining: int) -> str:
    said = scene.running("scan", progress={"remainingSeconds": remaining}).told().condition("AtRisk")
    return f"{said['status']} {said['reason']}" if said else ""


TWO_HOURS_OPEN = {"ranges": [{"start": "11:00", "end": "13:00"}]}
DAY = TWO.with_spec(window=TWO_HOURS_OPEN, activeDeadlineSeconds=86_400)  # it began a minute ago: 2 h, less that minute


def test_a_deadline_that_the_windows_do_not_leave_room_for_is_said_early() -> None:
    assert at_risk(DAY, 7000) == ""
    assert at_risk(DAY, 7500) == ""  # estimates waver
    assert at_risk(DAY, 9000) == "True DeadlineAtRisk"
    assert at_risk(TWO.with_spec(activeDeadlineSeconds=86_400), 9000) == ""
    assert at_risk(TWO.with_spec(activeDeadlineSeconds=3600), 9000) == "True DeadlineAtRisk"
    assert at_risk(TWO.with_spec(window=TWO_HOURS_OPEN), 9_000_000) == ""


def test_it_is_taken_back_only_with_room_to_spare() -> None:
    condition = {
        "type": "AtRisk",
        "status": "True",
        "reason": "DeadlineAtRisk",
        "message": "as it was",
        "lastTransitionTime": ago(9),
    }
    scene = DAY.with_status(run=1, conditions=[condition])
    kept = scene.running("scan", progress={"remainingSeconds": 7000}).told().condition("AtRisk")
    assert (kept["status"], kept["message"]) == ("True", "as it was")
    assert at_risk(scene, 6000) == "False OnTime"
    done = scene.succeeded("scan").succeeded("copy").told()
    assert done.condition("AtRisk")["status"] == "False"


@pytest.mark.parametrize("window", [OPEN, None])
def test_whom_a_queue_tells_that_it_is_still_shut_stays_in_its_line(window: dict[str, Any] | None) -> None:
    plan = decide(replace(make_task().stage("copy").with_spec(window=window), admission=STILL_SHUT).facts)
    assert (plan.wants_slot, plan.holds_slot) == (True, False)
    assert (plan.status or {})["waiting"]["reason"] == "OutsideWindow"


def test_whom_its_own_hours_stop_stands_in_no_line() -> None:
    plan = decide(replace(make_task().stage("copy").with_spec(window=SHUT), admission=STILL_SHUT).facts)
    assert not plan.wants_slot
    assert plan.opens_at is not None
