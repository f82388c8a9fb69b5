"""AsyncTasks and Stages as the API server has them."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_version = itertools.count(1000)


def stamp(seconds: float) -> str:
    """A time of the API server, in seconds after START."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def uid(number: int) -> str:
    """A uid."""
    return str(uuid.UUID(int=number))


def task(
    number: int = 1,
    phase: str = "Running",
    *,
    at: float = 0,
    version: int = 0,
    run: int = 1,
    namespace: str = "it",
    name: str = "",
    by: str = "",
    status: Object | None = None,
    **spec: Any,
) -> Object:
    """A task. It ends ten seconds after it was submitted, if its phase is an end."""
    ended = phase in {"Succeeded", "Partial", "Skipped", "Failed", "Cancelled"}
    given = {"phase": phase, "run": run, "message": f"{phase.lower()} it is", "startTime": stamp(at + 1)}
    if ended:
        given["completionTime"] = stamp(at + 10)
    return {
        "metadata": {
            "uid": uid(number),
            "name": name or f"task-{number}",
            "namespace": namespace,
            "resourceVersion": str(version or next(_version)),
            "creationTimestamp": stamp(at),
            "annotations": {"asynctask.io/submitted-by": by} if by else {},
            "managedFields": [{"manager": "x"}],
        },
        "spec": {"type": "file-backup", "config": {"sourcePath": "/nas/数据"}, "run": run, **spec},
        "status": {**given, **(status or {})},
    }


def stage(number: int = 1, of: int = 1, phase: str = "Running", *, name: str = "copy", **status: Any) -> Object:
    """A stage of a task."""
    return {
        "metadata": {
            "uid": uid(1_000_000 + number),
            "name": f"task-{of}-{name}-r1",
            "namespace": "it",
            "resourceVersion": str(next(_version)),
            "creationTimestamp": stamp(number),
        },
        "spec": {
            "taskName": f"task-{of}",
            "taskUID": uid(of),
            "run": 1,
            "template": {"name": name, "job": {"image": "x"}},
        },
        "status": {"phase": phase, **status},
    }
