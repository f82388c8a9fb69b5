"""Stages that are no pods: an approval, a delay, other tasks."""

from dataclasses import replace
from typing import Any

import pytest
from support.scenes import NOW, Scene, ago, make_task

from asynctask.core import manifests
from asynctask.core.facts import Resolved
from asynctask.core.plan import StartStage

GATE = make_task().stage("check", approval={"expiresAfterSeconds": 100})
DELAY = make_task().stage("calm", wait={"delaySeconds": 100})
TASKS = make_task(priority=2).stage(
    "spread", task={"tasks": [{"name": "east", "type": "sync"}, {"name": "west", "type": "sync", "priority": 5}]}
)
WAITING = {"phase": "Waiting"}


def decided(decision: str, **more: Any) -> Scene:
    return GATE.began("check", **WAITING, review={"decision": decision, "by": "ada", "time": ago(5), **more})


def child(scene: Scene, name: str, ended: str = "", reason: str = "Succeeded", **spec: Any) -> Scene:
    """A task that the stage started, ended so or not at all."""
    template = (scene.task.spec.stages or ())[0]
    full = manifests.child_task_name(scene.task, template, name)
    made = make_task(full, **spec).stage("copy").with_meta(labels=manifests.labels(scene.task, template.name))
    task = (made.ended(ended, reason) if ended else made).with_status(run=1).task
    return replace(scene, children={**scene.children, full: task})


SPREAD = TASKS.began("spread", **WAITING)
BOTH = child(child(SPREAD, "east"), "west")

SENTENCES = {
    "an approval begins to wait": (GATE, "Waiting", ("start check",)),
    "an approval says that it waits": (GATE.began("check"), "Waiting", ("check: Waiting",)),
    "an approval waits": (GATE.began("check", **WAITING), "Waiting", ()),
    "an approval that is given is done": (decided("Approved"), "Succeeded", ("check: Succeeded",)),
    "an approval that is refused is the end": (decided("Rejected"), "Failed", ("check: Failed",)),
    "an approval that nobody gives expires": (GATE.began("check", seconds_ago=101), "Failed", ("check: Failed",)),
    "a decision that came in time counts after the expiry": (
        replace(decided("Approved"), now=NOW), "Succeeded", ("check: Succeeded",)),
    "an approval is given during a pause": (decided("Approved").paused(), "Succeeded", ("check: Succeeded",)),
    "a pause does not begin an approval": (GATE.paused(), "Paused", ()),
    "a cancel ends an approval": (GATE.began("check", **WAITING).cancelled(), "Cancelled", ("check: Cancelled",)),
    "an approval needs no place": (GATE.not_admitted(), "Waiting", ("start check",)),
    "a delay begins": (DELAY, "Waiting", ("start calm",)),
    "a delay lasts": (DELAY.began("calm", seconds_ago=99, **WAITING), "Waiting", ()),
    "a delay ends": (DELAY.began("calm", seconds_ago=100, **WAITING), "Succeeded", ("calm: Succeeded",)),
    "a delay is cancelled": (DELAY.began("calm", **WAITING).cancelled(), "Cancelled", ("calm: Cancelled",)),
    "tasks are started together": (TASKS, "Waiting", ("start spread with 2 tasks",)),
    "tasks are waited for": (child(child(SPREAD, "east", "True"), "west"), "Waiting", ()),
    "a task that is missing is made": (child(SPREAD, "east"), "Waiting", ("start spread with 1 tasks",)),
    "tasks that are done are done": (
        child(child(SPREAD, "east", "True"), "west", "True"), "Succeeded", ("spread: Succeeded",)),
    "tasks are as good as the worst: in part": (
        child(child(SPREAD, "east", "True"), "west", "True", "PartiallySucceeded"), "Partial", ("spread: Partial",)),
    "tasks are as good as the worst: failed": (
        child(child(SPREAD, "east", "False", "Failed"), "west", "True"), "Failed", ("spread: Failed",)),
    "a failed task is told when the others have ended": (child(child(SPREAD, "east", "False"), "west"), "Waiting", ()),
    "a task that runs again is waited for": (
        child(child(SPREAD, "east", "True"), "west", "True", run=2), "Waiting", ()),
    "a pause is passed on": (BOTH.paused(), "Paused", ("spread: Paused", "task east: suspend=True", "task west: suspend=True")),
    "a pause is passed on once": (
        child(child(TASKS.began("spread", phase="Paused"), "east", suspend=True), "west", suspend=True).paused(),
        "Paused", ()),
    "a resume is passed on": (
        child(child(TASKS.began("spread", phase="Paused"), "east", suspend=True), "west", suspend=True), "Waiting",
        ("task east: suspend=False", "task west: suspend=False", "spread: Waiting")),
    "a task that somebody paused by itself stays paused": (
        child(child(SPREAD, "east", suspend=True), "west"), "Waiting", ()),
    "a pause makes no missing task": (child(TASKS.began("spread", phase="Paused"), "east", suspend=True).paused(), "Paused", ()),
    "a cancel is passed on": (BOTH.cancelled(), "Stopping", ("task east: cancel=True", "task west: cancel=True")),
    "a cancel waits for them": (
        child(child(SPREAD, "east", "False", "Cancelled", cancel=True), "west", cancel=True).cancelled(),
        "Stopping", ()),
    "a cancel is over with them": (
        child(child(SPREAD, "east", "False", "Cancelled"), "west", "False", "Cancelled").cancelled(),
        "Cancelled", ("spread: Cancelled",)),
    "a new run cancels the tasks of the one before": (
        TASKS.with_spec(run=2).with_status(run=1).began("spread", run=1), "Waiting", ("start spread with 2 tasks",)),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_other_stages(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


def test_a_new_run_stops_the_tasks_of_the_one_before() -> None:
    before = child(child(TASKS.began("spread", **WAITING), "east"), "west", "True")
    after = before.with_spec(run=2).with_status(run=1)
    assert (after.told().phase, after.told().actions) == ("Stopping", ("task east: cancel=True",))


def test_what_waits_for_a_person_holds_no_place_and_says_where_to_decide() -> None:
    told = GATE.began("check", **WAITING).told()
    assert not told.plan.holds_slot
    assert "check-r1" in told.message


def test_a_rejection_is_told_in_the_words_of_who_rejected() -> None:
    told = decided("Rejected", message="wrong share").told()
    assert "rejected by ada: wrong share" in told.message


def test_who_waits_for_time_is_woken_in_time() -> None:
    for scene in (GATE.began("check", seconds_ago=40), DELAY.began("calm", seconds_ago=40)):
        wake = scene.told().plan.wake_at
        assert wake is not None
        assert (wake - NOW).total_seconds() == 60


def test_child_tasks_inherit_priority_and_queue() -> None:
    assert isinstance(TASKS.resolved, Resolved)
    start = next(action for action in TASKS.with_spec(queueName="night").told().plan.actions)
    assert isinstance(start, StartStage)
    assert [(task["spec"]["priority"], task["spec"]["queueName"]) for task in start.tasks] == [
        (2, "night"),
        (5, "night"),
    ]
