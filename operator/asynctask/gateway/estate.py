"""Who uses which limited endpoint, as the API server knows it: the same for all replicas of the gateway.

Followed are StorageEndpoints, and from the first that limits bandwidth on, Stages and AsyncTasks too. So replicas need
not know of each other: what one of them hears of a stage, the others read in its status, which is written anyway.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import msgspec
import structlog
from pydantic import ValidationError

from asynctask.adapters import cluster as api
from asynctask.adapters.reflector import Change, Collection, Items, Reflector, Seen, identity
from asynctask.adapters.store import Key
from asynctask.api.status import FINAL_PHASES
from asynctask.api.storageendpoint import EndpointLimits
from asynctask.core import bandwidth, timetable
from asynctask.core.grants import Party
from asynctask.core.observed import Meta
from asynctask.gateway.live import LiveStage
from asynctask.gateway.observed import DEFAULT_PRIORITY, Bandwidth, Location, Stage, StageSpec, StorageEndpoint, Task

log = structlog.get_logger("gateway")
Endpoint: TypeAlias = Hashable
"""Namespace and name."""
T = TypeVar("T", bound=Seen)


class Estate:
    """Follows what counts for bandwidth. While the API server is away, what was known last goes on to count."""

    def __init__(self, cluster: api.Cluster, namespaces: Iterable[str] = ()) -> None:
        self._limits: dict[Endpoint, EndpointLimits] = {}
        self._seen: dict[Endpoint, StorageEndpoint] = {}
        self._stages: dict[str, Stage] = {}
        self._tasks: dict[str, Task] = {}
        self._limited = asyncio.Event()
        self.version = 0
        """Changes with everything that makes shares other at once."""
        places = tuple(namespaces) or ("",)
        self._endpoint_watches = [
            _reflector(cluster, api.ENDPOINTS, StorageEndpoint, self._take_endpoint, self._seen, place)
            for place in places
        ]
        self._user_watches: list[Reflector[Any]] = [
            *(_reflector(cluster, api.STAGES, Stage, self._take_stage, self._stages, place) for place in places),
            *(_reflector(cluster, api.TASKS, Task, self._take_task, self._tasks, place) for place in places),
        ]

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            for watch in self._endpoint_watches:
                group.create_task(watch.run())
            await self._limited.wait()
            for user_watch in self._user_watches:
                group.create_task(user_watch.run())

    async def known(self) -> None:
        """Return once all that counts is known."""
        for watch in self._endpoint_watches:
            await watch.listed.wait()
        if self._limited.is_set():
            for user_watch in self._user_watches:
                await user_watch.listed.wait()

    def limits(self, now: datetime) -> dict[Endpoint, float]:
        """Bytes per second of each endpoint that has a limit at this moment."""
        found = {endpoint: timetable.in_force(limits, now) for endpoint, limits in self._limits.items()}
        return {
            endpoint: float(limits.megabytes_per_second * bandwidth.MEGABYTE)
            for endpoint, limits in found.items()
            if limits.megabytes_per_second
        }

    def parties(self, limits: Mapping[Endpoint, float]) -> dict[str, Party]:
        """The stages at work, by uid, that use any of these endpoints."""
        found = {}
        for uid, stage in self._stages.items():
            endpoints = frozenset((stage.metadata.namespace, each.endpoint) for each in stage.spec.locations)
            if endpoints.isdisjoint(limits):
                continue
            task = self._tasks.get(stage.spec.task_uid)
            published = stage.status.bandwidth or Bandwidth()
            found[uid] = Party(
                endpoints,
                bandwidth.weight(task.priority if task else DEFAULT_PRIORITY),
                float(task.spec.min_megabytes_per_second * bandwidth.MEGABYTE) if task else 0.0,
                published.allowed_bytes_per_second,
                published.used_bytes_per_second,
            )
        return found

    def begun(self, live: LiveStage) -> None:
        """A stage is heard of, whether it is known from elsewhere or not."""
        uid = live.recorded.uid
        if uid not in self._stages:
            meta = Meta(name=live.name, namespace=live.namespace, uid=uid, resource_version=live.recorded.version)
            locations = tuple(Location(location.endpoint) for location in live.spec.locations)
            self._stages[uid] = Stage(meta, StageSpec(live.spec.task_uid, locations))
            self.version += 1

    def ended(self, uid: str) -> None:
        """A stage has moved all that it will."""
        if self._stages.pop(uid, None):
            self.version += 1

    def _take_endpoint(self, event: str, endpoint: StorageEndpoint) -> set[Key]:
        key = (endpoint.metadata.namespace, endpoint.metadata.name)
        self.version += 1
        self._limits.pop(key, None)
        self._seen.pop(key, None)
        if event != "DELETED":
            self._seen[key] = endpoint
            if endpoint.spec.limits:
                self._limits[key] = _parsed(endpoint)
                self._limited.set()
        return set()

    def _take_stage(self, event: str, stage: Stage) -> set[Key]:
        uid = stage.metadata.uid
        if event == "DELETED" or not stage.spec.locations or not stage.is_at_work:
            self.ended(uid)
        else:
            self.version += uid not in self._stages
            self._stages[uid] = stage
        return set()

    def _take_task(self, event: str, task: Task) -> set[Key]:
        uid, old = task.metadata.uid, self._tasks.pop(task.metadata.uid, None)
        if event != "DELETED" and task.status.phase not in FINAL_PHASES:
            self._tasks[uid] = task
            self.version += old is None or (old.priority, old.spec) != (task.priority, task.spec)
        return set()


def _parsed(endpoint: StorageEndpoint) -> EndpointLimits:
    try:
        return EndpointLimits.model_validate(endpoint.spec.limits)
    except ValidationError as error:
        rate = endpoint.spec.limits.get("megabytesPerSecond")
        log.warning("limits can't be read", endpoint=endpoint.metadata.name, error=str(error)[:500])
        return EndpointLimits(megabytes_per_second=rate if isinstance(rate, int) and rate > 0 else None)


def _reflector(
    cluster: api.Cluster,
    resource: api.Resource,
    kind: type[T],
    take: Callable[[str, T], set[Key]],
    kept: Mapping[Any, T],
    namespace: str,
) -> Reflector[T]:
    items, change = msgspec.json.Decoder(Items[kind]), msgspec.json.Decoder(Change[kind])  # type: ignore[valid-type]
    collection = Collection(resource, items, change, identity, take, kept.values)
    return Reflector(cluster, collection, namespace=namespace)
