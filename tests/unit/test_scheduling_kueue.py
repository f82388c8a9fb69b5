"""Handing over to Kueue: which Jobs it is given, and how they are stopped and let go on without a fight over `suspend`."""

from dataclasses import replace
from typing import Any

import pytest
from support.scenes import Scene, make_task

from asynctask.api.names import ANNOTATION_HELD, LABEL_KUEUE_QUEUE
from asynctask.core.facts import PodSettings
from asynctask.core.plan import HoldWorkload, StartStage

ONE = replace(make_task().stage("copy"), pod_settings=PodSettings(kueue_queue="nas"))
LABELS = {LABEL_KUEUE_QUEUE: "nas"}
HELD = {ANNOTATION_HELD: "true"}
STOPPED = ("Suspended", "JobSuspended")


def handed(scene: Scene = ONE, **fields: Any) -> Scene:
    """Its Job is there, with Kueue's label."""
    return scene.began("copy").job("copy", labels=LABELS, **fields)


WAITING = handed(suspend=True, condition=STOPPED, started_ago=None)
RUNNING = handed(active=1).pod("copy")
STOPPING = handed(suspend=True, annotations=HELD).pod("copy")
PAUSED = handed(suspend=True, annotations=HELD, condition=STOPPED, started_ago=None)


def job_of(scene: Scene) -> Any:
    (action,) = scene.told().plan.actions
    assert isinstance(action, StartStage)
    return action.job


def test_a_job_is_made_suspended_with_the_label_of_its_queue() -> None:
    job = job_of(ONE)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"][LABEL_KUEUE_QUEUE] == "nas"
    assert LABEL_KUEUE_QUEUE not in job["spec"]["template"]["metadata"]["labels"]


def test_without_kueue_nothing_of_it_is_there() -> None:
    job = job_of(make_task().stage("copy"))
    assert "suspend" not in job["spec"]
    assert LABEL_KUEUE_QUEUE not in job["metadata"]["labels"]


SENTENCES = {
    "what Kueue has not admitted is left to it": (WAITING, "Queued", ()),
    "what Kueue has admitted runs": (RUNNING, "Running", ()),
    "what Kueue stops for another saves its checkpoint": (
        handed(suspend=True).pod("copy"), "Stopping", ("copy: Stopping",)),
    "and waits for its next turn there": (
        handed(suspend=True, condition=STOPPED, started_ago=None, annotations={}), "Queued", ()),
    "a pause is by its Workload": (RUNNING.paused(), "Stopping", ("hold copy a1", "copy: Stopping")),
    "a pause of what only waits in Kueue, too: else it would be started": (
        WAITING.paused(), "Stopping", ("hold copy a1", "copy: Stopping")),
    "it is paused when its pod is gone": (STOPPING.paused(), "Stopping", ("copy: Stopping",)),
    "it stays paused": (PAUSED.paused(), "Paused", ("copy: Paused",)),
    "resumed, it is queued again there": (PAUSED, "Running", ("release copy a1",)),
    "resumed before it has stopped, it stops first": (STOPPING, "Stopping", ("copy: Stopping",)),
    "resumed before Kueue has acted, it waits for that": (
        handed(active=1, annotations=HELD).pod("copy"), "Stopping", ("copy: Stopping",)),
    "cancelled, it is held": (WAITING.cancelled(), "Stopping", ("hold copy a1", "copy: Stopping")),
    "cancelled for good once it is held and stopped": (PAUSED.cancelled(), "Cancelled", ("copy: Cancelled",)),
    "a new run stops the one before by its Workload": (
        WAITING.with_spec(run=2), "Stopping", ("hold copy a1",)),
    "a stage that is given up is held": (
        make_task().stage("copy").stage("other", needs=[]).began("copy").job("copy", labels=LABELS, suspend=True)
        .failed("other"),
        "Failed", ("hold copy a1", "copy: Pending")),
}  # fmt: skip


@pytest.mark.parametrize(("scene", "phase", "actions"), SENTENCES.values(), ids=SENTENCES.keys())
def test_kueue(scene: Scene, phase: str, actions: tuple[str, ...]) -> None:
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions)


def test_what_waits_in_kueue_holds_its_place_with_us_and_says_where_it_waits() -> None:
    plan = WAITING.told().plan
    assert (plan.holds_slot, plan.wants_slot) == (True, False)
    says = dict(plan.status or {})["waiting"]
    assert (says["reason"], says["resource"], says["queue"]) == ("WaitingForKueue", "Kueue", "default")
    assert says["message"].startswith("handed to Kueue; `kubectl -n team get workloads`")


def test_a_hold_is_remembered_on_the_job() -> None:
    holds = [action for scene in (RUNNING.paused(), PAUSED) for action in scene.told().plan.actions]
    notes = {action.hold: dict(action.annotations) for action in holds if isinstance(action, HoldWorkload)}
    assert notes == {True: {ANNOTATION_HELD: "true"}, False: {ANNOTATION_HELD: None}}
