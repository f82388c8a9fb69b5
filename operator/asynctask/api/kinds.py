"""The kinds as the API server knows them: names, scope, columns."""

from dataclasses import dataclass
from typing import Literal

from asynctask.api.asynctask import AsyncTask
from asynctask.api.base import Model
from asynctask.api.stage import Stage
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.taskqueue import TaskQueue
from asynctask.api.taskschedule import TaskSchedule
from asynctask.api.tasktype import TaskType


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with `-o wide` only."""

    name: str
    path: str
    type: Literal["string", "integer", "date", "boolean"] = "string"
    wide: bool = False


@dataclass(frozen=True)
class Kind:
    """One custom resource definition."""

    model: type[Model]
    plural: str
    short_names: tuple[str, ...]
    namespaced: bool
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    first_status: tuple[tuple[str, str | int], ...] = ()
    """What the status reads before anybody has written one. The API server fills it in on every read, so it is true
    from the first moment and costs no write."""

    @property
    def name(self) -> str:
        """The kind."""
        return self.model.__name__


AGE = Column("Age", ".metadata.creationTimestamp", "date")
READY = Column("Ready", '.status.conditions[?(@.type=="Ready")].status')
WHY_NOT_READY = Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True)

ASYNC_TASK = Kind(
    AsyncTask, "asynctasks", ("at",), True,
    (
        Column("Phase", ".status.phase"),
        Column("Stage", ".status.stage"),
        Column("Progress", ".status.display.progress"),
        Column("Priority", ".status.priority", "integer"),
        Column("Queue", ".spec.queueName"),
        AGE,
        Column("Speed", ".status.display.speed", wide=True),
        Column("ETA", ".status.display.remaining", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    (".spec.queueName", ".spec.type"),
    (("phase", "Pending"),),
)  # fmt: skip
STAGE = Kind(
    Stage, "stages", ("ast",), True,
    (
        Column("Task", ".spec.taskName"),
        Column("Stage", ".spec.template.name"),
        Column("Run", ".spec.run", "integer"),
        Column("Phase", ".status.phase"),
        Column("Attempt", ".status.attempt", "integer"),
        AGE,
        Column("Checkpoint", ".status.checkpoint.time", "date", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    first_status=(("phase", "Running"), ("attempt", 1)),
)  # fmt: skip
TASK_TYPE = Kind(
    TaskType, "tasktypes", ("att",), False,
    (
        Column("Title", ".spec.title.en"),
        Column("Priority", ".spec.defaultPriority", "integer"),
        READY,
        AGE,
        WHY_NOT_READY,
    ),
)  # fmt: skip
TASK_QUEUE = Kind(
    TaskQueue, "taskqueues", ("atq",), False,
    (
        Column("Max", ".spec.maxRunning", "integer"),
        Column("Running", ".status.running", "integer"),
        Column("Waiting", ".status.waiting", "integer"),
        Column("Suspend", ".spec.suspend", "boolean", wide=True),
        Column("Waiting Since", ".status.waitingSince", "date", wide=True),
        AGE,
    ),
)  # fmt: skip
STORAGE_ENDPOINT = Kind(
    StorageEndpoint, "storageendpoints", ("ase",), True,
    (
        Column("Path", ".spec.path"),
        Column("Claim", ".spec.volume.claimName"),
        Column("Remote", ".spec.remote.url"),
        Column("MB/s", ".spec.limits.megabytesPerSecond", "integer"),
        Column("Streams", ".spec.limits.streams", "integer", wide=True),
        READY,
        AGE,
        WHY_NOT_READY,
    ),
)  # fmt: skip
TASK_SCHEDULE = Kind(
    TaskSchedule, "taskschedules", ("ats",), True,
    (
        Column("Schedule", ".spec.schedule"),
        Column("Time Zone", ".spec.timeZone"),
        Column("Suspend", ".spec.suspend", "boolean"),
        Column("Last", ".status.lastScheduleTime", "date"),
        Column("Last Success", ".status.lastSuccess.completionTime", "date"),
        AGE,
        Column("Last Task", ".status.lastTask", wide=True),
    ),
)  # fmt: skip

KINDS = (ASYNC_TASK, STAGE, TASK_TYPE, TASK_QUEUE, STORAGE_ENDPOINT, TASK_SCHEDULE)
