"""What the queue's answer does to a task: it waits and says why, once; it gives its place back; it ends unbegun."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.scenes import ADMITTED, NOW, REFUSED, Scene, ago, make_task

from asynctask.api.names import ANNOTATION_DISPLACED_BY, ANNOTATION_DISPLACED_TIME
from asynctask.api.reasons import Reason
from asynctask.core.displaced import Displaced, of
from asynctask.core.plan import SuspendJob

ONE = make_task().stage("copy")
RUNNING = ONE.running("copy")
MARKS = {ANNOTATION_DISPLACED_BY: "Displaced|task urgent", ANNOTATION_DISPLACED_TIME: ago(30)}
PUSHED_OUT = ONE.began("copy").job(
    "copy", suspend=True, condition=("Suspended", "JobSuspended"), started_ago=None, annotations=MARKS
)


def waiting(scene: Scene) -> dict[str, Any]:
    return dict((scene.told().plan.status or {})["waiting"])


def told(scene: Scene) -> Scene:
    """The same, with its status written."""
    status = dict(scene.told().plan.status or {})
    return scene.with_status(**{key: value for key, value in status.items() if value is not None})


def jobs_suspended(scene: Scene) -> list[SuspendJob]:
    return [action for action in scene.told().plan.actions if isinstance(action, SuspendJob)]


# -- waiting


def test_a_task_that_waits_says_why_and_for_what() -> None:
    scene = ONE.refused(ahead=4, resource="maxRunning", holder="other", earliest=NOW + timedelta(hours=1))
    assert waiting(scene) == {
        "reason": "QueueFull", "message": "1 of 1 run", "queue": "bulk", "ahead": 4, "resource": "maxRunning",
        "holder": "other", "since": ago(0), "earliestStartTime": ago(-3600),
    }  # fmt: skip
    assert scene.told().condition("Admitted")["reason"] == "QueueFull"


def test_it_says_so_in_an_event_together_with_its_status() -> None:
    (event,) = ONE.refused().told().plan.events
    assert (event.reason, event.message, event.with_status) == ("QueueFull", "1 of 1 run", True)
    assert told(ONE.refused()).told().plan.events == ()


def test_in_a_long_line_only_the_first_say_so_in_events() -> None:
    assert len(ONE.refused(ahead=99).told().plan.events) == 1
    assert ONE.refused(ahead=100).told().plan.events == ()


def test_what_moves_meanwhile_is_not_told_again() -> None:
    first = told(ONE.refused(ahead=4, message="4 ahead"))
    again = first.refused(ahead=3, message="3 ahead", reason=Reason.START_RATE_LIMITED, resource="startRatePerMinute")
    assert again.told().plan.status == first.refused(ahead=4, message="4 ahead").told().plan.status


def test_a_reason_better_than_none_is_told() -> None:
    first = told(ONE.refused(reason=Reason.QUEUED, message="its turn has not come"))
    assert waiting(first.refused(reason=Reason.QUEUE_FULL))["reason"] == "QueueFull"


def test_another_queue_is_told() -> None:
    again = replace(REFUSED, queue="other", message="3 of 3 run")
    says = waiting(Scene(**{**vars(told(ONE.refused())), "admission": again}))
    assert (says["queue"], says["message"]) == ("other", "3 of 3 run")


def test_another_kind_of_reason_is_told_and_it_has_waited_since_the_first() -> None:
    first = told(ONE.refused()).with_status()
    later = Scene(**{**vars(first), "now": NOW + timedelta(minutes=5)})
    now = waiting(later.refused(reason=Reason.QUEUE_SUSPENDED, message="queue bulk is suspended"))
    assert (now["reason"], now["since"]) == ("QueueSuspended", ago(0))


def test_a_task_that_runs_waits_for_nothing() -> None:
    scene = told(ONE.refused()).running("copy")
    status = Scene(**{**vars(scene), "admission": ADMITTED}).told().plan.status or {}
    assert status["waiting"] is None


# -- giving the place back


def test_a_task_that_has_to_yield_saves_a_checkpoint_and_keeps_its_place_until_its_pod_is_gone() -> None:
    scene = RUNNING.has_to_yield()
    (action,) = jobs_suspended(scene)
    assert action.suspend
    assert action.annotations[ANNOTATION_DISPLACED_BY] == "Displaced|task urgent"
    assert action.annotations[ANNOTATION_DISPLACED_TIME] == ago(0)
    plan = scene.told().plan
    assert plan.holds_slot
    assert [event.reason for event in plan.events] == ["Displaced"]
    stopping = ONE.began("copy").job("copy", suspend=True, active=1, annotations=MARKS).pod("copy").has_to_yield()
    assert (stopping.told().phase, stopping.told().plan.holds_slot, stopping.told().plan.events) == (
        "Stopping", True, ())  # fmt: skip


def test_then_it_waits_in_its_queue_and_says_by_whom_it_was_pushed_out() -> None:
    scene = PUSHED_OUT.refused()
    plan = scene.told().plan
    assert (scene.told().phase, plan.wants_slot, plan.holds_slot) == ("Queued", True, False)
    says = waiting(scene)
    assert (says["reason"], says["displacedBy"], says["displacedTime"]) == ("Displaced", "task urgent", ago(30))
    (event,) = plan.events
    assert (event.reason, event.with_status) == ("Displaced", True)
    assert says["message"] == (
        f"pushed out at {ago(30)} by task urgent; it goes on from its checkpoint; 1 of 1 run"
    )  # fmt: skip


def test_once_it_has_stopped_it_asks_for_its_next_turn() -> None:
    plan = PUSHED_OUT.has_to_yield().told().plan
    assert (plan.wants_slot, plan.holds_slot, plan.actions) == (True, False, ())


def test_whoever_finds_a_task_pushed_out_after_a_crash_knows_what_it_waits_for() -> None:
    assert of(PUSHED_OUT.facts.jobs.values(), 1) == Displaced(
        Reason.DISPLACED, "task urgent", NOW - timedelta(seconds=30)
    )
    assert of(RUNNING.facts.jobs.values(), 1) is None


def test_with_a_place_again_it_goes_on_and_nothing_of_it_is_left_but_when() -> None:
    (action,) = jobs_suspended(PUSHED_OUT)
    assert (action.suspend, dict(action.annotations)) == (False, {ANNOTATION_DISPLACED_BY: None})


def test_a_pause_outranks_it() -> None:
    assert PUSHED_OUT.refused().paused().told().phase == "Paused"
    (action,) = jobs_suspended(RUNNING.has_to_yield().paused())
    assert not action.annotations


def test_a_stage_that_waits_for_a_person_has_nothing_to_give_back() -> None:
    scene = make_task().stage("ask", approval={}).began("ask", phase="Waiting").has_to_yield()
    assert (scene.told().phase, scene.told().actions) == ("Waiting", ())


def test_a_stage_that_succeeds_while_it_yields_has_succeeded() -> None:
    report = {"attempt": 1, "outcome": "succeeded", "time": ago(1)}
    stopping = ONE.began("copy", completion=report).job("copy", suspend=True, annotations=MARKS).pod("copy")
    assert stopping.has_to_yield().told().phase == "Succeeded"


def test_the_exit_code_of_a_pod_that_yields_says_nothing() -> None:
    scene = ONE.began("copy").job("copy", suspend=True, annotations=MARKS).pod("copy", "Failed", exit_code=1)
    assert scene.has_to_yield().told().phase == "Stopping"


# -- overlaps

OVERLAPS = {"is_overlap": True, "reason": Reason.LOCATION_LOCKED, "message": "task other writes to /nas/a"}


@pytest.mark.parametrize(
    ("policy", "phase", "condition"),
    [("Wait", "Queued", "Unknown LocationLocked"), ("Skip", "Skipped", "False Skipped"), ("Fail", "Failed", "False LocationLocked")],
)  # fmt: skip
def test_an_overlap_is_waited_for_or_ends_the_run_unbegun(policy: str, phase: str, condition: str) -> None:
    says = ONE.with_spec(overlapPolicy=policy).refused(**OVERLAPS).told()
    summary = says.condition("Succeeded")
    assert (says.phase, f"{summary['status']} {summary['reason']}") == (phase, condition)
    assert "task other writes to /nas/a" in says.message


def test_a_skipped_run_is_no_warning_and_a_failed_one_is() -> None:
    kinds = {
        policy: [event.type for event in ONE.with_spec(overlapPolicy=policy).refused(**OVERLAPS).told().plan.events]
        for policy in ("Skip", "Fail")
    }
    assert kinds == {"Skip": [], "Fail": ["Warning"]}


@pytest.mark.parametrize("policy", ["Skip", "Fail"])
def test_a_run_that_has_begun_waits_whatever_its_policy(policy: str) -> None:
    assert PUSHED_OUT.with_spec(overlapPolicy=policy).refused(**OVERLAPS).told().phase == "Queued"


def test_another_refusal_ends_nothing() -> None:
    assert ONE.with_spec(overlapPolicy="Fail").refused().told().phase == "Queued"
