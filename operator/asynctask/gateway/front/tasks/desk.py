"""Finds tasks by id, lists them, and reads them whole, from wherever they are."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.listing import ArchiveAway, Archived, Listing, Live, SourceAway
from asynctask.gateway.front.problems import Conflict
from asynctask.gateway.front.tasks import rows
from asynctask.gateway.front.tasks.rows import Row

RESOURCE = "asynctasks"
READS_AT_ONCE = 16
ARRIVAL_SECONDS = 1.0
"""A task that another replica has just taken is here within this time, or was never there."""

Object = Mapping[str, Any]


class TaskArchived(Conflict):
    """The task has left the cluster. Params: name."""

    code = "TaskArchived"


class LiveTasks(Live, Protocol):
    """The view of the cluster, as far as tasks go."""

    def find(self, task_id: str) -> Row | None:
        """A task by its uid."""

    async def arrived(self, task_id: str, seconds: float) -> Row | None:
        """The same, waited for."""


class ArchivedTasks(Archived, Protocol):
    """The archive, as far as tasks go."""

    async def objects(self, task_ids: Sequence[str]) -> Mapping[str, Object]:
        """Tasks whole, by uid; those that it has. Raises SourceAway."""

    async def keep(self, body: Object, stages: Sequence[Object]) -> None:
        """Take a task and its stages in before they are deleted. Raises SourceAway."""


@dataclass(frozen=True)
class Found:
    """A task that the caller may see."""

    row: Row
    body: Object
    """The AsyncTask, whole."""

    @property
    def version(self) -> str:
        """The resourceVersion; empty of one that has left the cluster."""
        return "" if self.row.is_archived else self.row.version


class Tasks:
    """Tasks of the cluster and of the archive."""

    def __init__(self, cluster: api.Cluster, live: LiveTasks, archived: ArchivedTasks | None) -> None:
        self._cluster = cluster
        self._live = live
        self._archived = archived
        self.listing = Listing(live, archived)

    async def find(self, call: Call, task_id: str, verb: str = "get") -> Found:
        """The task, if the caller may do this to it; else NotFound or Forbidden. Raises ArchiveAway."""
        uid = canonical(task_id)
        if uid is None:
            await call.missing(RESOURCE)
        await self._live.known()
        row = self._live.find(uid)
        if row is None:
            found = await self._from_archive(call, uid, verb)
            if found:
                return found
            row = await self._live.arrived(uid, ARRIVAL_SECONDS)
        if row is None:
            await call.missing(RESOURCE)
        await call.authorize(verb, RESOURCE, row.namespace, row.name)
        body = await self._read(row)
        if body is not None:
            return Found(rows.of(body), body)
        found = await self._from_archive(call, uid, verb)
        return found or await call.missing(RESOURCE)

    async def find_live(self, call: Call, task_id: str, verb: str) -> Found:
        """The same for what can only be done to a task in the cluster. Raises TaskArchived."""
        found = await self.find(call, task_id, verb)
        if found.row.is_archived:
            raise TaskArchived(name=found.row.name)
        return found

    async def bodies(self, found: Iterable[Row]) -> dict[str, Object]:
        """The tasks of these rows whole, by uid. One that is gone from both meanwhile is left out."""
        live = [row for row in found if not row.is_archived]
        bodies = await bounded(live, self._read)
        result = {row.task_id: body for row, body in zip(live, bodies, strict=True) if body is not None}
        rest = [row.task_id for row in found if row.task_id not in result]
        if rest and self._archived:
            try:
                result |= await self._archived.objects(rest)
            except SourceAway as error:
                raise ArchiveAway(retry_after=5) from error
        return result

    async def keep(self, found: Found) -> None:
        """See that the archive has the task, before it is deleted. Raises ArchiveAway."""
        if self._archived is None:
            return
        stages: list[Object] = []
        selector = f"{names.LABEL_TASK_UID}={found.row.task_id}"
        async for raw, _ in self._cluster.pages(api.STAGES, found.row.namespace, selector):
            stages += orjson.loads(raw)["items"]
        try:
            await self._archived.keep(found.body, stages)
        except SourceAway as error:
            raise ArchiveAway(retry_after=5) from error

    async def _from_archive(self, call: Call, uid: str, verb: str) -> Found | None:
        if self._archived is None:
            return None
        try:
            body = (await self._archived.objects([uid])).get(uid)
        except SourceAway as error:
            raise ArchiveAway(retry_after=5) from error
        if body is None:
            return None
        row = rows.of(body, is_archived=True)
        await call.authorize(verb, RESOURCE, row.namespace, row.name)
        return Found(row, body)

    async def _read(self, row: Row) -> Object | None:
        """The task as the API server has it now: at least as new as the row."""
        try:
            body = await self._cluster.get(api.TASKS, row.namespace, row.name, not_older_than=row.version)
        except api.NotFound:
            return None
        return body if body["metadata"]["uid"] == row.task_id else None


async def bounded(
    items: Sequence[Any], work: Callable[[Any], Awaitable[Any]], at_once: int = READS_AT_ONCE
) -> list[Any]:
    """Do it for each, a few at a time; the results in order."""
    gate = asyncio.Semaphore(at_once)

    async def one(item: Any) -> Any:
        async with gate:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


def canonical(task_id: str) -> str | None:
    """The uid as the API server writes it; None for what is none."""
    try:
        return str(UUID(task_id))
    except ValueError:
        return None
