"""`/api/v1/types`: the scenarios that tasks name."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api.base import ObjectName
from asynctask.api.tasktype import TaskType, TaskTypeSpec
from asynctask.core import readiness
from asynctask.core.problems import Problem
from asynctask.gateway.front import kept
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.objects import Kind, Objects
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.routes.queues import Annotations
from asynctask.gateway.front.tasks.models import Labels

TAG = "types"


async def _problems(_: Call, __: str, name: str, spec: Mapping[str, Any]) -> Iterable[Problem]:
    return readiness.type_problems(TaskType.model_validate({"metadata": {"name": name}, "spec": spec}))


KIND = Kind("TaskType", api.TYPES, lambda view: view.types, _problems)


class TypeChange(Camel):
    """A type as it shall be."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)
    spec: TaskTypeSpec


class NewType(TypeChange):
    """A type to make."""

    name: ObjectName


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on types."""
    return kept.operations(Objects(KIND), tag=TAG, name="Type", noun="task type", new=NewType, change=TypeChange)
