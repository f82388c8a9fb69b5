"""What the view keeps of each object: flat and small, for ten thousand tasks stay in memory.

Times are microseconds since 1970, as the archive has them, so that rows of both sort alike.
"""

from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any, Literal, TypeAlias

import msgspec

from asynctask.api import names
from asynctask.api.status import FINAL_PHASES, Phase
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus
from asynctask.gateway.front.view.objects import Condition, Progress, Stage, StageStatus, Task, Waiting, Whole
from asynctask.gateway.front.view.objects import TaskStatus as Status
from asynctask.gateway.observed import DEFAULT_PRIORITY

KindName = Literal["task", "stage", "type", "queue", "endpoint", "schedule"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class _Kept(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What identifies every row."""

    uid: str
    namespace: str
    name: str
    version: int
    """Its resourceVersion."""


class TaskRow(_Kept, frozen=True, gc=False, kw_only=True):
    """A task, as lists show it. Has all that `core.tasklists.Filter` looks at."""

    type: str
    """Its TaskType; empty with stages of its own."""
    status: TaskStatus
    phase: str
    priority: int
    queue: str
    owner: str
    """Who submitted it, where that is known."""
    schedule: str
    """The TaskSchedule that made it."""
    parent_uid: str
    """The task that started it."""
    submitted: int
    started: int | None
    ended: int | None
    deadline: int | None
    """When its run fails if it has not ended; None before it began, and where there is none."""
    run: int
    """The run that is asked for, and that the rest speaks of: it begins with a clean slate."""
    generation: int
    suspend: bool
    cancel: bool
    is_deleting: bool
    is_leaving: bool = False
    """Its object is gone, and the archive has not said yet that it knows."""
    ttl_seconds: int | None
    stage: str
    message: str
    reason: str
    """Why it is as it is, for programs: of its end, of what it waits for, or of why it is invalid."""
    waiting: Waiting | None
    progress: Progress | None
    item_error_count: int

    @property
    def asked_run(self) -> int:
        """The run that is asked for."""
        return self.run

    @property
    def percent(self) -> int | None:
        """Percent done, of the stage that runs."""
        return self.progress.percent if self.progress else None

    @property
    def is_over(self) -> bool:
        """Whether nothing but a new run goes on from here."""
        return self.phase in FINAL_PHASES


class StageRow(_Kept, frozen=True, gc=False, kw_only=True):
    """A stage of a run of a task."""

    task_uid: str
    task: str
    """The task's name."""
    run: int
    stage: str
    """Its name within the task."""
    kind: str
    """`job`, `approval`, `wait` or `task`."""
    phase: str
    status: TaskStatus
    message: str
    reason: str
    attempt: int
    failures: int
    created: int
    started: int | None
    ended: int | None
    retry: int | None
    progress: Progress | None
    checkpoint_sequence: int
    checkpoint_time: int | None
    item_error_count: int

    @property
    def percent(self) -> int | None:
        """Percent done."""
        return self.progress.percent if self.progress else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase in FINAL_PHASES


class ObjectRow(_Kept, frozen=True, gc=False, kw_only=True):
    """An object of a kind that there are few of, whole."""

    raw: bytes
    """JSON, without managedFields."""

    def object(self) -> dict[str, Any]:
        """It, as the API server has it but for apiVersion and kind."""
        found: dict[str, Any] = msgspec.json.decode(self.raw)
        return found


Row: TypeAlias = TaskRow | StageRow | ObjectRow


def task_row(task: Task) -> TaskRow:
    """A task as it is kept."""
    meta, spec = task.metadata, task.spec
    status = task.status if task.status.run in (0, spec.run) else Status()  # a new run begins with a clean slate
    deadline = None
    if status.start_time and spec.active_deadline_seconds:
        deadline = micros(status.start_time + timedelta(seconds=spec.active_deadline_seconds))
    return TaskRow(
        uid=meta.uid,
        namespace=intern(meta.namespace),
        name=meta.name,
        version=int(meta.resource_version or 0),
        type=intern(spec.type),
        status=statuses.of(status.phase),
        phase=intern(str(status.phase)),
        priority=spec.priority or status.priority or DEFAULT_PRIORITY,
        queue=intern(spec.queue_name),
        owner=intern(meta.annotations.submitted_by),
        schedule=intern(meta.labels.get(names.LABEL_SCHEDULE, "")),
        parent_uid=meta.labels.get(names.LABEL_TASK_UID, ""),
        submitted=micros(meta.creation_timestamp) if meta.creation_timestamp else 0,
        started=_maybe(status.start_time),
        ended=_maybe(status.completion_time),
        deadline=deadline,
        run=spec.run,
        generation=meta.generation,
        suspend=spec.suspend,
        cancel=spec.cancel,
        is_deleting=meta.deletion_timestamp is not None,
        ttl_seconds=spec.ttl_seconds_after_finished,
        stage=intern(status.stage),
        message=intern(status.message),
        reason=intern(_task_reason(status.phase, status.waiting, status.conditions)),
        waiting=status.waiting,
        progress=status.progress,
        item_error_count=status.item_error_count,
    )


def stage_row(stage: Stage) -> StageRow:
    """A Stage as it is kept."""
    meta, spec, status = stage.metadata, stage.spec, stage.status
    return StageRow(
        uid=meta.uid,
        namespace=intern(meta.namespace),
        name=meta.name,
        version=int(meta.resource_version or 0),
        task_uid=spec.task_uid,
        task=spec.task_name,
        run=spec.run,
        stage=intern(spec.template.name),
        kind=intern(spec.template.kind),
        phase=intern(str(status.phase)),
        status=statuses.of(status.phase),
        message=intern(status.message),
        reason=intern(_stage_reason(status)),
        attempt=status.attempt,
        failures=status.failures,
        created=micros(meta.creation_timestamp) if meta.creation_timestamp else 0,
        started=_maybe(status.start_time),
        ended=_maybe(status.completion_time),
        retry=_maybe(status.retry_time),
        progress=status.progress,
        checkpoint_sequence=status.checkpoint.sequence if status.checkpoint else 0,
        checkpoint_time=_maybe(status.checkpoint.time) if status.checkpoint else None,
        item_error_count=status.item_errors.count if status.item_errors else 0,
    )


def object_row(whole: Whole) -> ObjectRow:
    """An object kept whole."""
    meta = whole.metadata
    return ObjectRow(
        uid=meta.uid,
        namespace=intern(meta.namespace),
        name=meta.name,
        version=int(meta.resource_version or 0),
        raw=msgspec.json.encode(whole),
    )


def micros(time: datetime) -> int:
    """A time as rows have it."""
    return (time - EPOCH) // timedelta(microseconds=1)


def _maybe(time: datetime | None) -> int | None:
    return micros(time) if time else None


def _task_reason(phase: str, waiting: Waiting | None, conditions: tuple[Condition, ...]) -> str:
    if phase == Phase.INVALID:
        return _reason_of("Admitted", conditions)
    if waiting is not None:
        return waiting.reason
    return _reason_of("Succeeded", conditions)


def _stage_reason(status: StageStatus) -> str:
    return _reason_of("Succeeded", status.conditions) or (status.last_error.reason if status.last_error else "")


def _reason_of(kind: str, conditions: tuple[Condition, ...]) -> str:
    return next((condition.reason for condition in conditions if condition.type == kind), "")
