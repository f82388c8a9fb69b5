"""Follows AsyncTasks and Stages into the archive. Run by the gateway that leads.

A watch of its own tells what changed; a listing at the start, after every gap and once in a while repairs what no watch
told: what is not written yet is written, and what left the cluster meanwhile is marked. While the database is away,
changes wait (`pending`), and the same happens later.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import msgspec
import structlog

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import ArchiveError, ArchiveUnavailable, Position, stages, tasks
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.reflector import Change, Collection, Identity, Items, Reflector
from asynctask.adapters.store import Key
from asynctask.gateway.archiver import marks, objects
from asynctask.gateway.archiver.measures import Measures
from asynctask.gateway.archiver.objects import Meta, Object
from asynctask.gateway.archiver.pending import Pending, Waiting
from asynctask.gateway.archiver.writer import Batch, Writer

log = structlog.get_logger("archiver")
BATCH = 200
COMPANY_SECONDS = 0.25
"""A change waits this long for others, so that a burst costs few transactions."""
RETRY_SECONDS = 0.5
RETRY_MAX_SECONDS = 15.0
SWEEP_SECONDS = 3600.0
DRAIN_SECONDS = 5.0
MARK_AGAIN_SECONDS = 0.5
STAGE_PATIENCE_SECONDS = 30.0
"""A task is told that it is archived this long after its end even if a stage of it is not seen to have ended."""

_ITEMS, _CHANGE = msgspec.json.Decoder(Items[Object]), msgspec.json.Decoder(Change[Object])


@dataclass(slots=True)
class _Known:
    """An object that is in the cluster: little, since there may be tens of thousands."""

    namespace: str
    name: str
    version: str
    digest: int
    """Of the state that waits or was written last."""
    has_ended: bool


class Archiver:
    """One term of leading: made anew for each."""

    def __init__(
        self, cluster: api.Cluster, writer: Writer, measures: Measures, namespaces: Iterable[str] = ()
    ) -> None:
        self._cluster = cluster
        self._writer = writer
        self._measures = measures
        self._pending = Pending()
        self._tasks: dict[str, _Known] = {}
        self._stages: dict[str, _Known] = {}
        self._writing: frozenset[str] = frozenset()
        self._to_mark: dict[str, tuple[Object, float]] = {}
        self._some_to_mark = asyncio.Event()
        self._places = tuple(namespaces) or ("",)
        self._watches = [
            *(self._reflector(api.STAGES, self._take_stage, self._stages, place) for place in self._places),
            *(self._reflector(api.TASKS, self._take_task, self._tasks, place) for place in self._places),
        ]

    async def run(self) -> None:
        """Follow and write, until cancelled; then what waits has a moment to be written."""
        self._measures.leads.set(1)
        try:
            async with asyncio.TaskGroup() as group:
                for watch in self._watches:
                    group.create_task(watch.run())
                for work in (self._keep_sweeping(), self._keep_writing(), self._keep_marking()):
                    group.create_task(work)
        finally:
            self._measures.leads.set(0)
            await self._drain()

    async def _drain(self) -> None:
        """What left the cluster can't be read again by the next who leads. The rest costs it more than it does now."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._pending:
                    await self._write_batch()
        except (ArchiveError, api.ApiError, TimeoutError) as error:
            log.warning("left to the next who leads", waiting=len(self._pending), error=str(error)[:300])

    # what the watches tell

    def _reflector(
        self,
        resource: api.Resource,
        take: Callable[[str, Object], set[Key]],
        known: dict[str, _Known],
        place: str,
    ) -> Reflector[Object]:
        def names() -> list[Object]:
            return [Object(Meta(item.name, item.namespace, uid, item.version)) for uid, item in known.items()]

        return Reflector(self._cluster, Collection(resource, _ITEMS, _CHANGE, _identity, take, names), namespace=place)

    def _take_task(self, event: str, item: Object) -> set[Key]:
        if event == "DELETED":
            self._left("tasks", self._tasks, item)
        else:
            status = objects.task_status(item.status)
            self._seen("tasks", self._tasks, item, _task_digest(item), has_ended=status.has_ended)
        return set()

    def _take_stage(self, event: str, item: Object) -> set[Key]:
        if event == "DELETED":
            self._left("stages", self._stages, item)
        else:
            status = objects.stage_status(item.status)
            self._seen("stages", self._stages, item, objects.stage_digest(status), has_ended=status.has_ended)
        return set()

    def _seen(self, kind: str, known: dict[str, _Known], item: Object, digest: int, *, has_ended: bool) -> None:
        meta = item.metadata
        before = known.get(meta.uid)
        known[meta.uid] = _Known(meta.namespace, meta.name, meta.resource_version, digest, has_ended)
        if before is None or before.digest != digest:
            self._pending.put(Waiting(kind, meta.uid, meta.namespace, meta.name, item.kept(), None, digest))
            self._measures.waiting.set(len(self._pending))

    def _left(self, kind: str, known: dict[str, _Known], item: Object) -> None:
        meta = item.metadata
        known.pop(meta.uid, None)
        self._to_mark.pop(meta.uid, None)
        is_whole = len(item.spec) > 2  # a listing that misses it knows only its name
        state = item.kept() if is_whole else None
        self._pending.put(Waiting(kind, meta.uid, meta.namespace, meta.name, state, micros(datetime.now(UTC))))
        self._measures.waiting.set(len(self._pending))

    # what is written

    async def _keep_writing(self) -> None:
        delay = RETRY_SECONDS
        while True:
            await self._pending.some()
            await asyncio.sleep(COMPANY_SECONDS if len(self._pending) < BATCH else 0)
            try:
                await self._write_batch()
            except (ArchiveError, api.ApiError) as error:
                self._measures.failed(error)
                log.warning("not archived yet", waiting=len(self._pending), error=str(error)[:300], again_in=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MAX_SECONDS)
            else:
                delay = RETRY_SECONDS

    async def _write_batch(self) -> None:
        waiting = self._pending.take(BATCH)
        self._writing = frozenset(item.uid for item in waiting)
        begun = monotonic()
        try:
            batch = await self._batch(waiting)
            refused = await self._writer.write(batch)
        except BaseException:
            self._pending.put_back(waiting)
            raise
        finally:
            self._writing = frozenset()
        self._measures.written(len(batch), refused, monotonic() - begun, len(self._pending), self._pending.let_go)
        for item in waiting:
            if item.kind == "tasks" and item.state and item.gone_time is None and marks.wants_mark(item.state):
                self._to_mark[item.uid] = (item.state, monotonic())
                self._some_to_mark.set()

    async def _batch(self, waiting: list[Waiting]) -> Batch:
        """The states to write; those that were let go are read again."""
        batch = Batch()
        for item in waiting:
            is_task = item.kind == "tasks"
            if item.state is None and item.gone_time is None:
                item.state = await self._read_again(item)
                if item.state is None:
                    item.gone_time = micros(datetime.now(UTC))
            if item.state is None:
                (batch.tasks_gone if is_task else batch.stages_gone).append(item.uid)
                continue
            body = self._readable(item)
            if body is not None:
                (batch.tasks if is_task else batch.stages).append(Seen(body, item.gone_time))
        return batch

    async def _read_again(self, item: Waiting) -> Object | None:
        resource = api.TASKS if item.kind == "tasks" else api.STAGES
        try:
            body = await self._cluster.get(resource, item.namespace, item.name)
        except api.NotFound:
            return None
        found = objects.from_body(body)
        return found if found.metadata.uid == item.uid else None

    def _readable(self, item: Waiting) -> dict[str, object] | None:
        try:
            return item.state.body() if item.state else None
        except ValueError:
            log.exception("an object can't be read", kind=item.kind, namespace=item.namespace, name=item.name)
            self._measures.errors.labels("Unreadable").inc()
            return None

    # what tasks are told

    async def _keep_marking(self) -> None:
        while True:
            await self._some_to_mark.wait()
            stages = {(known.namespace, known.name): (uid, known) for uid, known in self._stages.items()}
            for uid, (item, since) in list(self._to_mark.items()):
                is_late = monotonic() - since > STAGE_PATIENCE_SECONDS
                if (is_late or self._stages_are_kept(item, stages)) and await self._is_told(uid, item):
                    self._to_mark.pop(uid, None)
            if self._to_mark:
                await asyncio.sleep(MARK_AGAIN_SECONDS)
            else:
                self._some_to_mark.clear()

    async def _is_told(self, uid: str, item: Object) -> bool:
        """Whether the task has been told, or need not be any more."""
        meta, digest = item.metadata, _task_digest(item)
        known = self._tasks.get(uid)
        if known is None or known.digest != digest:
            return True  # it has changed or gone: its newer state comes by here too
        try:
            newest = await self._cluster.get(api.TASKS, meta.namespace, meta.name, meta.resource_version)
            found = objects.from_body(newest)
            if found.metadata.uid == uid and _task_digest(found) == digest and marks.wants_mark(found):
                await marks.mark(self._cluster, found)
                self._measures.marked.inc()
        except (api.Unavailable, api.Conflict):
            return False
        except api.NotFound:
            return True
        except api.ApiError as error:
            self._measures.failed(error)
            log.warning("a task could not be told that it is archived", task=meta.name, error=str(error)[:300])
        return True

    def _stages_are_kept(self, item: Object, stages: dict[tuple[str, str], tuple[str, _Known]]) -> bool:
        """Whether the stages of the task's run have been seen to end, and nothing of them waits."""
        for line in objects.task_status(item.status).stages:
            uid, known = stages.get((item.metadata.namespace, line.object), ("", None))
            if known and (not known.has_ended or uid in self._pending or uid in self._writing):
                return False
        return True

    # what nobody told

    async def _keep_sweeping(self) -> None:
        delay = RETRY_SECONDS
        while True:
            for watch in self._watches:
                await watch.listed.wait()
            try:
                await self._sweep()
            except ArchiveUnavailable as error:
                self._measures.failed(error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MAX_SECONDS)
                continue
            delay = RETRY_SECONDS
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        """Mark what the archive believes to be in the cluster and is not."""
        after: Position | None = None
        while True:
            async with self._writer.archive.read() as connection:
                page = await tasks.living(connection, after)
            self._missing("tasks", self._tasks, ((uid, namespace, name) for uid, namespace, name in page.rows))
            after = page.next
            if after is None:
                break
        last = ""
        while True:
            async with self._writer.archive.read() as connection:
                found = await stages.living(connection, last)
            self._missing("stages", self._stages, ((uid, namespace, "") for uid, namespace in found))
            if not found:
                return
            last = found[-1][0]

    def _missing(self, kind: str, known: dict[str, _Known], rows: Iterable[tuple[str, str, str]]) -> None:
        now = micros(datetime.now(UTC))
        for uid, namespace, name in rows:
            is_ours = self._places == ("",) or namespace in self._places
            if is_ours and uid not in known and uid not in self._pending:
                self._pending.put(Waiting(kind, uid, namespace, name, None, now))


def _identity(item: Object) -> Identity:
    meta = item.metadata
    return meta.namespace, meta.name, meta.resource_version


def _task_digest(item: Object) -> int:
    return objects.task_digest(item, objects.task_status(item.status))
