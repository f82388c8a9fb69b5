"""Fencing and patches: pure rules over what a Stage records."""

from datetime import UTC, datetime
from typing import Any

import pytest

from asynctask.api.stage import ItemError
from asynctask.api.status import Progress
from asynctask.gateway.changes import NOTHING, Change, Ended, SavedCheckpoint, operations
from asynctask.gateway.errors import GatewayError, StageGone, StaleAttempt
from asynctask.gateway.fencing import Caller, Recorded, check

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ME = Caller(attempt=1, created=NOW, pod_uid="m", pod_name="me")


def pod(attempt: int = 1, second: int = 0, uid: str = "m") -> Caller:
    return Caller(attempt, NOW.replace(second=second), uid, f"pod-{uid}")


def stage(status: dict[str, Any] | None = None, **metadata: Any) -> Recorded:
    body: dict[str, Any] = {"metadata": {"resourceVersion": "7", "uid": "u", **metadata}}
    return Recorded.of(body if status is None else {**body, "status": status})


def held_by(caller: Caller, **status: Any) -> Recorded:
    return stage({"holder": caller.to_status(), **status})


def verdict(recorded: Recorded, caller: Caller) -> type[GatewayError] | None:
    try:
        check(recorded, caller)
    except GatewayError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("recorded", "caller", "expected"),
    [
        (stage(), pod(1), None),
        (stage({"attempt": 2}), pod(1), StaleAttempt),
        (stage({"attempt": 2}), pod(2), None),
        (stage({"attempt": 2}), pod(3), None),
        (held_by(pod(1, 5)), pod(1, 5), None),
        (held_by(pod(1, 5, "b")), pod(1, 4, "z"), StaleAttempt),
        (held_by(pod(1, 5, "b")), pod(1, 5, "a"), StaleAttempt),
        (held_by(pod(1, 5, "b")), pod(1, 5, "c"), None),
        (held_by(pod(1, 5, "b")), pod(1, 6, "a"), None),
        (held_by(pod(2, 0, "b")), pod(1, 9, "a"), StaleAttempt),
        (held_by(pod(1, 9, "b")), pod(2, 0, "a"), None),
        (stage({"conditions": [{"type": "Succeeded", "status": "False"}]}), pod(1), StaleAttempt),
        (stage({"conditions": [{"type": "Succeeded", "status": "Unknown"}]}), pod(1), None),
        (stage({"conditions": [{"type": "Paused", "status": "True"}]}), pod(1), None),
        (stage({}, deletionTimestamp="2026-11-23T10:00:00Z"), pod(1), StageGone),
    ],
)
def test_who_has_the_stage(recorded: Recorded, caller: Caller, expected: type[GatewayError] | None) -> None:
    assert verdict(recorded, caller) is expected


def parts(recorded: Recorded, change: Change, caller: Caller = ME, *, claims: bool = False) -> dict[str, Any]:
    patch = operations(recorded, caller, change, NOW, claims=claims)
    if not patch:
        return {}
    assert patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    return {operation["path"]: operation["value"] for operation in patch[1:]}


def test_nothing_new_is_no_write() -> None:
    progress = Progress(bytes_done=5)
    assert parts(stage(), NOTHING) == {}
    assert parts(held_by(ME, progress={"bytesDone": 5, "message": ""}), Change(progress=progress)) == {}
    assert parts(stage({"progress": {"bytesDone": 5}}), Change(progress=progress)) == {}
    assert parts(held_by(ME), NOTHING, claims=True) == {}


def test_the_first_write_carries_the_claim() -> None:
    assert parts(stage(), Change(progress=Progress(bytes_done=5))) == {
        "/status": {"progress": {"bytesDone": 5}, "holder": ME.to_status()}
    }
    assert parts(stage({}), NOTHING, claims=True) == {"/status/holder": ME.to_status()}


def test_a_checkpoint_is_replaced_whole_and_never_by_an_older_one_of_the_same_pod() -> None:
    change = Change(checkpoint=SavedCheckpoint(5, {"a": None}))
    expected = {"sequence": 5, "attempt": 1, "time": "2026-11-23T10:00:00Z", "data": {"a": None}}
    assert parts(held_by(ME, checkpoint={"sequence": 4, "attempt": 1}), change) == {"/status/checkpoint": expected}
    assert parts(held_by(ME, checkpoint={"sequence": 5, "attempt": 1}), change) == {}
    assert parts(held_by(ME, checkpoint={"sequence": 6, "attempt": 1}), change) == {}
    other = held_by(pod(1, 0, "a"), checkpoint={"sequence": 9, "attempt": 1})
    assert parts(other, change)["/status/checkpoint"] == expected


def test_an_end_is_written_once_for_an_attempt() -> None:
    change = Change(ended=Ended("failed", "permanent", "Broken", "no disk", {"n": 1}))
    written = parts(held_by(pod(1, 0, "a"), completion={"attempt": 1, "outcome": "failed"}), change, pod(2))
    assert written["/status/completion"] == {
        "attempt": 2,
        "outcome": "failed",
        "class": "permanent",
        "reason": "Broken",
        "message": "no disk",
        "outputs": {"n": 1},
        "time": "2026-11-23T10:00:00Z",
    }
    assert parts(held_by(ME, completion={"attempt": 1, "outcome": "succeeded"}), change) == {}


def errors(*paths: str) -> tuple[ItemError, ...]:
    return tuple(ItemError(path=path) for path in paths)


def test_item_errors_add_up_without_doubles() -> None:
    change = Change(item_errors=errors("a")).followed_by(Change(item_errors=errors("b", "a"), item_error_count=2))
    kept = held_by(ME, itemErrors={"count": 1, "first": [{"path": "a", "class": "permanent"}]})
    assert parts(kept, change) == {
        "/status/itemErrors": {
            "count": 2,
            "first": [{"path": "a", "class": "permanent"}, {"path": "b", "class": "permanent"}],
        }
    }
    assert parts(kept, Change(item_errors=errors("a"), item_error_count=1)) == {}


def test_of_two_changes_the_newer_wins_part_by_part() -> None:
    old = Change(progress=Progress(bytes_done=1), checkpoint=SavedCheckpoint(1, {}), item_error_count=4)
    both = old.followed_by(Change(progress=Progress(bytes_done=2), item_error_count=0))
    assert both == Change(Progress(bytes_done=2), SavedCheckpoint(1, {}), item_error_count=0)
    assert [change.content for change in (both, Change(progress=Progress()), NOTHING)] == [
        "checkpoint",
        "progress",
        "claim",
    ]
