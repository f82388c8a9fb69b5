"""Hundreds of schedules that come due in the same second: when their tasks are there, and what that costs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic, time
from typing import Any

from asynctask.adapters.cluster import SCHEDULES, TASKS, Cluster, Resource
from asynctask.api import names

from .meter import Cost
from .runs import CONNECTIONS, QUIET_SECONDS, WARM_UP, Driver
from .shapes import Shape, task
from .stand import NAMESPACE, Stand
from .timeline import Moments, Timeline

READY_SECONDS = 120.0
DONE_SECONDS = 240.0
AHEAD_SECONDS = 5.0
"""So long, at least, the operator is idle before they come due."""


@dataclass(frozen=True)
class Due:
    """What came of one such second. Seconds since then, one per schedule."""

    count: int
    to_task: list[float]
    """Until the task was seen."""
    to_job: list[float]
    to_done: list[float]
    cost: Cost
    resident_mib: float

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return asdict(self)


async def run(stand: Stand, count: int) -> Due:
    """Make them, wait for their time, and for the ends of their tasks; every schedule must have made just one."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(stand.cluster)
        operator = await stand.operator().start()
        stack.push_async_callback(operator.stop)
        timeline = await stack.enter_async_context(Timeline(cluster, NAMESPACE))
        await Driver(cluster, timeline, Shape("task", 1)).run((f"warm-{i}" for i in range(WARM_UP)), 0)
        timeline.on_done = lambda item: None
        due = _due(count)
        schedules = [f"nightly-{number:04}" for number in range(count)]
        await _each(schedules, lambda name: cluster.create(SCHEDULES, NAMESPACE, _schedule(name, due)))
        async with asyncio.timeout(READY_SECONDS):
            while await _count(cluster, SCHEDULES, b'"reason":"Scheduled"') < count:  # noqa: ASYNC110 - nothing watches them
                await asyncio.sleep(1)
        await timeline.quiet(QUIET_SECONDS)
        if (ahead := due.timestamp() - time()) < AHEAD_SECONDS:
            raise RuntimeError(f"the schedules were ready too late, {ahead:.0f} s ahead")
        at = monotonic() + ahead
        timeline.items = {f"{name}-{due:%Y%m%d-%H%M}": Moments(submitted=at) for name in schedules}
        items = timeline.items
        meter = stand.meter(operator)
        before = await meter.start()
        await timeline.until(lambda: all(item.done for item in items.values()) or None, ahead + DONE_SECONDS)
        await timeline.quiet(QUIET_SECONDS)
        cost, resident = await meter.stop(before), operator.resident_mib
        made = await _count(cluster, TASKS, f'"{names.ANNOTATION_SCHEDULED_TIME}":'.encode())
        if timeline.failed or made != count:
            raise RuntimeError(f"{made} tasks of {count} schedules; failed: {timeline.failed[:5]}")
        await operator.stop()
        await stand.empty()
    moments = list(items.values())
    return Due(
        count,
        [item.seen - at for item in moments],
        [min(item.job_seen.values()) - at for item in moments],
        [item.done - at for item in moments],
        cost,
        resident,
    )


def _due(count: int) -> datetime:
    """The first whole minute by which all can be ready."""
    ready = datetime.now(UTC) + timedelta(seconds=10 + count / 20)
    return ready.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _schedule(name: str, due: datetime) -> dict[str, Any]:
    spec = {
        "schedule": f"{due.minute} {due.hour} {due.day} {due.month} *",
        "taskTemplate": {"spec": task(name, 1)["spec"]},
    }
    return {"apiVersion": names.API_VERSION, "kind": "TaskSchedule", "metadata": {"name": name}, "spec": spec}


async def _each(schedules: Iterable[str], act: Callable[[str], Awaitable[object]]) -> None:
    waiting = iter(schedules)

    async def act_on_each() -> None:
        for name in waiting:
            await act(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(act_on_each())


async def _count(cluster: Cluster, kind: Resource, mark: bytes) -> int:
    """How many objects bear the mark."""
    found = 0
    async for raw, _ in cluster.pages(kind, NAMESPACE):
        found += raw.count(mark)
    return found
