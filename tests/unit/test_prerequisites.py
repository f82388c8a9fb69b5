"""Tasks that depend on others: when they begin, when they end instead, and what they say meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.scenes import NOW, Scene, ago, make_task

from asynctask.core.others import Other
from asynctask.core.prerequisites import MEETS

TASK = make_task().stage("scan").stage("copy")
WAITS = ("Pending", "DependencyPending")
BEGINS = ("Running", "Starting")
FAILS = ("Failed", "DependencyFailed")


def other(status: str = "", reason: str = "Succeeded", said_run: int = 1, name: str = "other", **spec: object) -> Other:
    """Another task of the namespace, ended so or not at all."""
    scene = make_task(name, **spec).stage("scan")
    scene = scene.ended(status, reason) if status else scene
    return scene.with_status(run=said_run).as_other


GOOD, FAILED, OPEN = other("True"), other("False", "PermanentError"), other()
PARTLY, CANCELLED = other("True", "PartiallySucceeded"), other("False", "Cancelled")

SENTENCES = {
    "one that is not there": (TASK.depends_on("other"), ("Pending", "DependencyMissing")),
    "one that has not begun": (TASK.depends_on("other", OPEN), WAITS),
    "one that succeeded": (TASK.depends_on("other", GOOD), BEGINS),
    "one that succeeded in part": (TASK.depends_on("other", PARTLY), BEGINS),
    "one that had to succeed in full and did": (TASK.depends_on("other", GOOD, "Succeeded"), BEGINS),
    "one that had to succeed in full and did in part": (TASK.depends_on("other", PARTLY, "Succeeded"), FAILS),
    "one that failed": (TASK.depends_on("other", FAILED), FAILS),
    "one that was cancelled": (TASK.depends_on("other", CANCELLED), FAILS),
    "one that was skipped": (TASK.depends_on("other", other("False", "Skipped")), FAILS),
    "one that was skipped where any end will do": (
        TASK.depends_on("other", other("False", "Skipped"), "Finished"), BEGINS),
    "one that failed where any end will do": (TASK.depends_on("other", FAILED, "Finished"), BEGINS),
    "one that was cancelled where any end will do": (TASK.depends_on("other", CANCELLED, "Finished"), BEGINS),
    "one that has not ended where any end will do": (TASK.depends_on("other", OPEN, "Finished"), WAITS),
    "one that runs again": (TASK.depends_on("other", other("True", run=2)), WAITS),
    "the second of two": (TASK.depends_on("a", GOOD).depends_on("b", OPEN), WAITS),
    "two, of which one failed while the other is awaited": (
        TASK.depends_on("a", OPEN).depends_on("gone").depends_on("b", FAILED), FAILS),
    "one that failed only after this began": (TASK.depends_on("other", FAILED).running("scan"), ("Running", "Running")),
    "one that failed before this runs again": (
        TASK.depends_on("other", FAILED).failed("scan").with_spec(run=2).with_status(run=1), FAILS),
    "one that is not there, in a pause": (TASK.paused().depends_on("other"), ("Paused", "Suspended")),
    "one that failed, in a pause": (TASK.paused().depends_on("other", FAILED), ("Paused", "Suspended")),
    "one that is awaited, but the task is cancelled": (
        TASK.cancelled().depends_on("other", OPEN), ("Cancelled", "Cancelled")),
}  # fmt: skip


@pytest.mark.parametrize("on", SENTENCES)
def test_a_task_depends_on(on: str) -> None:
    scene, said = SENTENCES[on]
    told = scene.told()
    assert (told.phase, told.reason) == said, told.message


def test_a_failed_dependency_is_a_clear_end() -> None:
    why = (
        make_task("other")
        .stage("scan")
        .ended("False", "PermanentError")
        .with_status(message="stage scan: no such share")
    )
    told = TASK.depends_on("other", why.as_other).told()
    assert told.message == (
        "task other, which this one depends on, failed: stage scan: no such share. Run other again, then raise spec.run of this one"
    )
    assert (told.succeeded, told.plan.status["completionTime"]) == ("False", ago(0))  # type: ignore[index]
    assert [event.message for event in told.plan.events] == [told.message]


@pytest.mark.parametrize(
    ("end", "words"), [(CANCELLED, "was cancelled"), (PARTLY, "only in part, and spec.dependsOn asks for Succeeded")]
)
def test_how_a_dependency_ended_is_told(end: Other, words: str) -> None:
    assert words in TASK.depends_on("other", end, "Succeeded").told().message


def test_who_is_awaited_is_named() -> None:
    scene = TASK
    for name in "abcde":
        scene = scene.depends_on(name, replace(OPEN, name=name))
    assert scene.told().message == "waiting for tasks a, b, c and 2 more"
    assert TASK.depends_on("x").told().message == "spec.dependsOn: there is no task x in this namespace yet"


def test_a_dependency_that_can_t_begin_is_told_with_its_words() -> None:
    broken = make_task("other").with_status(phase="Invalid", message="spec.type: there is no TaskType 'x'").as_other
    told = TASK.depends_on("other", broken).told()
    assert told.message == "waiting for task other; other is Invalid: spec.type: there is no TaskType 'x'"


@pytest.mark.parametrize(
    ("scene", "reason"),
    [(TASK.depends_on("other", OPEN), "DependencyPending"), (TASK.depends_on("other"), "DependencyMissing")],
)
def test_an_event_says_once_with_the_status_for_whom_it_waits(scene: Scene, reason: str) -> None:
    told = scene.told()
    (event,) = told.plan.events
    assert (event.type, event.reason, event.message, event.with_status) == ("Normal", reason, told.message, True)
    assert told.plan.waits_for == reason
    assert scene.with_status(run=1, waiting={"reason": reason}).told().plan.events == ()
    other_reason = {"reason": "OutsideWindow"}
    assert len(scene.with_status(run=1, waiting=other_reason).told().plan.events) == 1


def test_a_paused_task_says_of_no_other_that_it_waits_for_it() -> None:
    plan = TASK.paused().depends_on("other", OPEN).told().plan
    assert (plan.events, plan.waits_for) == ((), "")


def test_waiting_may_have_an_end() -> None:
    patient = TASK.with_spec(dependencyTimeoutSeconds=601).depends_on("other")  # it was submitted ten minutes ago
    assert patient.told().plan.wake_at == NOW + timedelta(seconds=1)
    told = patient.with_spec(dependencyTimeoutSeconds=600).told()
    assert (told.phase, told.reason) == ("Failed", "DeadlineExceeded")
    assert told.message.startswith("spec.dependencyTimeoutSeconds: task other had not ended 600 seconds after")


def test_a_later_run_has_its_own_time_to_wait() -> None:
    again = TASK.with_spec(dependencyTimeoutSeconds=60, run=2).with_status(run=1).depends_on("other", OPEN)
    assert again.told().plan.wake_at == NOW + timedelta(seconds=60)
    since = {"type": "Succeeded", "status": "Unknown", "lastTransitionTime": ago(59)}
    assert again.with_status(run=2, conditions=[since]).told().plan.wake_at == NOW + timedelta(seconds=1)


def in_circle(*names: str) -> Scene:
    return replace(TASK.depends_on(names[1], OPEN), cycle=names)


def test_a_circle_is_refused_with_its_path() -> None:
    told = in_circle("nightly", "b", "nightly").told()
    assert (told.phase, told.reason) == ("Invalid", "CycleInDependencies")
    assert "in a circle: nightly → b → nightly; take one" in told.message
    assert [event.reason for event in told.plan.events] == ["CycleInDependencies"]


def test_a_circle_of_thousands_is_told_in_a_few_words() -> None:
    message = in_circle("nightly", *(f"t{number}" for number in range(5000)), "nightly").told().message
    assert "nightly → t0 → " in message
    assert "… (4991 more) → nightly" in message
    assert len(message) < 300


def test_every_end_that_meets_a_condition_meets_the_weaker_ones() -> None:
    assert MEETS["Succeeded"] < MEETS["PartiallySucceeded"] < MEETS["Finished"]
