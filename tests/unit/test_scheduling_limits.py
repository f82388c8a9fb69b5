"""The limits that hold now: what queues and endpoints say, and how busy the cluster is; and how Kueue is told to wait."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from support.scenes import NOW, make_task

from asynctask.adapters.cluster import ApiError, Conflict, NotFound, Refused
from asynctask.adapters.metrics import OperatorMetrics
from asynctask.api.names import ANNOTATION_HELD, LABEL_KUEUE_JOB_UID
from asynctask.context import Context
from asynctask.controller.queues import Limits
from asynctask.core.admission.model import EndpointLimits, Gate, Running, Task
from asynctask.core.plan import HoldWorkload, Plan
from asynctask.display import Displays
from asynctask.perform import Performer
from asynctask.scheduling import Scheduler
from asynctask.settings import OperatorSettings


class Server:
    """Answers lists, and keeps a record of what it is asked."""

    def __init__(self, **lists: Any) -> None:
        self.lists = lists
        self.asked: list[Any] = []

    async def pages(self, resource: Any, namespace: str = "", selector: str = "") -> AsyncIterator[tuple[bytes, str]]:
        kind = f"{resource.plural}.{resource.group}".rstrip(".").replace(".", "_").replace("-", "_")
        self.asked.append(("list", resource.plural, selector))
        found = self.lists.get(kind, NotFound(404, "NotFound", f"no {kind}"))
        if isinstance(found, ApiError):
            raise found
        yield orjson.dumps({"items": found}), "1"

    async def patch(self, resource: Any, _: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((resource.plural, name, body))
        meta = {"name": name, "namespace": "team", "uid": "u", "resourceVersion": str(len(self.asked))}
        return {"metadata": meta, "spec": {}}


class World:
    """A replica's context over such a server."""

    def __init__(self, **lists: Any) -> None:
        self.server = Server(**lists)
        self.context = Context(OperatorSettings(), self.server, OperatorMetrics())  # type: ignore[arg-type]
        self.scheduler = Scheduler(self.context.queue.add)
        self.limits = Limits(self.context, self.scheduler)
        self._version = 0

    def queue(self, name: str = "q", **spec: Any) -> "World":
        self._version += 1
        meta = {"name": name, "resourceVersion": str(self._version)}
        self.context.store.apply_queue("MODIFIED", {"metadata": meta, "spec": spec})
        return self

    def endpoint(self, **limits: Any) -> "World":
        self._version += 1
        meta = {"name": "photos", "namespace": "team", "resourceVersion": str(self._version)}
        spec = {"path": "/nas/photos", "volume": {"claimName": "photos"}, "limits": limits}
        self.context.store.apply_endpoint("MODIFIED", {"metadata": meta, "spec": spec})
        return self

    def measure(self) -> Gate | None:
        """Measure what is asked for, as the clock does; what holds the queue back then."""
        asyncio.run(self.limits._measure())
        self.limits.refresh()
        return self.scheduler.gate("q")

    def ask(self, name: str, **more: Any) -> bool:
        return self.scheduler.ask(Task(("team", name), "q", NOW.timestamp(), **more)).admitted


NODE = {
    "metadata": {"name": "a"},
    "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}, "conditions": [{"type": "Ready", "status": "True"}]},
}
BUSY = {"metadata": {"name": "a"}, "usage": {"cpu": "3", "memory": "1Gi"}}


def test_a_queue_s_limits_hold_as_soon_as_they_are_known() -> None:
    world = World().queue(
        maxRunning=1, quota={"cpu": "2", "memory": "1Gi"}, fairShare=[{"namespace": "a", "weight": 3}]
    )
    world.limits.refresh()
    assert [world.ask("a"), world.ask("b")] == [True, False]
    world.queue(maxRunning=2).limits.refresh()
    assert world.scheduler.answer(("team", "b")).admitted


def test_a_suspended_queue_starts_nothing() -> None:
    world = World().queue(suspend=True)
    world.limits.refresh()
    assert not world.ask("a")
    world.queue(suspend=False).limits.refresh()
    assert world.scheduler.answer(("team", "a")).admitted


def test_an_endpoint_s_limits_are_told_and_taken_back() -> None:
    world = World().endpoint(streams=1, megabytesPerSecond=100)
    told: list[Any] = []
    world.scheduler.set_endpoints = told.append  # type: ignore[method-assign]
    world.limits.refresh()
    world.endpoint().limits.refresh()
    assert told == [{("team", "photos"): EndpointLimits(1, 100)}, {}]


def test_nothing_is_measured_that_no_queue_asks_for() -> None:
    world = World().queue(maxRunning=1)
    assert world.measure() is None
    assert world.server.asked == []


def test_nodes_that_are_too_busy_hold_a_queue_back_until_they_are_not() -> None:
    world = World(nodes=[NODE], nodes_metrics_k8s_io=[BUSY]).queue(pressure={"maxNodeCPUPercent": 75})
    assert world.measure() == Gate("ClusterBusy", "pressure.maxNodeCPUPercent", 75, 75)  # type: ignore[arg-type]
    asked = len(world.server.asked)
    world.measure()
    assert len(world.server.asked) == asked, "not again within a few seconds"
    assert world.queue(pressure={"maxNodeCPUPercent": 76}).measure() is None
    assert world.limits.trouble == ""


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"nodes": [NODE]}, "install metrics-server"),
        ({"nodes": Refused(403, "Forbidden", "nodes is forbidden")}, "operator.nodeMetrics.enabled=true"),
        ({"nodes": ApiError(500, "", "down")}, "could not be read"),
        ({"nodes": [], "nodes_metrics_k8s_io": []}, "no node"),
    ],
)
def test_a_load_that_is_not_known_holds_nothing_back_and_says_what_to_do(lists: Any, says: str) -> None:
    world = World(**lists).queue(pressure={"maxNodeCPUPercent": 1})
    assert world.measure() is None
    assert says in world.limits.trouble


def test_a_network_that_is_full_holds_a_queue_back() -> None:
    world = World().queue(pressure={"maxNetworkMegabytesPerSecond": 40})
    world.scheduler.hold(Running(Task(("team", "moves"), "q", 0.0), 0.0))
    scene = make_task("moves").stage("copy").running("copy", progress={"bytesPerSecond": 40_000_000})
    body = orjson.loads(scene.task.model_dump_json(by_alias=True, exclude_none=True))
    world.context.store.apply_task("ADDED", body)
    for stage in scene.stages.values():
        world.context.store.apply_stage("ADDED", stage)
    assert world.measure() == Gate("ClusterBusy", "pressure.maxNetworkMegabytesPerSecond", 40, 40)  # type: ignore[arg-type]


# -- Kueue

HOLD = HoldWorkload("nightly-copy", "uid-1", hold=True, annotations={ANNOTATION_HELD: "true"})
RELEASE = HoldWorkload("nightly-copy", "uid-1", hold=False, annotations={ANNOTATION_HELD: None})
WORKLOAD = {"metadata": {"name": "job-nightly-copy-3f1a2"}}


def perform(world: World, action: HoldWorkload) -> list[Any]:
    performer = Performer(world.context, Displays(world.context.settings))
    facts = make_task().stage("copy").facts
    asyncio.run(performer(("team", "nightly"), facts, Plan(actions=(action,))))
    return world.server.asked


def notes(value: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {ANNOTATION_HELD: value}}}


def test_a_hold_is_noted_on_the_job_first_and_taken_off_last() -> None:
    find = ("list", "workloads", f"{LABEL_KUEUE_JOB_UID}=uid-1")
    name = WORKLOAD["metadata"]["name"]
    assert perform(World(workloads_kueue_x_k8s_io=[WORKLOAD]), HOLD) == [
        ("jobs", "nightly-copy", notes("true")), find, ("workloads", name, {"spec": {"active": False}})]  # fmt: skip
    assert perform(World(workloads_kueue_x_k8s_io=[WORKLOAD]), RELEASE) == [
        find, ("workloads", name, {"spec": {"active": True}}), ("jobs", "nightly-copy", notes(None))]  # fmt: skip


def test_a_workload_that_kueue_has_not_made_yet_is_waited_for() -> None:
    with pytest.raises(Conflict, match="no Workload"):
        perform(World(workloads_kueue_x_k8s_io=[]), HOLD)
