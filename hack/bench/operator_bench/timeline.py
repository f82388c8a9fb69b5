"""When what was seen: one watch per kind, every moment this process's monotonic clock at the event's arrival."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

import msgspec

from asynctask.adapters.cluster import JOBS, PODS, TASKS, Cluster, Resource
from asynctask.api import names

from .shapes import LABEL_ITEM, LABEL_STEP

T = TypeVar("T")


class _Condition(msgspec.Struct):
    type: str
    status: str


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Status(msgspec.Struct):
    phase: str = ""
    conditions: list[_Condition] = []

    def has(self, kind: str) -> bool:
        return any(item.type == kind and item.status == "True" for item in self.conditions)


class _Object(msgspec.Struct):
    metadata: _Meta
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    type: str
    object: _Object


_decoder = msgspec.json.Decoder(_Event)


@dataclass
class Moments:
    """What was seen of one item, by step name."""

    submitted: float = 0.0
    seen: float = 0.0
    """The task, whoever submitted it."""
    job_seen: dict[str, float] = field(default_factory=dict)
    pod_seen: dict[str, float] = field(default_factory=dict)
    pod_ended: dict[str, float] = field(default_factory=dict)
    job_done: dict[str, float] = field(default_factory=dict)
    pod_name: str = ""
    done: float = 0.0


class Timeline:
    """Watches tasks, Jobs and pods of one namespace. Use it as an async context manager."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self.items: dict[str, Moments] = {}
        self.last_change = monotonic()
        self.on_job_seen: Callable[[str], None] = lambda item: None
        self.on_job_done: Callable[[str, str], None] = lambda item, step: None
        self.on_done: Callable[[str], None] = lambda item: None
        self.failed: list[str] = []
        self.queued: set[str] = set()
        self._changed = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Timeline":
        for resource, take in ((TASKS, self._task), (JOBS, self._job), (PODS, self._pod)):
            version = ""
            async for _, page_version in self._cluster.pages(resource, self._namespace):
                version = page_version
            self._watches.append(asyncio.create_task(self._follow(resource, version, take)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def quiet(self, seconds: float, within: float = 60) -> None:
        """Wait until nothing has changed for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while (left := self.last_change + seconds - monotonic()) > 0:  # noqa: ASYNC110 - it is the absence of events
                    await asyncio.sleep(left)

    async def until(self, answer: Callable[[], T | None], seconds: float = 60) -> T:
        """Wait until something seen gives an answer. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while (found := answer()) is None:
                self._changed.clear()
                await self._changed.wait()
            return found

    def finish(self, item: str) -> None:
        """The item is done."""
        moments = self.items[item]
        if not moments.done:
            moments.done = monotonic()
            self.on_done(item)

    async def _follow(self, resource: Resource, version: str, take: Callable[[_Object], None]) -> None:
        while True:
            async for line in self._cluster.watch(resource, self._namespace, resource_version=version):
                event = _decoder.decode(line)
                version = event.object.metadata.resource_version
                if event.type in {"ADDED", "MODIFIED"}:
                    self.last_change = monotonic()
                    take(event.object)
                    self._changed.set()

    def _task(self, body: _Object) -> None:
        moments = self.items.get(body.metadata.name)
        if moments is None:
            return
        moments.seen = moments.seen or monotonic()
        if body.status.phase == "Queued":
            self.queued.add(body.metadata.name)
        elif body.status.has("Succeeded"):
            self.finish(body.metadata.name)
        elif body.status.phase in {"Failed", "Invalid", "Cancelled"}:
            self.failed.append(body.metadata.name)
            self.finish(body.metadata.name)

    def _job(self, body: _Object) -> None:
        moments, item, step = self._place(body)
        if moments is None:
            return
        if step not in moments.job_seen:
            moments.job_seen[step] = monotonic()
            self.on_job_seen(item)
        if step not in moments.job_done and body.status.has("Complete"):
            moments.job_done[step] = monotonic()
            self.on_job_done(item, step)

    def _pod(self, body: _Object) -> None:
        moments, _, step = self._place(body)
        if moments is None:
            return
        moments.pod_seen.setdefault(step, monotonic())
        moments.pod_name = body.metadata.name
        if body.status.phase in {"Succeeded", "Failed"}:
            moments.pod_ended.setdefault(step, monotonic())

    def _place(self, body: _Object) -> tuple[Moments | None, str, str]:
        meta = body.metadata
        item = meta.annotations.get(names.ANNOTATION_TASK) or meta.labels.get(LABEL_ITEM, "")
        step = meta.labels.get(names.LABEL_STAGE) or meta.labels.get(LABEL_STEP, "")
        return self.items.get(item), item, step
