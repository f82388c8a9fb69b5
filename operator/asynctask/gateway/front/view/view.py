"""The cluster in memory: what lists, pages and the event stream of the API are made of.

One watch a kind keeps it, so a thousand readers cost the API server nothing. It is a moment behind; a read that must
be right asks the API server (`Cluster.get`).
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import msgspec

from asynctask.adapters import cluster as api
from asynctask.adapters.reflector import Change as Line
from asynctask.adapters.reflector import Collection as Followed
from asynctask.adapters.reflector import Identity, Items, Reflector
from asynctask.adapters.store import Key
from asynctask.gateway.front.view import rows
from asynctask.gateway.front.view.changes import ROOM, Change, Changes, Listener
from asynctask.gateway.front.view.leaving import Gone, Leaving
from asynctask.gateway.front.view.objects import Meta, Stage, Task, Whole, WholeMeta
from asynctask.gateway.front.view.rows import KindName, ObjectRow, StageRow, TaskRow
from asynctask.gateway.front.view.tables import StageTable, Table

O = TypeVar("O", Task, Stage, Whole)  # noqa: E741 - an object
R = TypeVar("R", TaskRow, StageRow, ObjectRow)


class View:
    """All of the cluster that the API shows. `gone` tells which deleted tasks the archive has; None: there is none."""

    def __init__(self, cluster: api.Cluster, namespaces: Iterable[str] = (), gone: Gone | None = None) -> None:
        self._changes = Changes()
        tell = self._changes.tell
        self.tasks: Table[TaskRow] = Table("task", self._tell_of_task)
        self.stages = StageTable(tell)
        self.types: Table[ObjectRow] = Table("type", tell)
        self.queues: Table[ObjectRow] = Table("queue", tell)
        self.endpoints: Table[ObjectRow] = Table("endpoint", tell)
        self.schedules: Table[ObjectRow] = Table("schedule", tell)
        self.leaving = Leaving()
        self._gone = gone
        places = tuple(namespaces) or ("",)
        wholes = (
            (api.TYPES, self.types),
            (api.QUEUES, self.queues),
            (api.ENDPOINTS, self.endpoints),
            (api.SCHEDULES, self.schedules),
        )
        self._watches: list[Reflector[Any]] = []
        for place in places:
            self._watches.append(_watch(cluster, api.TASKS, Task, self.tasks, rows.task_row, place))
            self._watches.append(_watch(cluster, api.STAGES, Stage, self.stages, rows.stage_row, place))
        for resource, table in wholes:
            for place in places if resource.namespaced else ("",):
                self._watches.append(_watch(cluster, resource, Whole, table, rows.object_row, place))

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())
            if self._gone:
                group.create_task(self.leaving.follow(self._gone))

    async def known(self) -> None:
        """Return once all has been listed."""
        for watch in self._watches:
            await watch.listed.wait()

    @property
    def is_known(self) -> bool:
        """Whether all has been listed once: before that, what is not here may still be there."""
        return all(watch.listed.is_set() for watch in self._watches)

    @property
    def stale_seconds(self) -> float:
        """For how long some watch has been broken: what is here may be as old as that. 0 while all goes well."""
        return max(watch.broken_seconds for watch in self._watches)

    def listen(self, *kinds: KindName, room: int = ROOM) -> AbstractContextManager[Listener]:
        """Hear of changes of these kinds, of all if none is named, until the end of the block."""
        return self._changes.listen(*kinds, room=room)

    def task(self, uid: str) -> TaskRow | None:
        """A task of the cluster, or one that left it a moment ago."""
        return self.tasks.get(uid) or self.leaving.get(uid)

    async def arrived(self, uid: str, seconds: float) -> TaskRow | None:
        """The same, waited for: another replica may have taken the task just now."""
        try:
            with self.listen("task") as listener:
                async with asyncio.timeout(seconds):
                    while (row := self.task(uid)) is None:
                        await listener.next()
        except TimeoutError:
            return None
        return row

    def all_tasks(self, namespaces: Collection[str] | None) -> Iterator[TaskRow]:
        """The tasks of these namespaces, those that are leaving among them; None: of all."""
        yield from self.tasks.within(namespaces)
        for row in self.leaving:
            if namespaces is None or row.namespace in namespaces:
                yield row

    def saw_task(self, task: api.Object) -> TaskRow:
        """Take in a task as the API server has just answered, so that who wrote it reads it here at once."""
        row = rows.task_row(msgspec.convert(task, Task))
        self.tasks.put(row)
        return row

    def saw_stage(self, stage: api.Object) -> None:
        """Take in a Stage as the API server has just answered."""
        self.stages.put(rows.stage_row(msgspec.convert(stage, Stage)))

    def saw_object(self, resource: api.Resource, body: api.Object) -> None:
        """Take in an object of another kind as the API server has just answered."""
        table = {api.TYPES: self.types, api.QUEUES: self.queues, api.ENDPOINTS: self.endpoints}.get(
            resource, self.schedules
        )
        table.put(rows.object_row(msgspec.convert(body, Whole)))

    def _tell_of_task(self, change: Change) -> None:
        if self._gone and change.row is None and isinstance(change.before, TaskRow):
            self.leaving.add(change.before)
        self._changes.tell(change)


def _watch(
    cluster: api.Cluster,
    resource: api.Resource,
    kind: type[O],
    table: Table[R],
    row_of: Callable[[O], R],
    namespace: str,
) -> Reflector[O]:
    """Keep a table by a watch of its own."""
    meta: type[Meta | WholeMeta] = WholeMeta if kind is Whole else Meta

    def take(event: str, item: O) -> set[Key]:
        if event == "DELETED":
            table.drop(item.metadata.uid)
        else:
            table.put(row_of(item))
        return set()

    def known() -> Iterator[O]:
        for row in table:
            bare = meta(name=row.name, namespace=row.namespace, uid=row.uid, resource_version=str(row.version))
            yield kind(metadata=bare)  # type: ignore[arg-type]  # each kind has the metadata that is its own

    def identify(item: O) -> Identity:
        return item.metadata.namespace, item.metadata.name, item.metadata.resource_version

    items, change = msgspec.json.Decoder(Items[kind]), msgspec.json.Decoder(Line[kind])  # type: ignore[valid-type]
    return Reflector(cluster, Followed(resource, items, change, identify, take, known), namespace=namespace)
