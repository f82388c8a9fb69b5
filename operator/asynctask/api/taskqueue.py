"""TaskQueue: how many tasks run at once."""

from typing import Annotated

from pydantic import Field

from asynctask.api.base import CONDITIONS_KEYS, Condition, Count, Metadata, Model


class TaskQueueSpec(Model):
    """The queue's limits."""

    max_running: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Tasks that may run at once; 0 holds all back; absent: no limit."""


class TaskQueueStatus(Model):
    """What is in the queue."""

    running: Count = 0
    """Tasks that run."""
    waiting: Count = 0
    """Tasks that wait."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Ready`."""


class TaskQueue(Model):
    """A queue that tasks wait in, most urgent first. Tasks that name no queue use `default`, which has no limit unless it is made."""

    metadata: Metadata
    spec: TaskQueueSpec = TaskQueueSpec()
    status: TaskQueueStatus = TaskQueueStatus()
