"""TaskSchedule: tasks made by the clock."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.asynctask import AsyncTaskSpec
from asynctask.api.base import (
    CONDITIONS_KEYS,
    SET_KEYS,
    Condition,
    Count,
    Message,
    Metadata,
    Model,
    ObjectName,
    ReasonName,
    Rule,
    Seconds,
    Time,
    rules,
)
from asynctask.api.window import ZoneName

LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
AnnotationValue = Annotated[str, Field(max_length=4096)]
HistoryLimit = Annotated[int, Field(ge=0, le=1000)]


class TemplateMetadata(Model):
    """What the tasks carry besides their spec."""

    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=32)] = Field(default_factory=dict)
    """Labels of the tasks."""
    annotations: Annotated[dict[LabelKey, AnnotationValue], Field(max_length=32)] = Field(default_factory=dict)
    """Annotations of the tasks."""


class TaskTemplate(Model):
    """The tasks to make."""

    metadata: TemplateMetadata = TemplateMetadata()
    """What they carry."""
    spec: AsyncTaskSpec
    """What they do."""


class Freshness(Model):
    """How old the last good result may be."""

    max_age_seconds: Seconds
    """The last run that succeeded, wholly or in part, must have begun within this time."""


class TaskScheduleSpec(Model):
    """When, and what."""

    schedule: Annotated[str, Field(min_length=9, max_length=256, pattern=r"^\S+(\s+\S+){4}$")]
    """Five cron fields: minute, hour, day of month, month, day of week."""
    time_zone: ZoneName = "UTC"
    """The IANA time zone that the schedule is read in."""
    suspend: bool = False
    """Make no tasks for now. What came due meanwhile is not made up for."""
    missed_run_policy: Literal["Collapse", "Skip"] = "Collapse"
    """What came due while nothing could be started: `Collapse` makes up for all of it with one run, `Skip` waits for the next time."""
    starting_deadline_seconds: Seconds | None = None
    """A run that could not start within this time is left out. Absent: with `Collapse` never, with `Skip` after two minutes."""
    concurrency_policy: Literal["Queue", "Skip", "Replace"] = "Skip"
    """When the run before has not ended: `Queue` starts one when it has, `Skip` leaves this one out, `Replace` cancels the one before."""
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
    """Start up to this much later, by a fixed amount for each schedule, so that many don't start in the same second."""
    run_now: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Raise it to have one run at once, whatever the clock says, even while suspended. It waits for the run before."""
    successful_tasks_history_limit: HistoryLimit = 3
    """Tasks to keep that succeeded, wholly or in part."""
    failed_tasks_history_limit: HistoryLimit = 3
    """Tasks to keep that failed or were cancelled."""
    freshness: Freshness | None = None
    """Watch how old the last good result is: condition `Fresh`."""
    task_template: TaskTemplate
    """The tasks to make."""


class LastSuccess(Model):
    """The newest run that succeeded, wholly or in part."""

    task: ObjectName
    """The task; it may have been deleted since."""
    start_time: Time
    """When it began: its result is as old as that."""
    completion_time: Time
    """When it ended."""


class LeftOut(Model):
    """A run that was not made."""

    time: Time
    """When it should have started; of several, the last."""
    reason: ReasonName
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""


class TaskScheduleStatus(Model):
    """What the schedule has done and will do. Written when it makes a task and when one ends."""

    observed_generation: Count = 0
    """The generation of the spec that this speaks of."""
    observed_schedule: Annotated[str, Field(max_length=330)] = ""
    """Schedule and time zone that the times here are reckoned by."""
    decided_until: Time | None = None
    """All times of the schedule up to this one have been dealt with."""
    last_schedule_time: Time | None = None
    """The time of the schedule that the newest task was made for."""
    last_task: Annotated[str, Field(max_length=253)] = ""
    """The newest task."""
    waiting_schedule_time: Time | None = None
    """The run of this time waits for the one before to end."""
    next_schedule_times: Annotated[tuple[Time, ...], Field(max_length=3)] = ()
    """When the next runs start, jitter included."""
    active: Annotated[tuple[ObjectName, ...], Field(max_length=16, json_schema_extra=SET_KEYS)] = ()
    """Its tasks that have not ended."""
    run_now: Count = 0
    """The newest `spec.runNow` that has been served."""
    last_success: LastSuccess | None = None
    """The newest run that succeeded, wholly or in part."""
    usual_seconds: Count | None = None
    """How long a run that succeeds usually takes, from its start to its end."""
    last_left_out: LeftOut | None = None
    """The newest run that was not made."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Ready`: whether it makes tasks. `Fresh`: whether the last good result is young enough."""

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type, if it has been set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


class TaskSchedule(Model):
    """Makes tasks by the clock."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="self.spec.runNow >= oldSelf.spec.runNow",
                message="runNow may only grow",
                field_path=".spec.runNow",
            ),
        )
    )

    metadata: Metadata
    spec: TaskScheduleSpec
    status: TaskScheduleStatus = TaskScheduleStatus()
