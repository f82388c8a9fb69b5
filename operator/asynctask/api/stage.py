"""Stage: one stage of one run of a task. Made by the operator, written by operator and gateway, read by people."""

from typing import Annotated

from pydantic import ConfigDict, Field

from asynctask.api.approval import Decisions, Review, ReviewItems
from asynctask.api.base import (
    CONDITIONS_KEYS,
    Anything,
    Condition,
    Count,
    FieldName,
    JsonObject,
    Message,
    Metadata,
    Model,
    ObjectName,
    Path,
    ReasonName,
    Rule,
    StageName,
    Time,
    Uid,
    rules,
)
from asynctask.api.status import ErrorClass, LastError, Outcome, PhaseName, Progress
from asynctask.api.templates import Access, StageTemplate


class StageLocation(Model):
    """A location that the stage uses, resolved to its endpoint."""

    field: FieldName
    """The config field that named it."""
    endpoint: ObjectName
    """The StorageEndpoint."""
    access: Access = "Read"
    """How it is used."""
    path: Path
    """The path as the user wrote it."""


class StageInput(Model):
    """An earlier stage whose outputs this one may read."""

    stage: StageName
    """Its name within the task."""
    object: ObjectName
    """The Stage object that holds them."""


class StageSpec(Model):
    """What the stage is. Never changes."""

    task_name: ObjectName
    """The task."""
    task_uid: Uid = Field(alias="taskUID")
    """The task's uid."""
    run: Annotated[int, Field(ge=1, le=1_000_000)]
    """The run of the task."""
    # Checked where it was written, in the task or its type; checking it again with each report would be dear.
    template: Annotated[StageTemplate, Field(json_schema_extra={"x-free-form": True})]
    """The stage as it was written when it began, as in `AsyncTask.spec.stages`."""
    locations: Annotated[tuple[StageLocation, ...], Field(max_length=64)] = ()
    """The storage it uses."""
    inputs: Annotated[tuple[StageInput, ...], Field(max_length=32)] = ()
    """Earlier stages whose outputs it may read."""
    items: Annotated[tuple[Anything, ...], Field(max_length=10_000)] = ()
    """The items that a `task` stage starts one task each for, as they were when it began."""


class Checkpoint(Model):
    """How to go on after an interruption. Written by the gateway."""

    sequence: Count = 0
    """Grows with each checkpoint of the stage."""
    attempt: Count = 1
    """The attempt that saved it."""
    time: Time | None = None
    """When."""
    data: JsonObject = Field(default_factory=dict)
    """The stage's own; at most 32 KiB."""


class Completion(Model):
    """What the stage said at its end. Written by the gateway; outranks the pod's exit code."""

    attempt: Count = 1
    """The attempt that ended."""
    outcome: Outcome
    """How."""
    error_class: ErrorClass | None = Field(default=None, alias="class")
    """Whether trying again can help, when it failed."""
    reason: ReasonName = ""
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""
    outputs: JsonObject = Field(default_factory=dict)
    """What later stages may read; at most 16 KiB."""
    time: Time | None = None
    """When."""


class Holder(Model):
    """The pod that works on the stage. Calls of older pods are refused."""

    pod_uid: Uid = Field(alias="podUID")
    """The pod's uid."""
    pod_name: Annotated[str, Field(max_length=253)] = ""
    """The pod's name."""
    attempt: Count = 1
    """Its attempt."""
    pod_creation_time: Time | None = None
    """When the pod was made: of two pods the younger one holds."""


class Bandwidth(Model):
    """How much the stage may move. Empty while no limit of a StorageEndpoint counts for it."""

    allowed_bytes_per_second: Count | None = None
    """Its share of its endpoints' limits."""
    used_bytes_per_second: Count | None = None
    """What it moved of it."""


class ItemError(Model):
    """A file or other item that could not be dealt with while the rest went on."""

    path: Path
    """Which."""
    error_class: ErrorClass = Field(default="permanent", alias="class")
    """Whether trying again can help."""
    reason: ReasonName = ""
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""


class ItemErrors(Model):
    """How many items failed, and the first of them; the whole list is in the workspace."""

    count: Count = 0
    """In all."""
    first: Annotated[tuple[ItemError, ...], Field(max_length=20)] = ()
    """The first ones."""


Positions = Annotated[str, Field(max_length=65_536, pattern=r"^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$")]
"""Positions in a list, from 0, as ranges: `0-41,43`."""


class TaskResults(Model):
    """How the tasks of a `task` stage ended, so that it is known also when a task was deleted since."""

    total: Count
    """How many there are in all."""
    succeeded: Positions = ""
    """Those that succeeded."""
    partial: Positions = ""
    """Those that were done in part."""
    failed: Positions = ""
    """Those that failed, were cancelled or were skipped."""
    priority: Count = 0
    """The priority that was passed on to them last."""
    time: Time | None = None
    """When this was written."""


class StageStatus(Model):
    """What has become of the stage. `holder`, `progress`, `bandwidth`, `checkpoint`, `completion`, `itemErrors`, `reviews` and `reviewItems` are the gateway's, `review` a person's, the rest the operator's."""

    phase: Annotated[PhaseName | None, Field(json_schema_extra={"x-required": True})] = None
    """The state in one word; derived from the conditions."""
    message: Message = ""
    """The state in a sentence."""
    attempt: Count = 1
    """The attempt that runs or ran last."""
    failures: Count = 0
    """Attempts that failed in a row without the checkpoint moving on."""
    failed_sequence: Count = 0
    """The checkpoint's sequence when the newest attempt failed."""
    retry_time: Time | None = None
    """When the next attempt may begin."""
    start_time: Time | None = None
    """When its first pod began."""
    completion_time: Time | None = None
    """When it ended."""
    outputs: JsonObject | None = None
    """What later stages may read, of a stage that spoke through its termination message."""
    last_error: LastError | None = None
    """The newest failure."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Succeeded` is the summary; `Paused`."""
    holder: Holder | None = None
    """The pod that works on it."""
    progress: Progress | None = None
    """How far it is."""
    bandwidth: Bandwidth | None = None
    """How much it may move, as of the newest progress."""
    checkpoint: Checkpoint | None = None
    """How to go on after an interruption."""
    completion: Completion | None = None
    """What it said at its end."""
    item_errors: ItemErrors | None = None
    """Items that failed."""
    tasks: TaskResults | None = None
    """How the tasks of a `task` stage ended."""
    reviews: Decisions = ()
    """What people decided on an approval stage, by way of the gateway."""
    review_items: ReviewItems | None = None
    """The approved list of an approval stage with `items`."""
    review: Review | None = None
    """A decision on an approval stage without a gateway; it counts like one of `reviews`: `kubectl patch ast NAME --subresource=status --type=merge -p '{"status":{"review":{"decision":"Approved"}}}'`."""


class Stage(Model):
    """One stage of one run of a task, made by the operator when the stage is ready."""

    # A write of the status never changes the spec, and comparing costs: see the rules of AsyncTask.
    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="self.status.phase != oldSelf.status.phase || self.spec == oldSelf.spec",
                message="the spec of a Stage never changes",
                field_path=".spec",
                reason="FieldValueForbidden",
            ),
        )
    )

    metadata: Metadata
    spec: StageSpec
    status: StageStatus = StageStatus()
