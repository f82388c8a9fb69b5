"""TaskSchedule: tasks made by the clock."""

from typing import Annotated, Literal

from pydantic import Field

from asynctask.api.asynctask import AsyncTaskSpec
from asynctask.api.base import CONDITIONS_KEYS, Condition, Count, Metadata, Model, Time


class TaskScheduleSpec(Model):
    """When, and what."""

    schedule: Annotated[str, Field(min_length=9, max_length=256, pattern=r"^\S+(\s+\S+){4}$")]
    """Five cron fields: minute, hour, day of month, month, day of week."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] = "UTC"
    """The IANA time zone that the schedule is read in."""
    suspend: bool = False
    """Make no tasks for now."""
    overlap_policy: Literal["Skip", "Wait", "Replace"] = "Skip"
    """What to do when the task before still runs."""
    starting_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """A run missed by more than this is not made up for."""
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
    """Start up to this much later, by a fixed amount for each schedule."""
    task: AsyncTaskSpec
    """The task to make."""


class TaskScheduleStatus(Model):
    """What the schedule has done."""

    last_schedule_time: Time | None = None
    """When it last made a task."""
    active: Count = 0
    """Tasks of it that have not ended."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Ready`."""


class TaskSchedule(Model):
    """Makes tasks by the clock."""

    metadata: Metadata
    spec: TaskScheduleSpec
    status: TaskScheduleStatus = TaskScheduleStatus()
