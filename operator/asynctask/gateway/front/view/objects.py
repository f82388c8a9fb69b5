"""What the view reads of tasks and Stages as the API server sends them: unknown fields are skipped undecoded."""

from datetime import datetime
from typing import Any

import msgspec

from asynctask.api import names
from asynctask.api.status import Phase
from asynctask.core.observed import Owner, Part


class Notes(Part, frozen=True):
    """The annotations that are read."""

    submitted_by: str = msgspec.field(default="", name=names.ANNOTATION_SUBMITTED_BY)


NO_NOTES = Notes()


class Meta(Part, frozen=True):
    """Object metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: Notes = NO_NOTES
    owner_references: tuple[Owner, ...] = ()


class Condition(Part, frozen=True):
    """One condition."""

    type: str = ""
    status: str = ""
    reason: str = ""


class Progress(Part, frozen=True, omit_defaults=True):
    """How far it is."""

    bytes_done: int | None = None
    bytes_total: int | None = None
    items_done: int | None = None
    items_total: int | None = None
    bytes_per_second: int | None = None
    remaining_seconds: int | None = None
    message: str = ""

    @property
    def percent(self) -> int | None:
        """Percent done: by bytes where their total is known, else by items; None when neither is."""
        for done, total in ((self.bytes_done, self.bytes_total), (self.items_done, self.items_total)):
            if done is not None and total:
                return min(100, done * 100 // total)
        return None


class Waiting(Part, frozen=True, omit_defaults=True):
    """Why a task does not run, as `AsyncTask.status.waiting`."""

    reason: str = ""
    message: str = ""
    queue: str = ""
    ahead: int | None = None
    resource: str = ""
    holder: str = ""
    since: datetime | None = None
    earliest_start_time: datetime | None = None
    displaced_by: str = ""
    displaced_time: datetime | None = None


class TaskSpec(Part, frozen=True):
    """What is read of a task's spec."""

    type: str = ""
    priority: int | None = None
    queue_name: str = names.DEFAULT_QUEUE
    suspend: bool = False
    cancel: bool = False
    run: int = 1
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None


class TaskStatus(Part, frozen=True):
    """What is read of a task's status."""

    phase: str = Phase.PENDING
    message: str = ""
    run: int = 0
    stage: str = ""
    priority: int | None = None
    waiting: Waiting | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    progress: Progress | None = None
    item_error_count: int = 0
    conditions: tuple[Condition, ...] = ()


class Task(Part, frozen=True):
    """A task."""

    metadata: Meta
    spec: TaskSpec = TaskSpec()
    status: TaskStatus = TaskStatus()


class Something(Part, frozen=True):
    """Of which counts only that it is there."""


class Template(Part, frozen=True):
    """What is read of a stage as it was written."""

    name: str = ""
    approval: Something | None = None
    wait: Something | None = None
    task: Something | None = None

    @property
    def kind(self) -> str:
        """What the stage is: `job`, `approval`, `wait` or `task`."""
        if self.approval:
            return "approval"
        if self.wait:
            return "wait"
        return "task" if self.task else "job"


class StageSpec(Part, frozen=True):
    """What is read of a Stage's spec."""

    task_name: str = ""
    task_uid: str = msgspec.field(name="taskUID", default="")
    run: int = 1
    template: Template = Template()


class Checkpoint(Part, frozen=True):
    """What is read of a checkpoint: not its data."""

    sequence: int = 0
    time: datetime | None = None


class ErrorCount(Part, frozen=True):
    """Items that failed."""

    count: int = 0


class LastError(Part, frozen=True):
    """Why the newest attempt that failed did so."""

    reason: str = ""
    message: str = ""


class StageStatus(Part, frozen=True):
    """What is read of a Stage's status."""

    phase: str = Phase.RUNNING
    message: str = ""
    attempt: int = 1
    failures: int = 0
    retry_time: datetime | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    last_error: LastError | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    item_errors: ErrorCount | None = None
    conditions: tuple[Condition, ...] = ()


class Stage(Part, frozen=True):
    """A Stage."""

    metadata: Meta
    spec: StageSpec = StageSpec()
    status: StageStatus = StageStatus()


class WholeMeta(Part, frozen=True, omit_defaults=True):
    """Metadata of an object that is kept whole: all but who wrote which field."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Whole(Part, frozen=True):
    """An object that is kept whole, of a kind that there are few of."""

    metadata: WholeMeta
    spec: dict[str, Any] = msgspec.field(default_factory=dict)
    status: dict[str, Any] = msgspec.field(default_factory=dict)
