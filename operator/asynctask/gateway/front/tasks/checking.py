"""Whether a task could run, asked before it is made: by the code that the operator decides with."""

from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Any

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.taskqueue import TaskQueue
from asynctask.api.tasktype import TaskType
from asynctask.core import resolve
from asynctask.core.problems import Problem
from asynctask.gateway.front.tasks.live import known
from asynctask.gateway.front.view import ObjectRow, View

NAMESPACE_SECONDS = 10.0
MAX_PARSED = 2048

Object = Mapping[str, Any]


class Checks:
    """Resolves tasks against the types, queues and endpoints of the cluster."""

    def __init__(self, cluster: api.Cluster, view: View) -> None:
        self._cluster = cluster
        self._view = view
        self._parsed: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._namespaces: dict[str, tuple[float, bool]] = {}

    async def problems(self, task: AsyncTask) -> tuple[Problem, ...]:
        """All that is wrong with it. Raises Unavailable while the cluster is not known."""
        await known(self._view)
        spec, namespace = task.spec, task.metadata.namespace
        task_type = await self.task_type(spec.type) if spec.type else None
        queue = await self.queue(spec.queue_name)
        stages = task_type.spec.stages if task_type else spec.stages or ()
        asks_for_data = any(stage.job and stage.job.security_profile == "DataOwner" for stage in stages)
        allowed = asks_for_data and await self.allows_data_owner(namespace)

        def found() -> tuple[Problem, ...]:
            return resolve.problems(
                task,
                task_type,
                self.endpoints(namespace),
                queue_known=queue is not None or spec.queue_name == names.DEFAULT_QUEUE,
                data_owner_allowed=allowed,
                queue_window=queue.spec.window if queue else None,
            )

        problems = found()
        if any(problem.reason is Reason.ENDPOINT_NOT_FOUND for problem in problems):
            await self._look_for_endpoints(namespace)
            problems = found()
        return problems

    async def task_type(self, name: str) -> TaskType | None:
        """A TaskType by its name."""
        row = self._view.types.named("", name)
        if row is None:
            row = await self._fetched(api.TYPES, name)
        return None if row is None else self._model(row, TaskType)

    async def queue(self, name: str) -> TaskQueue | None:
        """A TaskQueue by its name."""
        row = self._view.queues.named("", name)
        if row is None and name != names.DEFAULT_QUEUE:
            row = await self._fetched(api.QUEUES, name)
        return None if row is None else self._model(row, TaskQueue)

    def endpoints(self, namespace: str) -> dict[str, StorageEndpoint]:
        """The StorageEndpoints of a namespace."""
        return {row.name: self._model(row, StorageEndpoint) for row in self._view.endpoints.within((namespace,))}

    async def allows_data_owner(self, namespace: str) -> bool:
        """Whether an administrator has allowed the DataOwner profile there."""
        until, allowed = self._namespaces.get(namespace, (0.0, False))
        if monotonic() < until:
            return allowed
        try:
            body = await self._cluster.get(api.NAMESPACES, "", namespace)
            allowed = body["metadata"].get("labels", {}).get(names.DATA_OWNER_LABEL) == "true"
        except api.NotFound:
            allowed = False
        if len(self._namespaces) > MAX_PARSED:
            self._namespaces.clear()
        self._namespaces[namespace] = (monotonic() + NAMESPACE_SECONDS, allowed)
        return allowed

    async def _look_for_endpoints(self, namespace: str) -> None:
        """One may have been made a moment ago; the watch need not have told of it yet."""
        async for raw, _ in self._cluster.pages(api.ENDPOINTS, namespace):
            for body in orjson.loads(raw)["items"]:
                self._view.saw_object(api.ENDPOINTS, body)

    async def _fetched(self, resource: api.Resource, name: str) -> ObjectRow | None:
        """Made a moment ago, perhaps: the watch may not have told of it yet."""
        try:
            body = await self._cluster.get(resource, "", name)
        except (api.NotFound, api.Refused):
            return None
        self._view.saw_object(resource, body)
        table = self._view.types if resource is api.TYPES else self._view.queues
        return table.named("", name)

    def _model(self, row: ObjectRow, kind: Any) -> Any:
        """The object parsed, once for each of its versions."""
        key = (row.uid, row.version)
        found = self._parsed.get(key)
        if found is None:
            found = self._parsed[key] = kind.model_validate(row.object())
            if len(self._parsed) > MAX_PARSED:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(key)
        return found
