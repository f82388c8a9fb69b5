"""Collects what stages' containers write, through the API server: whatever the image, while the pod lives and its end.

One gateway does it, the leader. A pod's output is followed from when its container runs, and read to its end: the pod
stays until its Job goes. Who takes over goes on after what is on disk. A pod that floods is read no faster than it may
be, and when it has ended only its last lines are read on.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.reflector import Change, Collection, Items, Reflector, identity
from asynctask.adapters.stagelogs import files, writing
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.store import Key
from asynctask.api import names
from asynctask.core.observed import Pod
from asynctask.gateway.front.view import View
from asynctask.gateway.limits import Buckets
from asynctask.gateway.logs.book import LogBook, Source
from asynctask.gateway.logs.splitting import Splitter

BYTES_PER_SECOND = 1_000_000.0
BYTES_AT_ONCE = 16_000_000.0
ALL_BYTES_PER_SECOND = 8_000_000.0
ALL_BYTES_AT_ONCE = 32_000_000.0
TAIL_LINES = 10_000
"""Of a pod that has ended and wrote more than is read: its last lines."""
REOPEN_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
TRIES_AT_END = 5
"""So often the output of a pod that has ended is asked for."""
AT_ONCE = 16
"""Pods that have ended, read at the same time: after an upgrade there may be thousands."""
ARRIVAL_SECONDS = 5.0
MISSING = "… more was written than is kept: part of the output is missing here"

log = structlog.get_logger("gateway")


class Collector:
    """Follows pods of stages and reads their output."""

    def __init__(self, cluster: api.Cluster, view: View, book: LogBook, namespaces: Iterable[str] = ()) -> None:
        self._cluster = cluster
        self._view = view
        self._book = book
        self._namespaces = tuple(namespaces) or ("",)
        self._pods: dict[str, Pod] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._rates = Buckets(BYTES_PER_SECOND, BYTES_AT_ONCE)
        self._rate_of_all = Buckets(ALL_BYTES_PER_SECOND, ALL_BYTES_AT_ONCE)

    async def run(self) -> None:
        """Collect, for ever."""
        await self._view.known()
        items, change = msgspec.json.Decoder(Items[Pod]), msgspec.json.Decoder(Change[Pod])
        try:
            async with asyncio.TaskGroup() as group:
                for namespace in self._namespaces:
                    pods = Collection(api.PODS, items, change, identity, self._take, self._known, names.LABEL_TASK_UID)
                    group.create_task(Reflector(self._cluster, pods, namespace=namespace).run())
        finally:
            readers = list(self._readers.values())
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            self._readers.clear()
            self._pods.clear()

    def _known(self) -> Iterator[Pod]:
        return iter(list(self._pods.values()))

    def _take(self, event: str, pod: Pod) -> set[Key]:
        uid = pod.metadata.uid
        if event == "DELETED":
            self._pods.pop(uid, None)
        else:
            self._pods[uid] = pod
        if uid in self._changed:
            self._changed[uid].set()
        has_begun = pod.state.running or pod.state.terminated
        if event != "DELETED" and has_begun and uid not in self._readers:
            self._readers[uid] = asyncio.create_task(self._read_pod(pod))
        elif event == "DELETED" and (reader := self._readers.get(uid)) and reader.done():
            del self._readers[uid]
        return set()

    async def _read_pod(self, pod: Pod) -> None:
        """Read a pod's output to its end. The task that did so stays in `_readers` until the pod is gone."""
        uid = pod.metadata.uid
        self._changed[uid] = asyncio.Event()
        try:
            attempt = await self._attempt(pod)
            if attempt is None:
                return
            owner = Owner(attempt.task_uid, pod.metadata.namespace, self._task_name(attempt.task_uid))
            key = hashlib.sha256(uid.encode()).hexdigest()[:8]
            directory = attempt.path(self._book.root)
            done = directory / f"done-{key}"
            known = await asyncio.to_thread(_known_until, directory, key, done)
            if known is None:
                return
            source = self._book.source(owner, attempt, "stdout", key)
            try:
                async with self._turns if self._is_over(uid) else nullcontext():
                    await self._follow(pod, source, Splitter(known))
            finally:
                await self._book.close(source)
            await asyncio.to_thread(_touch, done)
        except Exception:
            log.exception("a pod's output can't be collected", namespace=pod.metadata.namespace, pod=pod.metadata.name)
        finally:
            del self._changed[uid]
            if uid not in self._pods:
                self._readers.pop(uid, None)

    async def _attempt(self, pod: Pod) -> Attempt | None:
        """Which attempt the pod is of; None when it only says so: labels prove nothing, its Job's name does."""
        meta = pod.metadata
        row = await self._view.arrived(meta.task_uid, ARRIVAL_SECONDS)
        if row is None or row.namespace != meta.namespace or not (meta.stage and meta.run and meta.attempt):
            return None
        job = names.child_name(row.name, row.uid, meta.stage, meta.run, meta.attempt)
        if not any(owner.controller and owner.kind == "Job" and owner.name == job for owner in meta.owner_references):
            return None
        return Attempt(row.uid, meta.run, meta.stage, meta.attempt) if files.STAGE.fullmatch(meta.stage) else None

    def _task_name(self, uid: str) -> str:
        row = self._view.task(uid)
        return row.name if row else "-"

    async def _follow(self, pod: Pod, source: Source, splitter: Splitter) -> None:
        """Read until the container has ended and all of it, or as much as is kept, is here."""
        meta, tries, pause = pod.metadata, 0, REOPEN_SECONDS
        while True:
            was_over = self._is_over(meta.uid)
            try:
                await self._stream(pod, source, splitter, tail=0)
            except api.NotFound:
                return
            except api.ApiError as error:
                tries += was_over
                if tries >= TRIES_AT_END:
                    log.info("a pod's output ends early", pod=meta.name, error=str(error)[:200])
                    return
                pause = min(MAX_PAUSE_SECONDS, pause * 2)
            except _TooFast:
                source.add(splitter.last, "warning", MISSING)
                with suppress(api.ApiError):
                    await self._stream(pod, source, Splitter(splitter.last), tail=TAIL_LINES)
                return
            else:
                if was_over:
                    return
                pause = REOPEN_SECONDS
            await self._pause(meta.uid, pause)
            splitter = Splitter(splitter.last)

    async def _stream(self, pod: Pod, source: Source, splitter: Splitter, *, tail: int) -> None:
        meta = pod.metadata
        since = "" if tail else _since(splitter.last)
        stream = self._cluster.logs(meta.namespace, meta.name, "stage", since=since, tail=tail, follow=not tail)
        async for data in stream:
            for time, level, text in splitter.feed(data):
                source.add(time, level, text)
            if tail:
                continue
            await self._slow_down(meta.uid, len(data))
            while not source.has_room:
                await self._pause(meta.uid, 0.1)
        for time, level, text in splitter.end():
            source.add(time, level, text)

    async def _slow_down(self, uid: str, count: int) -> None:
        """Wait until so many bytes may have been read. Raises _TooFast when the pod has ended meanwhile."""
        for rates, key in ((self._rates, uid), (self._rate_of_all, "")):
            while wait := rates.take(key, count):
                if self._is_over(uid):
                    raise _TooFast
                await self._pause(uid, min(wait, 1.0))

    def _is_over(self, uid: str) -> bool:
        pod = self._pods.get(uid)
        return pod is None or pod.state.terminated is not None or not pod.is_live

    async def _pause(self, uid: str, seconds: float) -> None:
        """Wait, but no longer than until the pod changes."""
        changed = self._changed[uid]
        changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()


class _TooFast(Exception):
    """The pod wrote more than may be read, and has ended."""


def _known_until(directory: Path, key: str, done: Path) -> int | None:
    """The time of the last line of a pod that is on disk; None when all of it is."""
    if done.exists():
        return None
    mine = [writer for writer in files.writers(directory) if writer.name.startswith(f"stdout-{key}-")]
    return max((writing.last_time(writer) for writer in mine), default=0)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _since(last: int) -> str:
    """A second before what is known, for the API server knows no finer; what comes twice is left out."""
    if not last:
        return ""
    return datetime.fromtimestamp(max(0, last // 1_000_000 - 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
