"""What is sent and answered about tasks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from asynctask.api.asynctask import AsyncTaskSpec, Waiting
from asynctask.api.base import Condition, LabelName, ObjectName, Priority, Seconds, StageName
from asynctask.api.status import Progress
from asynctask.api.window import Window
from asynctask.core.statuses import TaskStatus
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.tasks.filters import TaskFilter

LabelKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    ),
]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=32)]
ReasonText = Annotated[str, Field(max_length=1000)]
Ttl = Annotated[int, Field(ge=0, le=31_536_000)]


class TaskSubmission(Camel):
    """A task to make."""

    namespace: Namespace | None = None
    """Where; absent: the caller's default."""
    name: Annotated[ObjectName, Field(max_length=200)] | None = None
    """Its name; absent: made up."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the caller's own."""
    spec: AsyncTaskSpec
    """What is to be done, as in the custom resource."""


class TaskChange(Camel):
    """Fields of a task to change; what is absent stays, null takes away."""

    priority: Priority | None = None
    """1 is the most urgent, 5 the least; null: the type's preset."""
    suspend: bool = False
    """Pause, or resume."""
    cancel: bool = False
    """End the current run for good."""
    queue_name: LabelName = "default"
    """The TaskQueue it waits in."""
    ttl_seconds_after_finished: Ttl | None = None
    """Delete the task this long after it ended."""
    active_deadline_seconds: Seconds | None = None
    """The run fails when it has not ended this long after its first stage began."""
    window: Window | None = None
    """The hours at which it may run."""


class Reason(Camel):
    """Why something is done."""

    reason: ReasonText = ""
    """In the caller's words: kept with the task and in the audit."""


class Restart(Reason):
    """How a task is run again."""

    stage: StageName | None = None
    """The stage to begin from, those before it keep their results; absent: from the start."""


class TaskOutcome(Camel):
    """What has come of an action."""

    task_id: str
    status: TaskStatus
    changed: bool
    """False: it was so already."""
    message: str


class TaskLine(Camel):
    """A task in a list. Only the fields that were asked for are there."""

    task_id: str
    """The task's uid, its identity everywhere."""
    namespace: str | None = None
    name: str | None = None
    type: str | None = None
    """Its TaskType; absent with stages of its own."""
    status: TaskStatus | None = None
    phase: str | None = None
    """The state as the custom resource has it, finer than `status`."""
    priority: int | None = None
    queue: str | None = None
    owner: str | None = None
    """Who submitted it."""
    submit_time: datetime | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    run: int | None = None
    stage: str | None = None
    """The stages that run now, or where it stopped."""
    percent: int | None = None
    message: str | None = None
    waiting: str | None = None
    """Why it waits, for programs."""
    schedule: str | None = None
    """The schedule that made it."""
    item_error_count: int | None = None
    archived: bool | None = None
    """True: it has left the cluster."""
    config: dict[str, Any] | None = None
    stages: list[dict[str, Any]] | None = None
    progress: Progress | None = None
    display: dict[str, str] | None = None
    waiting_for: Waiting | None = None
    conditions: list[Condition] | None = None
    runs: list[dict[str, Any]] | None = None
    labels: dict[str, str] | None = None


class TaskWhole(TaskLine):
    """A task with all that is known of it."""

    spec: dict[str, Any]
    """As in the custom resource."""
    annotations: dict[str, str] | None = None
    generation: int | None = None
    resource_version: str | None = None
    reason: str | None = None
    """Why it was last paused, resumed, cancelled or restarted."""


class TaskPage(Camel):
    """A page of tasks, newest first."""

    items: list[TaskLine]
    next_cursor: str | None = None
    """Give it as `cursor` to have the next page; absent: there is none."""
    archive: Literal["Available", "Unavailable", "None"]
    """`Unavailable`: history can't be read right now, so tasks that left the cluster are missing here. `None`: no
    history is kept."""


class TaskProblem(Camel):
    """One thing to mend."""

    field: str
    code: str
    params: dict[str, Any]
    message: str


class TaskVerdict(Camel):
    """Whether a task would be taken."""

    valid: bool
    errors: list[TaskProblem]
    priority: int | None = None
    """The priority that it would have."""
    config: dict[str, Any] | None = None
    """The config that its stages would get: defaults filled in."""


class BulkAction(Camel):
    """One action on all live tasks that a filter takes. Without a digest they are only counted."""

    action: Literal["pause", "resume", "cancel", "restart", "prioritize", "delete"]
    filter: TaskFilter
    """Which tasks."""
    reason: ReasonText = ""
    stage: StageName | None = None
    """Of a restart: the stage to begin from."""
    priority: Priority | None = None
    """Of `prioritize`."""
    digest: Annotated[str, Field(min_length=64, max_length=64, pattern="^[0-9a-f]+$")] | None = None
    """As the count gave it: the action is done to those very tasks, or to none."""


class BulkFailure(Camel):
    """A task that it could not be done to."""

    task_id: str
    name: str
    code: str


class BulkOutcome(Camel):
    """What would be done, or what was done."""

    count: int
    """Tasks that the filter takes and the action would change, or has changed."""
    digest: str
    """Give it to do the action to these tasks."""
    done: bool
    sample: list[TaskLine]
    """The newest of them."""
    failures: list[BulkFailure]


class WaitAnswer(Camel):
    """Why a task does not run."""

    task_id: str
    status: TaskStatus
    waits: bool
    code: str | None = None
    """Why, for programs."""
    message: str | None = None
    """Why, in the caller's language as far as the code says it."""
    params: dict[str, Any]
    """Figures and names that belong to the code."""
    since: datetime | None = None


class GraphCheck(Camel):
    """Stages, or tasks that depend on each other, to be checked before they are saved."""

    stages: Annotated[list[dict[str, Any]], Field(max_length=64)] | None = None
    """Stages as in `AsyncTask.spec.stages`; what is looked at is `name` and `needs`."""
    namespace: Namespace | None = None
    name: ObjectName | None = None
    """A task of the namespace, or one to come."""
    depends_on: Annotated[list[ObjectName], Field(max_length=32)] | None = None
    """The tasks that it is to depend on."""


class GraphAnswer(Camel):
    """Whether the graph makes sense."""

    valid: bool
    order: list[str]
    """Stages in an order that respects their needs."""
    cycle: list[str]
    """From a name back to it."""
    errors: list[TaskProblem]
