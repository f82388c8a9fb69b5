"""What the interface of existing NAS applications takes and gives: snake case, words of its own."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator

from asynctask.api.base import LabelName, ObjectName, Priority, StageName
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import Filter
from asynctask.core.times import stamp
from asynctask.gateway.front.fields import FieldProblem
from asynctask.gateway.front.models import Namespace, Snake
from asynctask.gateway.front.tasks.filters import HIDDEN_TYPES, Split
from asynctask.gateway.front.tasks.models import ReasonText
from asynctask.gateway.front.tasks.rows import Row, micros, moment

NAMES = {
    "spec.type": "task_type",
    "spec.config": "task_config",
    "spec.priority": "priority",
    "spec.queueName": "queue",
    "metadata.namespace": "namespace",
}
"""How fields of a task are called here."""
Config = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string", "maxLength": 262_144}]})]
TaskId = Annotated[str, Field(min_length=1, max_length=64)]


class SubmitTask(Snake):
    """A task to run."""

    task_type: ObjectName
    """Its TaskType."""
    task_config: Config = Field(default_factory=dict)
    """What the type asks for: an object, or the JSON of one in a string."""
    priority: Priority | None = None
    """1 is the most urgent, 5 the least; absent: the type's preset."""
    namespace: Namespace | None = None
    """Absent: the caller's default."""
    queue: LabelName | None = None
    """The TaskQueue to wait in; absent: `default`."""


class Submitted(Snake):
    """The API server has it."""

    task_id: str


class QueryTask(Snake):
    """One task by its id, or a page of those that match, newest first."""

    task_id: TaskId | None = None
    task_type: Annotated[tuple[ObjectName, ...], Split, Field(max_length=50)] = ()
    submit_time_start: datetime | None = None
    """Submitted at this time or later: RFC 3339; without an offset it is UTC."""
    submit_time_end: datetime | None = None
    """Submitted before this time."""
    status: Annotated[tuple[TaskStatus, ...], Split, Field(max_length=20)] = ()
    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()
    page_size: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=200)] = ""
    """`next_cursor` of the page before."""

    @field_validator("submit_time_start", "submit_time_end")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        if not 1970 <= value.year < 9000:
            raise FieldProblem("InvalidTime")
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    def within(self, allowed: frozenset[str] | None) -> Filter:
        """The filter, kept to the namespaces that the caller may list."""
        asked = frozenset(self.namespace) or None
        return Filter(
            namespaces=allowed if asked is None else asked if allowed is None else asked & allowed,
            types=frozenset(self.task_type),
            statuses=frozenset(self.status),
            since=micros(self.submit_time_start) if self.submit_time_start else None,
            until=micros(self.submit_time_end) if self.submit_time_end else None,
            hidden_types=HIDDEN_TYPES,
        )


class StageReport(Snake):
    """A stage of the current run."""

    name: str
    status: TaskStatus
    percent: int | None = None
    attempt: int | None = None
    message: str | None = None
    start_time: str | None = None
    end_time: str | None = None


class ProgressReport(Snake):
    """How far the current stage is."""

    percent: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    items_done: int | None = None
    items_total: int | None = None
    bytes_per_second: int | None = None
    remaining_seconds: int | None = None
    message: str | None = None


class TaskReport(Snake):
    """A task: state, progress, config, stages."""

    task_id: str
    task_type: str
    namespace: str
    name: str
    status: TaskStatus
    priority: int
    submit_time: str
    start_time: str | None = None
    end_time: str | None = None
    message: str | None = None
    task_config: dict[str, Any]
    progress: ProgressReport
    stages: list[StageReport]
    item_error_count: int = 0
    archived: bool = False
    """It has left the cluster."""


class TaskReports(Snake):
    """A page."""

    tasks: list[TaskReport]
    next_cursor: str | None = None
    archive: str
    """`Unavailable`: history can't be read right now, so tasks that left the cluster are missing here."""


class OneTask(Snake):
    """Which task, in the query instead of the body."""

    task_id: TaskId | None = None
    reason: ReasonText | None = None


class TaskOrder(Snake):
    """Which task, and why."""

    task_id: TaskId | None = None
    """May stand in the query instead."""
    reason: ReasonText | None = None


class RestartOrder(TaskOrder):
    """How to run it again."""

    stage: StageName | None = None
    """The stage to begin from; absent: from the start."""


class PriorityOrder(Snake):
    """The priority to give it."""

    task_id: TaskId
    priority: Priority


class Done(Snake):
    """An action that succeeded."""

    task_id: str
    status: TaskStatus
    message: str


def report(row: Row, body: dict[str, Any]) -> dict[str, Any]:
    """A task as existing applications read it."""
    status = body.get("status", {})
    progress = status.get("progress") or {}
    figures = {
        "percent": 100 if row.status is TaskStatus.COMPLETED else row.percent,
        "bytes_done": progress.get("bytesDone"),
        "bytes_total": progress.get("bytesTotal"),
        "items_done": progress.get("itemsDone"),
        "items_total": progress.get("itemsTotal"),
        "bytes_per_second": progress.get("bytesPerSecond"),
        "remaining_seconds": progress.get("remainingSeconds"),
        "message": progress.get("message"),
    }
    cells = {
        "task_id": row.task_id,
        "task_type": row.type,
        "namespace": row.namespace,
        "name": row.name,
        "status": row.status,
        "priority": row.priority,
        "submit_time": stamp(moment(row.submitted)),
        "start_time": stamp(row.started),
        "end_time": stamp(row.ended),
        "message": row.message or None,
        "task_config": body.get("spec", {}).get("config", {}),
        "progress": _known(figures),
        "stages": [_stage(line) for line in status.get("stages", ())],
        "item_error_count": row.item_errors,
        "archived": row.is_archived,
    }
    return _known(cells)


def _stage(line: dict[str, Any]) -> dict[str, Any]:
    cells = {
        "name": line["name"],
        "status": statuses.of(line.get("phase")),
        "percent": line.get("percent"),
        "attempt": line.get("attempt"),
        "message": line.get("message"),
        "start_time": line.get("startTime"),
        "end_time": line.get("completionTime"),
    }
    return _known(cells)


def _known(cells: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cells.items() if value is not None}
