"""TaskType: a scenario that tasks name."""

from typing import Annotated

from pydantic import Field

from asynctask.api.base import (
    CONDITIONS_KEYS,
    Condition,
    Count,
    JsonObject,
    Message,
    Metadata,
    Model,
    Priority,
    Text,
)
from asynctask.api.templates import Locations, Retry, Stages
from asynctask.api.window import Window


class TaskTypeSpec(Model):
    """What tasks of this type do, and which config they take."""

    title: Text = Text()
    """What people see."""
    description: Message = ""
    """What it does, in a few sentences."""
    config_schema: JsonObject = Field(default_factory=dict)
    """JSON Schema (2020-12) of the task's config. Defaults in it are filled in."""
    default_priority: Priority = 3
    """The priority of tasks that give none."""
    preemptible: bool = True
    """Whether more urgent tasks may push tasks of this type out, where the queue allows it. False for work that saves no checkpoint and would begin anew."""
    locations: Locations = ()
    """Which config fields are locations on storage, and how they are used."""
    stages: Stages
    """The stages."""
    retry: Retry = Retry()
    """How failed attempts are tried again."""
    window: Window | None = None
    """The hours at which tasks of this type may run."""


class TaskTypeStatus(Model):
    """What the operator makes of the type."""

    observed_generation: Count = 0
    """The generation of the spec that this speaks of."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Ready`."""


class TaskType(Model):
    """A scenario: which stages a task has and which config it takes."""

    metadata: Metadata
    spec: TaskTypeSpec
    status: TaskTypeStatus = TaskTypeStatus()
