"""The tasks of a schedule: how they are named and made, and what is remembered of each."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from asynctask.api import names
from asynctask.api.taskschedule import TaskSchedule
from asynctask.core.times import stamp

MAX_READABLE = 220
MAX_LABEL = 63


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task that the schedule made."""

    name: str
    uid: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    outcome: Literal["", "succeeded", "failed"] = ""
    """Of the current run; done in part is done."""
    run: int = 1
    is_cancelled: bool = False
    is_leaving: bool = False

    @property
    def seconds(self) -> int:
        """How long it took: for a first run its wait in the queue counts, which the next will have as well."""
        begin = self.created if self.run == 1 or self.started is None else self.started
        return max(0, int(((self.ended or begin) - begin).total_seconds()))


def line(body: Mapping[str, Any]) -> TaskLine:
    """What a schedule needs to know of a task."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    run = spec.get("run", 1)
    summary = next((c["status"] for c in status.get("conditions", ()) if c["type"] == "Succeeded"), "Unknown")
    ended = _time(status.get("completionTime")) if status.get("run") == run and summary != "Unknown" else None
    outcome: Literal["", "succeeded", "failed"] = "succeeded" if summary == "True" else "failed"
    return TaskLine(
        name=meta["name"],
        uid=meta["uid"],
        created=datetime.fromisoformat(meta["creationTimestamp"]),
        started=_time(status.get("startTime")) if status.get("run") == run else None,
        ended=ended,
        outcome=outcome if ended else "",
        run=run,
        is_cancelled=bool(spec.get("cancel")),
        is_leaving=bool(meta.get("deletionTimestamp")),
    )


def name_at(schedule: TaskSchedule, tick: datetime) -> str:
    """The name of the task of one time of the schedule, in UTC: the same whoever makes it, so it is made once."""
    return f"{_readable(schedule.metadata.name, MAX_READABLE)}-{tick:%Y%m%d-%H%M}"


def name_of_manual(schedule: TaskSchedule, number: int) -> str:
    """The name of the task that `spec.runNow` asked for."""
    return f"{_readable(schedule.metadata.name, MAX_READABLE)}-now-{number}"


def manifest(schedule: TaskSchedule, template_spec: Mapping[str, Any], name: str, when: datetime) -> dict[str, Any]:
    """The task, owned by its schedule. The spec is taken as it was written, so that nothing in a config is lost."""
    meta, template = schedule.metadata, schedule.spec.task_template.metadata
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AsyncTask",
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "labels": {
                **template.labels,
                names.LABEL_SCHEDULE: _readable(meta.name, MAX_LABEL),
                names.LABEL_MANAGED_BY: names.MANAGER,
            },
            "annotations": {**template.annotations, names.ANNOTATION_SCHEDULED_TIME: stamp(when)},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": "TaskSchedule",
                    "name": meta.name,
                    "uid": meta.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": dict(template_spec),
    }


def superfluous(tasks: Iterable[TaskLine], succeeded: int, failed: int) -> tuple[TaskLine, ...]:
    """The tasks that ended and are more than should be kept, of either kind."""
    result: list[TaskLine] = []
    known = [task for task in tasks if task.ended]
    for outcome, limit in (("succeeded", succeeded), ("failed", failed)):
        those = [task for task in known if task.outcome == outcome]
        those.sort(key=lambda task: (task.ended, task.name), reverse=True)
        result += [task for task in those[limit:] if not task.is_leaving]
    return tuple(result)


def _readable(name: str, size: int) -> str:
    if len(name) <= size:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: size - 9].rstrip('-.')}-{digest}"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
