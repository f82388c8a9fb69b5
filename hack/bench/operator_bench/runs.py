"""One run: so many items of one shape, all at once or a few in flight, and what it came to."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

from asynctask.adapters.cluster import JOBS, TASKS, Cluster

from .meter import Cost
from .process import Operator
from .shapes import Shape, bare_job, task
from .stand import NAMESPACE, Stand
from .timeline import Moments, Timeline

WARM_UP = 12
CONNECTIONS = 32
"""Items submitted at the same time when all are submitted at once."""
QUIET_SECONDS = 2.5
"""Longer than the operator holds back a status for company."""
ITEM_SECONDS = 120.0


@dataclass(frozen=True)
class Run:
    """What came of it. Times in seconds, one per item or step."""

    shape: Shape
    count: int
    in_flight: int
    """0: all at once."""
    per_minute: float
    """From the first submission to the last item seen done."""
    per_minute_settled: float
    """To the last Job seen complete, which a task does not wait for."""
    submit_to_job: list[float]
    submit_to_pod: list[float]
    submit_to_done: list[float]
    step_gaps: list[float]
    """From a pod seen ended to the next step's Job seen."""
    cost: Cost
    resident_mib: float = 0.0
    peak_mib: float = 0.0
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return asdict(self)


class Driver:
    """Submits items of one shape and leads bare Jobs from step to step."""

    def __init__(self, cluster: Cluster, timeline: Timeline, shape: Shape) -> None:
        self._cluster, self._timeline, self._shape = cluster, timeline, shape
        self._done: dict[str, asyncio.Event] = {}
        self._chained: set[asyncio.Task[None]] = set()
        timeline.on_done = lambda item: self._done[item].set()
        timeline.on_job_done = self._job_done

    async def run(self, items: Iterable[str], in_flight: int) -> None:
        """Submit all and wait for all; `in_flight` 0: at once."""
        waiting = iter(list(items))

        async def submit_each() -> None:
            for item in waiting:
                await self._submit(item)
                if in_flight:
                    await self._wait(item)

        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight or CONNECTIONS):
                group.create_task(submit_each())
        for item in list(self._done):
            await self._wait(item)

    async def _wait(self, item: str) -> None:
        try:
            await asyncio.wait_for(self._done[item].wait(), ITEM_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"{item} is not done after {ITEM_SECONDS:.0f} s") from None

    async def _submit(self, item: str) -> None:
        self._done[item] = asyncio.Event()
        self._timeline.items[item] = Moments(submitted=monotonic())
        if self._shape.kind == "task":
            await self._cluster.create(TASKS, NAMESPACE, task(item, self._shape.steps))
        else:
            await self._cluster.create(JOBS, NAMESPACE, bare_job(item, 0))

    def _job_done(self, item: str, step: str) -> None:
        if self._shape.kind == "task":
            return
        following = int(step.removeprefix("step-"))
        if following >= self._shape.steps:
            self._timeline.finish(item)
            return
        creation = asyncio.create_task(self._chain(item, following))
        self._chained.add(creation)
        creation.add_done_callback(self._chained.discard)

    async def _chain(self, item: str, step: int) -> None:
        await self._cluster.create(JOBS, NAMESPACE, bare_job(item, step))


async def run(stand: Stand, shape: Shape, count: int, in_flight: int) -> Run:
    """Warm up, measure, clean up. The operator runs only for tasks and is started anew each time."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(stand.cluster)
        operator: Operator | None = None
        if shape.kind == "task":
            operator = await stand.operator().start()
            stack.push_async_callback(operator.stop)
        async with Timeline(cluster, NAMESPACE) as timeline:
            await Driver(cluster, timeline, shape).run((f"warm-{i}" for i in range(WARM_UP)), in_flight)
            await timeline.quiet(QUIET_SECONDS)
            timeline.items.clear()
            meter = stand.meter(operator)
            before = await meter.start()
            await Driver(cluster, timeline, shape).run((f"item-{i}" for i in range(count)), in_flight)
            await timeline.quiet(QUIET_SECONDS)
            cost = await meter.stop(before)
            result = _summarise(shape, count, in_flight, timeline, cost, operator)
        if operator:
            await operator.stop()
        await stand.empty()
    return result


def _summarise(
    shape: Shape, count: int, in_flight: int, timeline: Timeline, cost: Cost, operator: Operator | None
) -> Run:
    items = list(timeline.items.values())
    first = min(item.submitted for item in items)
    settled = max(max(item.job_done.values(), default=item.done) for item in items)
    names = [shape.step_name(step) for step in range(shape.steps)]
    return Run(
        shape=shape,
        count=count,
        in_flight=in_flight,
        per_minute=60 * count / (max(item.done for item in items) - first),
        per_minute_settled=60 * count / (settled - first),
        submit_to_job=[item.job_seen[names[0]] - item.submitted for item in items if names[0] in item.job_seen],
        submit_to_pod=[item.pod_seen[names[0]] - item.submitted for item in items if names[0] in item.pod_seen],
        submit_to_done=[item.done - item.submitted for item in items],
        step_gaps=[
            item.job_seen[following] - item.pod_ended[name]
            for item in items
            for name, following in pairwise(names)
            if name in item.pod_ended and following in item.job_seen
        ],
        cost=cost,
        resident_mib=operator.resident_mib if operator else 0.0,
        peak_mib=operator.peak_mib if operator else 0.0,
        failed=list(timeline.failed),
    )
