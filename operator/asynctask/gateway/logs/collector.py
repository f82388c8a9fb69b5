"""Collects what stages' containers write, through the API server: whatever the image, while the pod lives and its end.

One gateway does it, the leader. A pod's output is followed from when its container runs, and read to its end by a
`reader`: the pod stays until its Job goes. Who takes over goes on after what is on disk.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

import msgspec
import structlog

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.reflector import Change, Collection, Items, Reflector, identity
from asynctask.adapters.stagelogs import files, reading
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.store import Key
from asynctask.api import names
from asynctask.core.observed import Pod
from asynctask.gateway.front.view import View
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.logs.reader import Allowance, Reader

AT_ONCE = 16
"""Pods that have ended, read at the same time: after an upgrade there may be thousands."""
ARRIVAL_SECONDS = 5.0

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
        self._allowance = Allowance()

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
                followed = _Followed(self._cluster, pod, self._pods, self._changed[uid])
                async with self._turns if followed.is_over else nullcontext():
                    await Reader(followed, uid, source, self._allowance, known).read()
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


class _Followed:
    """A pod whose output is read."""

    def __init__(self, cluster: api.Cluster, pod: Pod, pods: Mapping[str, Pod], changed: asyncio.Event) -> None:
        self._cluster = cluster
        self._meta = pod.metadata
        self._pods = pods
        self._changed = changed

    def open(self, *, since: str, tail: int) -> AsyncGenerator[bytes]:
        return self._cluster.logs(self._meta.namespace, self._meta.name, "stage", since=since, tail=tail)

    @property
    def is_over(self) -> bool:
        pod = self._pods.get(self._meta.uid)
        return pod is None or pod.state.terminated is not None or not pod.is_live

    async def pause(self, seconds: float) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def _known_until(directory: Path, key: str, done: Path) -> int | None:
    """The time of the last line of a pod that is on disk; None when all of it is."""
    if done.exists():
        return None
    mine = [writer for writer in files.writers(directory) if writer.name.startswith(f"stdout-{key}-")]
    return max((reading.last_time(writer) for writer in mine), default=0)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
