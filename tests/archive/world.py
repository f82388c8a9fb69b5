"""A namespace of a real API server with tasks and stages in it, and archivers that follow it into a database."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from archive.makers import stamp
from prometheus_client import CollectorRegistry
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import Archive, stages, tasklists, tasks
from asynctask.adapters.archive.stages import StageRow
from asynctask.adapters.archive.tasklists import TaskFilter
from asynctask.adapters.archive.tasks import RunRow, TaskRow
from asynctask.api import names
from asynctask.gateway.archiver.archiver import Archiver
from asynctask.gateway.archiver.measures import Measures
from asynctask.gateway.archiver.writer import Listener, Writer

Object = dict[str, Any]
_number = itertools.count(1)


@dataclass
class World:
    """One namespace."""

    cluster: api.Cluster
    namespace: str
    measures: list[Measures] = field(default_factory=list)

    async def task(self, phase: str = "", status: Object | None = None, **spec: Any) -> Object:
        """A task, in a phase if one is given."""
        metadata = {"name": f"task-{next(_number)}"}
        body = {"apiVersion": names.API_VERSION, "kind": "AsyncTask", "metadata": metadata}
        task = await self.cluster.create(api.TASKS, self.namespace, {**body, "spec": {"type": "file-backup", **spec}})
        return await self.become(task, phase, **(status or {})) if phase else task

    async def become(self, task: Object, phase: str, **status: Any) -> Object:
        """The operator's word on a task."""
        ended = phase in {"Succeeded", "Partial", "Failed", "Cancelled"}
        said: Object = {"phase": phase, "run": task["spec"]["run"], "startTime": stamp(1), **status}
        if ended:
            said["completionTime"] = stamp(10)
        name = task["metadata"]["name"]
        return await self.cluster.patch(api.TASKS, self.namespace, name, {"status": said}, "status")

    async def change(self, task: Object, **spec: Any) -> Object:
        """A user's change of a task."""
        return await self.cluster.patch(api.TASKS, self.namespace, task["metadata"]["name"], {"spec": spec})

    async def stage(self, task: Object, phase: str = "", name: str = "copy", **status: Any) -> Object:
        """A Stage of a task."""
        owner = task["metadata"]
        stage = names.child_name(owner["name"], owner["uid"], name, 1)
        spec = {
            "taskName": owner["name"],
            "taskUID": owner["uid"],
            "run": 1,
            "template": {"name": name, "job": {"image": "example/copy:1"}},
        }
        body = {"apiVersion": names.API_VERSION, "kind": "Stage", "metadata": {"name": stage}, "spec": spec}
        made = await self.cluster.create(api.STAGES, self.namespace, body)
        return await self.stage_becomes(made, phase, **status) if phase else made

    async def stage_becomes(self, stage: Object, phase: str, **status: Any) -> Object:
        """The word of operator and gateway on a stage."""
        said = {"status": {"phase": phase, **status}}
        return await self.cluster.patch(api.STAGES, self.namespace, stage["metadata"]["name"], said, "status")

    async def read(self, task: Object) -> Object:
        """A task as the API server has it."""
        return await self.cluster.get(api.TASKS, self.namespace, task["metadata"]["name"])

    async def read_stage(self, stage: Object) -> Object:
        """A Stage as the API server has it."""
        return await self.cluster.get(api.STAGES, self.namespace, stage["metadata"]["name"])

    async def delete(self, task: Object, resource: api.Resource = api.TASKS) -> None:
        """Delete an object."""
        await self.cluster.delete(resource, self.namespace, task["metadata"]["name"])

    @asynccontextmanager
    async def archiver(self, archive: Archive, listeners: Sequence[Listener] = ()) -> AsyncIterator[Archiver]:
        """An archiver that leads until the end of the block, then hands over in good order."""
        archiver, work = self.start(archive, listeners)
        try:
            yield archiver
        finally:
            work.cancel()
            await asyncio.wait([work])
            if not work.cancelled():
                work.result()

    def start(self, archive: Archive, listeners: Sequence[Listener] = ()) -> tuple[Archiver, asyncio.Task[None]]:
        """An archiver, running."""
        self.measures.append(Measures(CollectorRegistry()))
        archiver = Archiver(self.cluster, Writer(archive, listeners), self.measures[-1], (self.namespace,))
        return archiver, asyncio.create_task(archiver.run())

    def conditions(self, task: Object) -> dict[str, Object]:
        """A task's conditions by type."""
        return {condition["type"]: condition for condition in task.get("status", {}).get("conditions", ())}


async def row(archive: Archive, task: Object) -> TaskRow | None:
    """What the archive says of a task."""
    async with archive.read() as connection:
        found = await tasks.find(connection, task["metadata"]["uid"])
    return found.row if found else None


async def rows_of(archive: Archive, wanted: TaskFilter | None = None) -> list[TaskRow]:
    """All rows, gone or not."""
    async with archive.read() as connection:
        page = await tasklists.page(connection, wanted or TaskFilter(is_gone=None), limit=1000)
    return list(page.rows)


async def runs_of(archive: Archive, task: Object) -> list[RunRow]:
    """Its runs."""
    async with archive.read() as connection:
        return await tasks.runs(connection, task["metadata"]["uid"])


async def stages_of(archive: Archive, task: Object) -> list[StageRow]:
    """Its stages."""
    async with archive.read() as connection:
        return await stages.of_task(connection, task["metadata"]["uid"])


async def until(archive: Archive, task: Object, holds: Callable[[TaskRow], object], seconds: float = 30) -> TaskRow:
    """The row of a task, once it is as wanted."""
    deadline = monotonic() + patient(seconds)
    while True:
        found = await row(archive, task)
        if found and holds(found):
            return found
        assert monotonic() < deadline, f"still {found}"
        await asyncio.sleep(0.05)


async def until_true(holds: Callable[[], Any], seconds: float = 30) -> None:
    """Return once it holds."""
    deadline = monotonic() + patient(seconds)
    while True:
        answer = holds()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert monotonic() < deadline
        await asyncio.sleep(0.05)
