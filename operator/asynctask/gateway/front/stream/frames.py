"""Events as the bytes that go to clients (WHATWG HTML, server-sent events), made once for all of them."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from asynctask.core.times import stamp
from asynctask.gateway.front.view.objects import Progress
from asynctask.gateway.front.view.rows import EPOCH, MICROSECOND, ObjectRow, StageRow, TaskRow


def frame(event: str, data: Mapping[str, Any], position: str = "") -> bytes:
    """One event. With a position the client, when it comes back, says that it has all up to here."""
    head = f"id: {position}\nevent: {event}\ndata: " if position else f"event: {event}\ndata: "
    return head.encode() + orjson.dumps(data) + b"\n\n"


def task(row: TaskRow) -> dict[str, Any]:
    """A task, with the names that lists have."""
    cells = {
        "taskId": row.uid,
        "namespace": row.namespace,
        "name": row.name,
        "type": row.type or None,
        "status": row.status,
        "phase": row.phase,
        "priority": row.priority,
        "queue": row.queue,
        "owner": row.owner or None,
        "submitTime": moment(row.submitted),
        "startTime": moment(row.started),
        "completionTime": moment(row.ended),
        "run": row.run,
        "stage": row.stage or None,
        "percent": row.percent,
        "message": row.message or None,
        "waiting": row.waiting.reason if row.waiting else None,
        "schedule": row.schedule or None,
        "itemErrorCount": row.item_error_count or None,
        "archived": True if row.is_leaving else None,
    }
    return {name: value for name, value in cells.items() if value is not None}


def whole_task(row: TaskRow) -> dict[str, Any]:
    """The same and what a page on one task shows besides."""
    more: dict[str, Any] = {"generation": row.generation, "suspend": row.suspend, "cancel": row.cancel}
    if row.progress:
        more["progress"] = progress(row.progress)
    if row.waiting:
        more["waitingFor"] = msgspec.to_builtins(row.waiting)
    return task(row) | more


def stage(row: StageRow) -> dict[str, Any]:
    """A stage."""
    cells = {
        "name": row.stage,
        "kind": row.kind,
        "run": row.run,
        "attempt": row.attempt,
        "phase": row.phase,
        "status": row.status,
        "message": row.message or None,
        "reason": row.reason or None,
        "startTime": moment(row.started),
        "completionTime": moment(row.ended),
        "retryTime": moment(row.retry),
        "percent": row.percent,
        "progress": progress(row.progress) if row.progress else None,
        "checkpointTime": moment(row.checkpoint_time),
        "itemErrorCount": row.item_error_count or None,
    }
    return {name: value for name, value in cells.items() if value is not None}


def progress(known: Progress) -> Any:
    """How far it is."""
    return msgspec.to_builtins(known)


def queue(row: ObjectRow) -> dict[str, Any]:
    """A queue."""
    body = row.object()
    return {"name": row.name, "spec": body.get("spec", {}), "status": body.get("status", {})}


def moment(micros: int | None) -> str | None:
    """A time as it is written."""
    return None if micros is None else stamp(EPOCH + micros * MICROSECOND)
