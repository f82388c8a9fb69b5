"""`/api/v1/types`: the scenarios that tasks name."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api.base import ObjectName
from asynctask.api.tasktype import TaskType, TaskTypeSpec
from asynctask.core import readiness
from asynctask.core.problems import Problem
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.objects import KeptObject, Kind, ObjectPage, Objects, Page
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.refused import AlreadyThere, PreconditionRequired
from asynctask.gateway.front.routes.queues import Annotations
from asynctask.gateway.front.tasks.models import Labels

TAG = "types"
ONE = "/api/v1/types/{name}"


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
    types = Objects(KIND)
    return (
        Operation(
            "GET", "/api/v1/types", "listTypes", "List task types", TAG, types.page, query=Page, answer=ObjectPage
        ),
        Operation(
            "POST",
            "/api/v1/types",
            "createType",
            "Make a task type",
            TAG,
            types.create,
            body=NewType,
            answer=KeptObject,
            status=201,
            errors=(InvalidField, AlreadyThere),
        ),
        Operation("GET", ONE, "getType", "One task type", TAG, types.get, answer=KeptObject, errors=(NotFound,)),
        Operation(
            "PUT",
            ONE,
            "replaceType",
            "Change a task type that you have seen: If-Match",
            TAG,
            types.replace,
            body=TypeChange,
            answer=KeptObject,
            errors=(NotFound, InvalidField, PreconditionFailed, PreconditionRequired),
            takes_version=True,
        ),
        Operation(
            "DELETE",
            ONE,
            "deleteType",
            "Delete a task type",
            TAG,
            types.delete,
            status=204,
            errors=(NotFound,),
            takes_version=True,
        ),
    )
