"""`/api/v1/endpoints`: shares and remotes that tasks name."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api.base import ObjectName
from asynctask.api.storageendpoint import StorageEndpoint, StorageEndpointSpec
from asynctask.core import locations, windows
from asynctask.core.problems import Problem
from asynctask.gateway.front import kept
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.objects import Kind, Objects
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.routes.queues import Annotations
from asynctask.gateway.front.tasks.models import Labels
from asynctask.gateway.front.tasks.office import Office

TAG = "endpoints"


async def _problems(call: Call, namespace: str, name: str, spec: Mapping[str, Any]) -> Iterable[Problem]:
    found = StorageEndpoint.model_validate({"metadata": {"name": name, "namespace": namespace}, "spec": spec})
    others = {**Office.of(call.desk).checks.endpoints(namespace), name: found}
    problem = locations.unusable(found, others, "spec.path")
    timetable = found.spec.limits.timetable
    zone = windows.zone_problem(timetable.time_zone, "spec.limits.timetable.timeZone") if timetable else None
    return tuple(each for each in (problem, zone) if each)


KIND = Kind("StorageEndpoint", api.ENDPOINTS, lambda view: view.endpoints, _problems)


class EndpointChange(Camel):
    """An endpoint as it shall be."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)
    spec: StorageEndpointSpec


class NewEndpoint(EndpointChange):
    """An endpoint to make."""

    namespace: Namespace | None = None
    """Where; absent: the caller's default."""
    name: ObjectName


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on endpoints."""
    return kept.operations(
        Objects(KIND), tag=TAG, name="Endpoint", noun="storage endpoint", new=NewEndpoint, change=EndpointChange
    )
