"""TaskQueue: how many tasks run at once."""

from typing import Annotated

from pydantic import ConfigDict, Field

from asynctask.api.base import CONDITIONS_KEYS, Condition, Count, Metadata, Model, Rule, rules


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

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="size(self.metadata.name) <= 63",
                message="the name of a queue has at most 63 characters, since tasks carry it as a label",
            ),
        )
    )

    metadata: Metadata
    spec: TaskQueueSpec = TaskQueueSpec()
    status: TaskQueueStatus = TaskQueueStatus()
