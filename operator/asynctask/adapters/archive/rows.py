"""An AsyncTask or a Stage, as the API server has it, as rows of SQL. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from asynctask.adapters.archive.tables.columns import micros
from asynctask.api import names
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus

Body = Mapping[str, Any]
Row = dict[str, Any]
DEFAULT_PRIORITY = 3
ANNOTATION_SUBMITTED_BY = f"{names.GROUP}/submitted-by"
"""On a task: who submitted it through the API."""
SEARCHED = 1700
MAX_CHECKPOINT_BYTES = 64 * 1024
"""As JSON, with when and by which attempt it was saved. The gateway takes 32 KiB from a stage."""
_DROPPED = ("managedFields", "selfLink")


def task_row(body: Body, now: int) -> Row:
    """The row of `tasks`."""
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    phase = str(status.get("phase") or "Pending")
    name, task_type, message = str(meta["name"]), str(spec.get("type") or ""), str(status.get("message") or "")
    return {
        "task_id": meta["uid"],
        "namespace": meta.get("namespace", ""),
        "name": name,
        "task_type": task_type,
        "submit_time": time_of(meta.get("creationTimestamp")) or now,
        "priority": int(status.get("priority") or spec.get("priority") or DEFAULT_PRIORITY),
        "task_status": task_status(spec, status),
        "task_config": spec.get("config") or {},
        "phase": phase,
        "queue": str(spec.get("queueName") or names.DEFAULT_QUEUE),
        "submitted_by": str((meta.get("annotations") or {}).get(ANNOTATION_SUBMITTED_BY, "")),
        "schedule": str((meta.get("labels") or {}).get(names.LABEL_SCHEDULE, "")),
        "message": message,
        "stage": str(status.get("stage") or ""),
        "run": int(spec.get("run") or 1),
        "start_time": time_of(status.get("startTime")),
        "end_time": time_of(status.get("completionTime")),
        "percent": _percent(status.get("progress") or {}),
        "item_error_count": int(status.get("itemErrorCount") or 0),
        "update_time": now,
        "is_gone": 0,
        "gone_time": None,
        "resource_version": int(meta.get("resourceVersion") or 0),
        "search_text": f"{name} {task_type} {message}".lower()[:SEARCHED],
    }


def task_status(spec: Body, status: Body) -> TaskStatus:
    """Its status word. What ended and was asked to run again is queued, though its status speaks of the run before."""
    word = statuses.of(status.get("phase"))
    is_before = int(status.get("run") or 0) < int(spec.get("run") or 1)
    return TaskStatus.QUEUED if word in statuses.ENDED and is_before else word


def document(body: Body) -> Row:
    """The row of `task_objects`."""
    metadata = _metadata(body)
    return {"task_id": metadata["uid"], "object": {**body, "metadata": metadata}}


def history_rows(body: Body) -> list[Row]:
    """Rows of `task_execution_history`: the run that the status speaks of, and what it still says of those before."""
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    version, found = int(meta.get("resourceVersion") or 0), []
    shared = {
        "task_id": meta["uid"],
        "namespace": meta.get("namespace", ""),
        "priority": int(status.get("priority") or spec.get("priority") or DEFAULT_PRIORITY),
        "resource_version": version,
    }
    if run := int(status.get("run") or 0):
        word = statuses.of(status.get("phase"))
        ended = word in statuses.ENDED
        failed = ended and word in {TaskStatus.FAILED, TaskStatus.PARTIALLY_COMPLETED, TaskStatus.CANCELLED}
        found.append(
            {
                **shared,
                "history_id": history_id(meta["uid"], run),
                "run": run,
                "start_time": time_of(status.get("startTime")),
                "end_time": time_of(status.get("completionTime")) if ended else None,
                "execution_result": word if ended else "",
                "error_code": _reason(status) if failed else "",
                "error_message": str(status.get("message") or "") if failed else "",
                "error_detail": _failures(status.get("stages") or ()) or None,
                "stage": str(status.get("stage") or ""),
                "item_error_count": int(status.get("itemErrorCount") or 0),
            }
        )
    for earlier in status.get("runs") or ():
        word = statuses.of(earlier.get("phase"))
        found.append(
            {
                **shared,
                "history_id": history_id(meta["uid"], int(earlier["run"])),
                "run": int(earlier["run"]),
                "start_time": time_of(earlier.get("startTime")),
                "end_time": time_of(earlier.get("completionTime")),
                "execution_result": word,
                "error_code": "",
                "error_message": str(earlier.get("message") or ""),
                "error_detail": None,
                "stage": "",
                "item_error_count": 0,
            }
        )
    return found


def history_id(task_id: str, run: int) -> str:
    """The same for the same run, whoever writes it."""
    return f"{task_id}.{run}"


def stage_row(body: Body) -> Row:
    """The row of `stage_runs`."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    template, progress = spec.get("template") or {}, status.get("progress") or {}
    completion, errors = status.get("completion") or {}, status.get("itemErrors") or {}
    phase = str(status.get("phase") or "Running")
    summary = _condition(status, "Succeeded")
    return {
        "stage_id": meta["uid"],
        "task_id": spec["taskUID"],
        "namespace": meta.get("namespace", ""),
        "object_name": meta["name"],
        "run": int(spec.get("run") or 1),
        "stage": str(template.get("name") or ""),
        "kind": next((kind for kind in ("job", "task", "approval", "wait") if kind in template), ""),
        "phase": phase,
        "status": statuses.of(phase),
        "reason": str(summary.get("reason") or ""),
        "message": str(status.get("message") or ""),
        "attempt": int(status.get("attempt") or 1),
        "failures": int(status.get("failures") or 0),
        "submit_time": time_of(meta.get("creationTimestamp")) or 0,
        "start_time": time_of(status.get("startTime")),
        "end_time": time_of(status.get("completionTime")),
        "bytes_done": progress.get("bytesDone"),
        "bytes_total": progress.get("bytesTotal"),
        "items_done": progress.get("itemsDone"),
        "items_total": progress.get("itemsTotal"),
        "item_error_count": int(errors.get("count") or 0),
        "first_item_errors": errors.get("first"),
        "last_error": status.get("lastError"),
        "outputs": status.get("outputs") or completion.get("outputs"),
        "review": status.get("review"),
        "locations": spec.get("locations"),
        "is_gone": 0,
        "gone_time": None,
        "resource_version": int(meta.get("resourceVersion") or 0),
    }


def stage_document(body: Body) -> Row:
    """The row of `stage_objects`."""
    metadata = _metadata(body)
    status = {name: value for name, value in (body.get("status") or {}).items() if name != "checkpoint"}
    whole = {**body, "metadata": metadata, "status": status}
    return {"stage_id": metadata["uid"], "task_id": body["spec"]["taskUID"], "object": whole}


def checkpoint_row(body: Body) -> Row | None:
    """The row of `stage_checkpoints`; None where the Stage has none, or one larger than any stage may save."""
    checkpoint = (body.get("status") or {}).get("checkpoint")
    if not checkpoint or len(orjson.dumps(checkpoint)) > MAX_CHECKPOINT_BYTES:
        return None
    return {"stage_id": body["metadata"]["uid"], "task_id": body["spec"]["taskUID"], "checkpoint": checkpoint}


def time_of(text: str | None) -> int | None:
    """A time of the API server as it is stored."""
    return micros(datetime.fromisoformat(text)) if text else None


def _metadata(body: Body) -> Row:
    return {name: value for name, value in body["metadata"].items() if name not in _DROPPED}


def _percent(progress: Body) -> int | None:
    for kind in ("bytes", "items"):
        done, total = progress.get(f"{kind}Done"), progress.get(f"{kind}Total")
        if done is not None and total:
            return int(min(100, done * 100 // total))
    return None


def _reason(status: Body) -> str:
    return str(_condition(status, "Succeeded").get("reason") or "")


def _condition(status: Body, kind: str) -> Body:
    return next((item for item in status.get("conditions") or () if item.get("type") == kind), {})


def _failures(stages: Iterable[Body]) -> list[Row]:
    wanted = ("name", "phase", "reason", "message", "attempt", "startTime", "completionTime")
    return [
        {name: stage[name] for name in wanted if name in stage}
        for stage in stages
        if stage.get("phase") in {"Failed", "Partial", "Cancelled"}
    ]
