"""Thousands of tasks in a queue that lets one run: memory, idle cost, hand-over, and restarts after kill -9."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from time import monotonic, perf_counter
from typing import Any

from asynctask.adapters.cluster import PODS, QUEUES, TASKS, Cluster
from asynctask.api import names
from asynctask.core.admission.model import Queue, Task
from asynctask.scheduling import Scheduler

from .meter import Cost
from .process import Operator
from .runs import CONNECTIONS
from .shapes import task
from .stand import NAMESPACE, Stand
from .timeline import Moments, Timeline

QUEUE = "backlog"
HELD_POD = {"podOverride": {"schedulerName": "nobody"}}
"""No scheduler takes these pods: they end when the benchmark, as their kubelet, says so."""
HAND_OVERS = 20
OURS = frozenset({"asynctasks", "stages", "jobs", "pods", "events"})
"""What the operator may write; the rest is other components' housekeeping."""
SCHEDULER_ROUNDS = 20
QUIET_SECONDS = 3.0
TOLD_SECONDS = 900.0
"""Within this time every task must say that it waits."""


@dataclass
class Restart:
    """One end and new start of the operator."""

    how: str
    first_action: float
    """Seconds from the start of the process to the next task's Job seen."""
    resident_mib: float


@dataclass
class Backlog:
    """What came of it."""

    count: int
    submit_seconds: float = 0.0
    cost: Cost | None = None
    """From the first submission until every task says that it waits."""
    resident_mib: float = 0.0
    peak_mib: float = 0.0
    idle_cores: float = 0.0
    hand_overs: list[float] = field(default_factory=list)
    """Seconds from the pod of the running task seen ended to the Job of the next task seen."""
    admission_pass: list[float] = field(default_factory=list)
    """Seconds that the scheduler itself takes to free a place and give it to the head of as long a queue."""
    restarts: list[Restart] = field(default_factory=list)
    unchanged_writes: dict[str, float] = field(default_factory=dict)
    """What a restarted operator wrote when nothing had changed."""
    unchanged_cpu_seconds: float = 0.0
    unchanged_resident_mib: float = 0.0
    resync_cpu_seconds: float = 0.0
    """CPU time of one full listing and look at every task."""
    resync_writes: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return asdict(self)


async def run(stand: Stand, result: Backlog, say: Callable[[str], None], idle_seconds: float = 30.0) -> None:
    """Fill the queue, watch it idle, move it on, kill the operator and start it again."""
    count = result.count
    result.admission_pass = admission_pass(count)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(stand.cluster)
        await cluster.create(QUEUES, "", _queue())
        operator = await stand.operator().start()
        stack.push_async_callback(lambda: operator.stop())  # whichever runs by then
        timeline = await stack.enter_async_context(Timeline(cluster, NAMESPACE))
        hands = _Hands(cluster, timeline)

        say(f"submitting {count:,} tasks")
        meter = stand.meter(operator)
        before, started = await meter.start(), monotonic()
        await _submit(cluster, timeline, count)
        result.submit_seconds = monotonic() - started
        await timeline.until(lambda: len(timeline.queued) >= count - 1 or None, TOLD_SECONDS)
        await timeline.quiet(QUIET_SECONDS, within=120)
        result.cost = await meter.stop(before)
        result.resident_mib, result.peak_mib = operator.resident_mib, operator.peak_mib

        say("idle")
        before = await meter.start()
        await asyncio.sleep(idle_seconds)
        idle = await meter.stop(before)
        result.idle_cores = idle.cpu_seconds["operator"] / idle.seconds

        say("handing over")
        for _ in range(HAND_OVERS):
            result.hand_overs.append(await hands.hand_over())

        for how, identity in (
            ("kill -9, container restarts in its pod", ""),
            ("the same again", ""),
            ("kill -9, another pod takes over", "another"),
        ):
            say(how)
            await operator.kill()
            await hands.end_pod()
            operator = stand.operator(**({"identity": identity} if identity else {}))
            began = monotonic()
            await operator.start(wait=False)
            seen = await hands.next_job()
            await timeline.quiet(2)
            result.restarts.append(Restart(how, seen - began, operator.resident_mib))

        say("kill -9 with nothing to do")
        await operator.kill()
        operator = stand.operator(identity="another", resync_seconds="20")
        await _unchanged(stand, operator, result)
        await operator.stop()
        await stand.empty()


async def _unchanged(stand: Stand, operator: Operator, result: Backlog) -> None:
    """A restart with nothing changed, then one resync."""
    quiet = stand.meter()
    before = await quiet.start()
    await operator.start()
    await asyncio.sleep(12)
    written = (await quiet.stop(before)).writes
    result.unchanged_writes = {name: count for name, count in written.items() if name.split()[1].split("/")[0] in OURS}
    meter = stand.meter(operator)
    begun = await meter.start()
    result.unchanged_cpu_seconds, result.unchanged_resident_mib = begun.cpu["operator"], operator.resident_mib
    await asyncio.sleep(20)
    resync = await meter.stop(begun)
    result.resync_cpu_seconds = resync.cpu_seconds["operator"]
    result.resync_writes = {
        name: count for name, count in resync.operator_requests.items() if not name.startswith("GET")
    }


class _Hands:
    """Plays the kubelet of the one pod that runs, and sees the next task begin."""

    def __init__(self, cluster: Cluster, timeline: Timeline) -> None:
        self._cluster, self._timeline = cluster, timeline
        self._ended: set[str] = set()

    async def hand_over(self) -> float:
        """End the pod that runs; returns the seconds until the next Job."""
        item = await self.end_pod()
        return await self.next_job() - self._timeline.items[item].pod_ended["step-1"]

    async def next_job(self) -> float:
        """When the next task's Job was seen."""
        return min((await self._timeline.until(lambda: self._running(lambda it: it.job_seen)))[1].job_seen.values())

    async def end_pod(self) -> str:
        """Say that the pod that runs has ended well; returns whose it was."""
        item, moments = await self._timeline.until(lambda: self._running(lambda it: it.pod_seen))
        await self._cluster.patch(PODS, NAMESPACE, moments.pod_name, {"status": _succeeded()}, "status")
        await self._timeline.until(lambda: moments.pod_ended or None)
        self._ended.add(item)
        return item

    def _running(self, seen: Callable[[Moments], object]) -> tuple[str, Moments] | None:
        found = [pair for pair in self._timeline.items.items() if pair[0] not in self._ended and seen(pair[1])]
        if len(found) > 1:
            raise RuntimeError(f"several tasks run in a queue that lets one run: {[name for name, _ in found]}")
        return found[0] if found else None


def admission_pass(count: int) -> list[float]:
    """Time the scheduler alone: the running task of a long queue ends, the head gets its place."""
    admitted: list[tuple[str, str]] = []
    scheduler = Scheduler(admitted.append)
    scheduler.set_queues([Queue(QUEUE, max_running=1)], {}, {})
    tasks = [Task((NAMESPACE, f"item-{i:05}"), QUEUE, float(i), 1 + i % 5) for i in range(count)]
    for each in tasks:
        scheduler.ask(each)
    running, times = tasks[0].key, []
    for _ in range(min(SCHEDULER_ROUNDS, count - 1)):
        started = perf_counter()
        scheduler.release(running)
        times.append(perf_counter() - started)
        running = admitted[-1]
    return times


async def _submit(cluster: Cluster, timeline: Timeline, count: int) -> None:
    waiting = iter([f"item-{i:05}" for i in range(count)])

    async def submit_each() -> None:
        for item in waiting:
            timeline.items[item] = Moments(submitted=monotonic())
            await cluster.create(TASKS, NAMESPACE, task(item, 1, queue=QUEUE, job=HELD_POD))

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(submit_each())


def _queue() -> dict[str, Any]:
    spec = {"maxRunning": 1}
    return {"apiVersion": names.API_VERSION, "kind": "TaskQueue", "metadata": {"name": QUEUE}, "spec": spec}


def _succeeded() -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    state = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": moment, "finishedAt": moment}}
    container = {"name": "stage", "image": "none", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    return {"phase": "Succeeded", "startTime": moment, "containerStatuses": [container]}
