"""Keeps the scheduler told of the limits that hold now, those of queues and endpoints, and of the cluster's load."""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from asynctask.adapters.cluster import NODE_METRICS, NODES, ApiError, NotFound, Refused, Resource
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.api.taskqueue import TaskQueue
from asynctask.context import Context
from asynctask.core import pressure, requests
from asynctask.core.admission.model import Gate, Task
from asynctask.core.facts import Displacement
from asynctask.core.pressure import NodeLoad
from asynctask.scheduling import Scheduler, rules

log = structlog.get_logger()
TICK_SECONDS = 2.0
"""Timetables change limits by the clock; a tick without a change costs microseconds."""
NEWS_PER_TICK = 20
"""When all that waits comes to wait for something else (its queue is suspended), each is told: not all at once."""
NODES_SECONDS = 15.0
"""metrics-server has fresh figures about as often."""
NETWORK_SECONDS = 5.0


class Limits:
    """What queues and endpoints bear now, and how busy the cluster is."""

    def __init__(self, context: Context, scheduler: Scheduler) -> None:
        self._context = context
        self._scheduler = scheduler
        self._load = NodeLoad()
        self._network = 0
        scheduler.path_of = self._path_of
        self._measured_nodes = self._measured_network = float("-inf")

    @property
    def trouble(self) -> str | None:
        """Why the load of nodes is not known, empty when it is; None while it has not been asked for."""
        return self._load.problem if self._measured_nodes > float("-inf") else None

    def refresh(self) -> None:
        """Tell the scheduler; it takes notice of what has changed."""
        store, now = self._context.store, self._context.now()
        queues = [queue for _, queue in store.queues.values()]
        gates = {queue.metadata.name: gate for queue in queues if (gate := self._gate(queue, now))}
        self._scheduler.set_queues([rules.queue(queue) for queue in queues], gates, _drained(queues))
        self._scheduler.set_endpoints(
            {
                (namespace, name): limits
                for namespace, those in store.endpoints.items()
                for name, (_, endpoint) in those.items()
                if (limits := rules.endpoint(endpoint, now)) is not None
            }
        )

    async def keep(self) -> None:
        """Refresh by the clock, and measure what queues ask for, for as long as the operator leads."""
        while True:
            try:
                await self._measure()
                self.refresh()
                for key in self._scheduler.with_news(NEWS_PER_TICK):
                    self._context.queue.add(key)
            except Exception:
                log.exception("limits could not be refreshed")
            await asyncio.sleep(TICK_SECONDS)

    def _path_of(self, path: str, task: Task | None) -> str:
        store = self._context.store
        endpoints = [(namespace, e) for namespace, those in store.endpoints.items() for _, e in those.values()]
        return requests.as_users_know_it(path, task.locations if task else (), endpoints)

    def _gate(self, queue: TaskQueue, now: datetime) -> Gate | None:
        return rules.suspended(queue) or rules.shut(queue, now) or rules.busy(queue, self._load, self._network)

    async def _measure(self) -> None:
        asked = [queue.spec.pressure for _, queue in self._context.store.queues.values()]
        if not any(limits.asks_nodes for limits in asked):
            self._load, self._measured_nodes = NodeLoad(), float("-inf")
        elif monotonic() - self._measured_nodes >= NODES_SECONDS:
            self._load = await self._node_load()
            self._measured_nodes = monotonic()
        if not any(limits.max_network_megabytes_per_second for limits in asked):
            self._network = 0
        elif monotonic() - self._measured_network >= NETWORK_SECONDS:
            self._measured_network = monotonic()
            self._network = self._stage_rates()

    async def _node_load(self) -> NodeLoad:
        try:
            nodes, metrics = await self._items(NODES), await self._items(NODE_METRICS)
            return pressure.node_load(nodes, metrics)
        except NotFound:
            return NodeLoad(problem="metrics.k8s.io is not served here; install metrics-server")
        except Refused as error:
            return NodeLoad(
                problem="the operator may not read nodes and their metrics; install the chart with"
                f" operator.nodeMetrics.enabled=true ({error.message})"[:900]
            )
        except ApiError as error:
            return NodeLoad(problem=f"nodes and their metrics could not be read: {error}"[:900])

    async def _items(self, resource: Resource) -> list[dict[str, Any]]:
        return [item async for page, _ in self._context.cluster.pages(resource) for item in orjson.loads(page)["items"]]

    def _stage_rates(self) -> int:
        store = self._context.store
        total: list[Stage] = []
        for key in self._scheduler.holders():
            entry = store.tasks.get(key)
            if entry is None:
                continue
            try:
                total += store.stages_of(entry.uid)
            except ValidationError:
                continue
        return pressure.network(total)


def _drained(queues: list[TaskQueue]) -> dict[str, Displacement]:
    """The queues whose running tasks stop too."""
    return {
        queue.metadata.name: Displacement(Reason.QUEUE_SUSPENDED, f"queue {queue.metadata.name} being suspended")
        for queue in queues
        if queue.spec.suspend and queue.spec.suspend_running
    }
