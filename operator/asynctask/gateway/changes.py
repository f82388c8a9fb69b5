"""What a stage's calls change in its status: merged while they wait, then written as one JSON patch. Pure.

A JSON patch (RFC 6902) and not a merge patch: checkpoint and outputs are objects of the stage's own making, and a merge
patch would keep keys that a new checkpoint no longer has and drop those whose value is null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynctask.api.stage import Bandwidth, ItemError
from asynctask.api.status import Progress
from asynctask.gateway.fencing import Caller, Recorded

MAX_FIRST = 20
"""Item errors kept in the Stage; all of them are in the workspace."""


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A checkpoint and the sequence of the report that brought it."""

    sequence: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the attempt ended."""

    outcome: str
    error_class: str | None
    reason: str
    message: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What is yet to be written. Each part is the newest of its kind; item errors add up."""

    progress: Progress | None = None
    checkpoint: SavedCheckpoint | None = None
    ended: Ended | None = None
    item_errors: Sequence[ItemError] = ()
    item_error_count: int | None = None
    bandwidth: Bandwidth | None = None
    """Goes along with progress; alone it is not worth a write."""

    def followed_by(self, newer: "Change") -> "Change":
        """Both, the newer one winning."""
        count = newer.item_error_count
        return Change(
            progress=newer.progress or self.progress,
            checkpoint=newer.checkpoint or self.checkpoint,
            ended=newer.ended or self.ended,
            item_errors=(*self.item_errors, *newer.item_errors)[: MAX_FIRST * 2],
            item_error_count=self.item_error_count if count is None else count,
            bandwidth=newer.bandwidth or self.bandwidth,
        )

    @property
    def content(self) -> str:
        """The weightiest thing in it, for the metrics."""
        if self.ended:
            return "completion"
        if self.checkpoint:
            return "checkpoint"
        return "progress" if self.progress or self.item_errors or self.item_error_count is not None else "claim"


NOTHING = Change()


def operations(
    recorded: Recorded, caller: Caller, change: Change, now: datetime, *, claims: bool = False
) -> list[dict[str, Any]]:
    """The JSON patch that makes the change in this very version of the Stage; empty when nothing would change.

    Whatever is written says who wrote it; a caller that claims the stage is recorded even when nothing else is new.
    """
    mine = recorded.is_held_by(caller)
    parts: dict[str, Any] = {}
    if (progress := change.progress) and progress != Progress.model_validate(recorded.part("progress")):
        parts["progress"] = progress.model_dump(exclude_none=True, exclude_defaults=True)
    if change.bandwidth and change.bandwidth != Bandwidth.model_validate(recorded.part("bandwidth")):
        parts["bandwidth"] = change.bandwidth.model_dump(exclude_none=True)
    if change.checkpoint and not (mine and _is_newer(recorded, change.checkpoint, caller)):
        parts["checkpoint"] = {
            "sequence": change.checkpoint.sequence,
            "attempt": caller.attempt,
            "time": _time(now),
            "data": change.checkpoint.data,
        }
    if change.ended and recorded.completed_by(caller.attempt) is None:
        parts["completion"] = _completion(change.ended, caller.attempt, now)
    if (errors := _item_errors(recorded, change)) is not None:
        parts["itemErrors"] = errors
    if not mine and (parts or claims):
        parts["holder"] = caller.to_status()
    if not parts:
        return []
    result: list[dict[str, Any]] = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": recorded.version},
    ]
    if recorded.status is None:
        result.append({"op": "add", "path": "/status", "value": parts})
    else:
        result.extend({"op": "add", "path": f"/status/{name}", "value": value} for name, value in parts.items())
    return result


def _is_newer(recorded: Recorded, checkpoint: SavedCheckpoint, caller: Caller) -> bool:
    """Whether the Stage has this checkpoint of the same pod, or a later one: an old call came in late or twice."""
    kept = recorded.part("checkpoint")
    return bool(kept) and kept.get("attempt") == caller.attempt and int(kept.get("sequence", 0)) >= checkpoint.sequence


def _completion(ended: Ended, attempt: int, now: datetime) -> dict[str, Any]:
    completion: dict[str, Any] = {"attempt": attempt, "outcome": ended.outcome, "time": _time(now)}
    if ended.error_class:
        completion["class"] = ended.error_class
    if ended.reason:
        completion["reason"] = ended.reason
    if ended.message:
        completion["message"] = ended.message
    if ended.outputs:
        completion["outputs"] = dict(ended.outputs)
    return completion


def _item_errors(recorded: Recorded, change: Change) -> dict[str, Any] | None:
    kept = recorded.part("itemErrors")
    first = list(kept.get("first", ()))
    seen = {(error.get("path"), error.get("reason", "")) for error in first}
    for error in change.item_errors:
        if len(first) >= MAX_FIRST:
            break
        if (error.path, error.reason) not in seen:
            seen.add((error.path, error.reason))
            first.append({**error.model_dump(exclude_defaults=True), "class": error.error_class})
    kept_count = int(kept.get("count", 0))
    count = change.item_error_count
    if count is None:
        count = kept_count + len(change.item_errors)
    count = max(count, len(first))
    if count == kept_count and len(first) == len(kept.get("first", ())):
        return None
    return {"count": count, "first": first}


def _time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
