"""What tasks, approval stages and schedules have to tell, whenever they are looked at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asynctask.core.notifications import news
from asynctask.core.notifications.documents import from_document, to_document
from asynctask.core.notifications.events import Kind, turned

Object = dict[str, Any]
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def task(phase: str = "Running", *, run: int = 1, status_run: int | None = None, **status: Any) -> Object:
    ended = (
        {"completionTime": "2030-01-01T12:00:00Z"}
        if phase in {"Succeeded", "Partial", "Failed", "Cancelled", "Skipped"}
        else {}
    )
    return {
        "metadata": {"name": "nightly", "namespace": "nas", "uid": "u1", "generation": 3, "creationTimestamp": "2030-01-01T10:00:00Z",
                     "annotations": {"asynctask.io/submitted-by": "li"}},
        "spec": {"type": "file-backup", "priority": 2, "run": run},
        "status": {"phase": phase, "run": run if status_run is None else status_run, "startTime": "2030-01-01T11:00:00Z", **ended, **status},
    }  # fmt: skip


def approval(status: Object | None = None, **approval: Any) -> Object:
    return {
        "metadata": {
            "name": "clean-review",
            "namespace": "nas",
            "uid": "s1",
            "creationTimestamp": "2030-01-01T12:00:00Z",
        },
        "spec": {"taskName": "clean", "taskUID": "u1", "template": {"name": "review", "approval": approval}},
        "status": {"startTime": "2030-01-01T12:00:00Z"} if status is None else status,
    }


def schedule(status: str, reason: str, last: str = "nightly-1") -> Object:
    told = {"type": "Fresh", "status": status, "reason": reason, "lastTransitionTime": "2030-01-01T12:00:00Z"}
    return {
        "metadata": {"name": "nightly", "namespace": "nas", "uid": "c1", "creationTimestamp": "2029-01-01T00:00:00Z"},
        "spec": {"taskTemplate": {"spec": {"type": "file-backup", "priority": 1}}},
        "status": {"conditions": [told], "lastSuccess": {"task": last}},
    }


@pytest.mark.parametrize(
    ("phase", "kinds"),
    [
        ("Pending", []),
        ("Running", []),
        ("Paused", []),
        ("Skipped", []),
        ("Succeeded", ["Succeeded"]),
        ("Partial", ["PartiallySucceeded"]),
        ("Failed", ["Failed"]),
        ("Cancelled", ["Cancelled"]),
        ("Invalid", ["Invalid"]),
    ],
)
def test_a_task_tells_of_its_end(phase: str, kinds: list[str]) -> None:
    assert [event.kind for event in news.of_task(task(phase)).events] == kinds


def test_the_end_of_an_earlier_run_is_no_news_once_the_task_is_to_run_again() -> None:
    assert news.of_task(task("Failed", run=2, status_run=1)).events == ()


def test_looking_twice_finds_the_same_event_and_another_run_another() -> None:
    first, again, other = (news.of_task(task("Failed", run=run)).events[0].id for run in (1, 1, 2))
    assert first == again
    assert first != other


def test_an_end_that_is_corrected_is_still_the_end_of_that_run() -> None:
    assert news.of_task(task("Failed")).events[0].id == news.of_task(task("Partial")).events[0].id


def test_what_the_texts_speak_of_comes_along() -> None:
    stages = [{"name": "copy", "phase": "Failed"}]
    (event,) = news.of_task(task("Failed", message="no route to the NAS", stages=stages, itemErrorCount=7)).events
    assert (event.initiator, event.task_type, event.priority, event.queue) == ("li", "file-backup", 2, "default")
    assert (event.params["stage"], event.params["message"], event.params["itemErrors"]) == (
        "copy",
        "no route to the NAS",
        7,
    )


def test_a_task_at_risk_says_so_once_for_each_time_it_becomes_so() -> None:
    def at_risk(status: str, since: str) -> Object:
        return task(
            conditions=[{"type": "AtRisk", "status": status, "lastTransitionTime": since, "message": "needs 2h more"}]
        )

    (early,), (late,) = (
        news.of_task(at_risk("True", since)).events for since in ("2030-01-01T11:30:00Z", "2030-01-01T11:45:00Z")
    )
    assert early.kind is Kind.DEADLINE_AT_RISK
    assert early.id != late.id
    assert news.of_task(at_risk("False", "2030-01-01T11:50:00Z")).events == ()


def test_tasks_of_a_schedule_are_one_series_and_others_each_their_own() -> None:
    scheduled = task("Failed")
    scheduled["metadata"]["ownerReferences"] = [{"kind": "TaskSchedule", "name": "nightly", "uid": "c1"}]
    assert news.of_task(scheduled).events[0].series == "series/c1"
    assert news.of_task(scheduled).events[0].schedule == "nightly"
    assert news.of_task(task("Failed")).events[0].series == "series/u1"


@pytest.mark.parametrize(
    ("kind", "before", "turn"),
    [
        (Kind.FAILED, None, Kind.FIRST_FAILURE),
        (Kind.FAILED, Kind.SUCCEEDED, Kind.FIRST_FAILURE),
        (Kind.FAILED, Kind.PARTIALLY_SUCCEEDED, Kind.FIRST_FAILURE),
        (Kind.FAILED, Kind.FAILED, None),
        (Kind.SUCCEEDED, Kind.FAILED, Kind.RECOVERED),
        (Kind.SUCCEEDED, None, None),
        (Kind.SUCCEEDED, Kind.SUCCEEDED, None),
        (Kind.CANCELLED, Kind.FAILED, None),
    ],
)
def test_a_turn_is_a_change_between_good_and_bad(kind: Kind, before: Kind | None, turn: Kind | None) -> None:
    assert turned(kind, before) is turn


def test_a_review_is_asked_for_and_recalled_before_it_expires() -> None:
    stage = approval(
        expiresAfterSeconds=24 * 3600,
        approvers={"users": ["an", "bo"], "groups": ["storage"]},
        message={"en": "delete?", "zh": "删除？"},
    )
    wanted, expiring = news.of_stage(stage, task()).events
    assert (wanted.kind, wanted.due, wanted.params["approvers"]) == (Kind.REVIEW_WANTED, None, ["an", "bo"])
    assert wanted.params["approverGroups"] == expiring.params["approverGroups"] == ["storage"]
    assert (expiring.kind, expiring.due) == (Kind.REVIEW_EXPIRING, NOON + timedelta(hours=20))
    assert wanted.initiator == "li"


def test_a_short_review_is_recalled_when_a_quarter_of_its_time_is_left() -> None:
    _, expiring = news.of_stage(approval(expiresAfterSeconds=3600), task()).events
    assert expiring.due == NOON + timedelta(minutes=45)


def test_a_review_that_never_expires_is_asked_for_once() -> None:
    assert [event.kind for event in news.of_stage(approval(), None).events] == [Kind.REVIEW_WANTED]


def test_a_review_that_was_decided_is_not_called_for_any_more() -> None:
    decided = news.of_stage(approval({"completionTime": "2030-01-01T12:30:00Z"}, expiresAfterSeconds=3600), task())
    open_ids = tuple(event.id for event in news.of_stage(approval(expiresAfterSeconds=3600), task()).events)
    assert decided.events == ()
    assert decided.settled == open_ids
    assert news.gone("Stage", "s1").settled == open_ids


def test_stages_that_are_no_approval_have_nothing_to_tell() -> None:
    stage = approval()
    del stage["spec"]["template"]["approval"]
    assert news.of_stage(stage, task()).events == ()


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        ("False", "Stale", Kind.SCHEDULE_STALE),
        ("False", "NeverSucceeded", Kind.SCHEDULE_STALE),
        ("True", "MissPredicted", Kind.MISS_PREDICTED),
        ("True", "Fresh", Kind.SCHEDULE_FRESH),
    ],
)
def test_a_schedule_tells_how_fresh_it_is(status: str, reason: str, kind: Kind) -> None:
    assert [event.kind for event in news.of_schedule(schedule(status, reason)).events] == [kind]


def test_a_schedule_without_word_on_freshness_tells_nothing() -> None:
    assert news.of_schedule(schedule("Unknown", "NeverSucceeded")).events == ()
    assert news.of_schedule({"metadata": {"name": "x", "uid": "c"}, "spec": {}}).events == ()


def test_each_success_that_ages_is_told_once() -> None:
    ids = {news.of_schedule(schedule("False", "Stale", last)).events[0].id for last in ("a", "a", "b")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "source",
    [
        news.of_task(task("Failed")),
        news.of_stage(approval(expiresAfterSeconds=60), task()),
        news.of_schedule(schedule("False", "Stale")),
    ],
)
def test_events_are_stored_and_read_unchanged(source: news.News) -> None:
    for event in source.events:
        assert from_document(to_document(event)) == event


def test_fields_of_a_later_release_are_passed_over() -> None:
    (event,) = news.of_task(task("Failed")).events
    assert from_document({**to_document(event), "mood": "bad"}) == event
