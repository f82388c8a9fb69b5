"""AsyncTask: one piece of work."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import (
    CONDITIONS_KEYS,
    NAME_KEYS,
    Condition,
    Count,
    JsonObject,
    LabelName,
    Message,
    Metadata,
    Model,
    ObjectName,
    Priority,
    ReasonName,
    Rule,
    Seconds,
    ShortText,
    StageName,
    Time,
    rules,
)
from asynctask.api.names import DEFAULT_QUEUE
from asynctask.api.notification import TaskNotification
from asynctask.api.status import Phase, PhaseName, Progress
from asynctask.api.templates import EndCondition, Locations, Retry, Stages
from asynctask.api.window import Window

UserId = Annotated[int, Field(ge=1, le=2_147_483_647)]


class RunAs(Model):
    """The user and groups that the stages' processes have. Root is never among them."""

    user: UserId = 65532
    """User id."""
    group: UserId = 65532
    """Group id."""
    fs_group: UserId | None = None
    """Group that volumes are made accessible to, where they support it."""


class Dependency(Model):
    """Another task of the namespace that must have ended first."""

    name: ObjectName
    """The task. What counts is its current run."""
    condition: EndCondition = "PartiallySucceeded"
    """How it must have ended. `Succeeded`: in full. `PartiallySucceeded`: in full or in part. `Finished`: in any way."""


class AsyncTaskSpec(Model):
    """What is to be done."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(rule="has(self.type) != has(self.stages)", message="give either a type or stages of the task's own"),
            Rule(
                rule="has(self.stages) || !has(self.locations) || size(self.locations) == 0",
                message="locations go with stages of the task's own; a type brings its own list",
                field_path=".locations",
            ),
        )
    )

    type: ObjectName | None = None
    """The TaskType to run; or give `stages`."""
    stages: Stages | None = None
    """Stages of the task's own, in place of a type."""
    locations: Locations = ()
    """With stages of its own: which config fields are locations on storage. A TaskType brings its own list."""
    config: JsonObject = Field(default_factory=dict)
    """The work's parameters, checked against the type's schema; at most 64 KiB."""
    priority: Priority | None = None
    """1 is the most urgent, 5 the least. Absent: the type's preset, else 3."""
    queue_name: LabelName = DEFAULT_QUEUE
    """The TaskQueue it waits in."""
    preemptible: bool | None = None
    """False: more urgent tasks never push it out, whatever its queue allows. Absent: as its type says, else true."""
    overlap_policy: Literal["Wait", "Skip", "Fail"] = "Wait"
    """When it is due while another task writes where it reads, or uses where it writes. `Wait`: until that one stops. `Skip`: end this run undone, with phase Skipped. `Fail`: end it as failed."""
    min_megabytes_per_second: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Start only when each storage endpoint that it uses still has this much of its limit to promise; 1 MB is 1,000,000 bytes."""
    suspend: bool = False
    """Pause: the stage saves a checkpoint, its pod goes, its quota is free. Set it to false to resume."""
    cancel: bool = False
    """End the current run for good. Raise `run` and set this to false to start again."""
    run: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Raise it to run the task again."""
    restart_from: StageName | None = None
    """With a higher run: keep the results of the stages that come before this one. Holds for that run alone: the next time `run` is raised, take it away or name another."""
    depends_on: Annotated[tuple[Dependency, ...], Field(max_length=32, json_schema_extra=NAME_KEYS)] = ()
    """Tasks that must have ended first. When one ends otherwise, this one fails."""
    dependency_timeout_seconds: Seconds | None = None
    """The run fails when the tasks that it depends on have not ended, or are not there, this long after it was asked for;
    pauses count. Absent: it waits."""
    retry: Retry | None = None
    """Overrides the type's retry policy."""
    window: Window | None = None
    """The hours at which it may run. Those of its type and of its queue hold as well: all must be open."""
    active_deadline_seconds: Seconds | None = None
    """The run fails when it has not ended this long after its first stage began; pauses count."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """Delete the task this long after it ended. Absent: keep it."""
    run_as: RunAs | None = None
    """User and groups of the stages."""
    notify: Annotated[tuple[TaskNotification, ...], Field(max_length=10)] = ()
    """Who is told of what, besides what the administrators' rules and the users' subscriptions say."""


class StageSummary(Model):
    """One line on a stage of the current run."""

    name: StageName
    """The stage."""
    object: Annotated[str, Field(max_length=253)] = ""
    """Its Stage object; empty while there is none."""
    phase: PhaseName
    """Its state."""
    reason: ReasonName = ""
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""
    attempt: Count = 1
    """The attempt that runs or ran last."""
    percent: Count | None = None
    """Percent done."""
    start_time: Time | None = None
    """When it began."""
    completion_time: Time | None = None
    """When it ended."""


class RunSummary(Model):
    """One line on an earlier run."""

    run: Count
    """Which."""
    phase: PhaseName
    """How it ended."""
    message: Message = ""
    """In a sentence."""
    start_time: Time | None = None
    """When it began."""
    completion_time: Time | None = None
    """When it ended."""


class Waiting(Model):
    """Why the task does not run. Written once while it waits for the same thing: figures that move are those of that moment."""

    reason: ReasonName
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""
    queue: ShortText = ""
    """The TaskQueue it waits in."""
    ahead: Count | None = None
    """Tasks of the queue that went before it when this was written."""
    resource: ShortText = ""
    """What it waits for: a limit of the queue such as `maxRunning` or `quota.cpu`, a path that is locked, a StorageEndpoint, a window, a task."""
    holder: ShortText = ""
    """The task of this namespace that holds it, where it is one."""
    since: Time | None = None
    """Since when it has waited."""
    earliest_start_time: Time | None = None
    """Before this it can't start; absent where that can't be known."""
    displaced_by: ShortText = ""
    """What pushed it out: a task of this namespace by name, any other by its priority."""
    displaced_time: Time | None = None
    """When."""


class Display(Model):
    """Figures ready to read, for the columns of `kubectl get`."""

    progress: ShortText = ""
    """For example `43%`, of a task of several stages `43% of stage 2/3`."""
    speed: ShortText = ""
    """For example `118 MB/s`."""
    remaining: ShortText = ""
    """For example `12m`."""


class AsyncTaskStatus(Model):
    """What has become of the task. Written by the operator."""

    observed_generation: Count = 0
    """The generation of the spec that this speaks of."""
    phase: Annotated[PhaseName | None, Field(json_schema_extra={"x-required": True})] = None
    """The state in one word; derived, for people."""
    message: Message = ""
    """The state in a sentence."""
    run: Count = 0
    """The run that this speaks of; 0 before the first."""
    stage: ShortText = ""
    """The stages that run now, or where it stopped."""
    priority: Count | None = None
    """The priority in force."""
    type_generation: Count = 0
    """The generation of the TaskType that the run began with; 0 with stages of its own, and before the first begins."""
    waiting: Waiting | None = None
    """Why it does not run, while it waits."""
    start_time: Time | None = None
    """When the run's first stage began."""
    completion_time: Time | None = None
    """When the run ended."""
    progress: Progress | None = None
    """How far the current stage is."""
    display: Display | None = None
    """The same, ready to read."""
    stages: Annotated[tuple[StageSummary, ...], Field(max_length=32, json_schema_extra=NAME_KEYS)] = ()
    """The stages of the run, in order."""
    item_error_count: Count = 0
    """Items that failed, over all stages."""
    runs: Annotated[tuple[RunSummary, ...], Field(max_length=10)] = ()
    """The runs before this one, newest first."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Succeeded` is the summary; also `Admitted`, `Progressing`, `Paused`, `Checkpointed`, and `Archived`, written by the gateway."""

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type, if it has been set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


# Rules of the task and not of its spec: a TaskSchedule holds a spec too and may change it at will. The API server checks
# them on every write of a status as well, where the spec is never changed, and what it does to look up one field costs
# it a copy of the schema of all fields beside it: comparing the stages field by field was a fifth of such a write. So
# each rule asks first whether the phase changed, which only a write of the status can do.
IS_STATUS_WRITE = "self.status.phase != oldSelf.status.phase"


def _on_change(rule: str, message: str, field: str, *, reason: Literal["FieldValueForbidden"] | None = None) -> Rule:
    """A rule on a change of the spec."""
    return Rule(rule=f"{IS_STATUS_WRITE} || {rule}", message=message, field_path=f".spec.{field}", reason=reason)


ONCE_WRITTEN = (
    _on_change("self.spec.run >= oldSelf.spec.run", "run may only grow", "run"),
    _on_change(
        "(has(self.spec.type) == has(oldSelf.spec.type) && (!has(self.spec.type) || self.spec.type == oldSelf.spec.type))",
        "the type of a task never changes; make a new task",
        "type",
        reason="FieldValueForbidden",
    ),
    _on_change(
        "self.spec.run > oldSelf.spec.run || (has(self.spec.config) == has(oldSelf.spec.config) && (!has(self.spec.config) || self.spec.config == oldSelf.spec.config))",
        "config may only change together with a higher run",
        "config",
        reason="FieldValueForbidden",
    ),
    _on_change(
        "self.spec.run > oldSelf.spec.run || (has(self.spec.stages) == has(oldSelf.spec.stages) && (!has(self.spec.stages) || self.spec.stages == oldSelf.spec.stages))",
        "stages may only change together with a higher run",
        "stages",
        reason="FieldValueForbidden",
    ),
    _on_change(
        "self.spec.run == oldSelf.spec.run || !has(self.spec.restartFrom) || !has(oldSelf.spec.restartFrom) || self.spec.restartFrom != oldSelf.spec.restartFrom",
        "restartFrom is that of an earlier run and held for that one alone: to run all stages, set it to null in the same change; to restart from this stage once more, take it away first, in a change of its own",
        "restartFrom",
    ),
    _on_change(
        "self.spec.run > oldSelf.spec.run || (has(self.spec.restartFrom) == has(oldSelf.spec.restartFrom) && (!has(self.spec.restartFrom) || self.spec.restartFrom == oldSelf.spec.restartFrom)) || (!has(self.spec.restartFrom) && has(self.status.completionTime) && has(self.status.run) && self.status.run == self.spec.run) || self.status.phase == 'Invalid'",
        "restartFrom may only change together with a higher run; when the run has ended it may be taken away",
        "restartFrom",
        reason="FieldValueForbidden",
    ),
)


class AsyncTask(Model):
    """One piece of work in stages, with checkpoints, pause and resume."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *ONCE_WRITTEN,
            Rule(
                rule="!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.name != self.metadata.name)",
                message="a task can't depend on itself",
                field_path=".spec.dependsOn",
            ),
        )
    )

    metadata: Metadata
    spec: Annotated[AsyncTaskSpec, Field(json_schema_extra={"x-required": True})] = AsyncTaskSpec()
    status: AsyncTaskStatus = AsyncTaskStatus()


__all__ = [
    "AsyncTask",
    "AsyncTaskSpec",
    "AsyncTaskStatus",
    "Dependency",
    "Display",
    "Phase",
    "RunAs",
    "RunSummary",
    "StageSummary",
    "Waiting",
]
