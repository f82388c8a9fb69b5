"""One line on a task: the same from the cluster and from the archive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asynctask.api import names
from asynctask.api.asynctask import AsyncTask
from asynctask.api.status import Phase
from asynctask.core import statuses
from asynctask.core.resolve import DEFAULT_PRIORITY
from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import Place
from asynctask.core.times import stamp

Object = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """All that a list shows of a task unless more is asked for."""

    task_id: str
    namespace: str
    name: str
    type: str
    phase: str
    priority: int
    queue: str
    owner: str
    submitted: int
    """Microseconds since the epoch."""
    run: int = 1
    stage: str = ""
    percent: int | None = None
    message: str = ""
    waiting: str = ""
    """Why it waits, for programs."""
    schedule: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    item_errors: int = 0
    version: str = ""
    """The resourceVersion, of one in the cluster."""
    is_archived: bool = False
    """It has left the cluster."""
    word: str = ""
    """Its state as the archive has it: that of one deleted before it had ended is another than its last phase."""

    @property
    def place(self) -> Place:
        """Where it stands in lists."""
        return (self.submitted, self.task_id)

    @property
    def status(self) -> TaskStatus:
        """Its state, in the word that applications know."""
        return TaskStatus(self.word) if self.word else statuses.of(self.phase)

    @property
    def has_ended(self) -> bool:
        """Whether nothing but a new run goes on with it."""
        return self.status in statuses.ENDED


def shown(row: Row) -> dict[str, Any]:
    """The row as lists show it; what is not known is left out."""
    cells = {
        "taskId": row.task_id,
        "namespace": row.namespace,
        "name": row.name,
        "type": row.type or None,
        "status": row.status,
        "phase": row.phase or Phase.PENDING,
        "priority": row.priority,
        "queue": row.queue,
        "owner": row.owner or None,
        "submitTime": stamp(moment(row.submitted)),
        "startTime": stamp(row.started),
        "completionTime": stamp(row.ended),
        "run": row.run,
        "stage": row.stage or None,
        "percent": row.percent,
        "message": row.message or None,
        "waiting": row.waiting or None,
        "schedule": row.schedule or None,
        "itemErrorCount": row.item_errors or None,
        "archived": True if row.is_archived else None,
    }
    return {name: value for name, value in cells.items() if value is not None}


def of(body: Object, *, is_archived: bool = False) -> Row:
    """The row of an AsyncTask as the API server or the archive holds it."""
    task = AsyncTask.model_validate(body)
    meta, spec, status = task.metadata, task.spec, task.status
    current = status if status.run in (0, spec.run) else None  # a new run begins with a clean slate
    progress = current.progress if current else None
    return Row(
        task_id=meta.uid,
        namespace=meta.namespace,
        name=meta.name,
        type=spec.type or "",
        phase=str((current.phase if current else None) or Phase.PENDING),
        priority=spec.priority or status.priority or DEFAULT_PRIORITY,
        queue=spec.queue_name,
        owner=meta.annotations.get(names.ANNOTATION_SUBMITTED_BY, ""),
        submitted=micros(meta.creation_timestamp or EPOCH),
        run=spec.run,
        stage=current.stage if current else "",
        percent=progress.percent if progress else None,
        message=current.message if current else "",
        waiting=current.waiting.reason if current and current.waiting else "",
        schedule=meta.labels.get(names.LABEL_SCHEDULE, ""),
        started=current.start_time if current else None,
        ended=current.completion_time if current else None,
        item_errors=current.item_error_count if current else 0,
        version=meta.resource_version,
        is_archived=is_archived,
    )


def micros(time: datetime) -> int:
    """Microseconds since the epoch."""
    return (time - EPOCH) // MICROSECOND


def moment(stored: int) -> datetime:
    """A time from microseconds."""
    return EPOCH + timedelta(microseconds=stored)
