"""Tells TaskTypes and StorageEndpoints whether tasks can use them. Written when it changes, and never otherwise."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from asynctask.adapters.cluster import ENDPOINTS, TYPES, ApiError, NotFound, Resource
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.context import Context
from asynctask.core import conditions, readiness
from asynctask.core.conditions import Wanted

log = structlog.get_logger()
PERIOD_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Told:
    """One object and what it should say."""

    resource: Resource
    found: TaskType | StorageEndpoint
    wanted: Wanted


class Readiness:
    """Looks at those of another version than before; an endpoint with all of its namespace, whose paths must differ."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._types: dict[str, int] = {}
        self._endpoints: dict[str, dict[str, int]] = {}

    async def keep_telling(self) -> None:
        """Look every few seconds, without end."""
        while True:
            try:
                await self.tell()
            except ApiError as error:
                log.warning("whether an object is ready could not be told", error=str(error)[:200])
            except Exception:
                log.exception("whether objects are ready could not be told")
            await asyncio.sleep(PERIOD_SECONDS)

    async def tell(self) -> None:
        """Write the condition of each object that says something else than it should. Raises ApiError."""
        for told in self._changed_types():
            await self._write(told)
            self._types[told.found.metadata.name] = int(told.found.metadata.resource_version)
        for namespace, versions in self._changed_namespaces():
            models = {name: model for name, (_, model) in self._store.endpoints[namespace].items()}
            for model in models.values():
                await self._write(_Told(ENDPOINTS, model, readiness.of_endpoint(model, models)))
            self._endpoints[namespace] = versions

    def _changed_types(self) -> Iterator[_Told]:
        types = self._store.types
        for gone in self._types.keys() - types.keys():
            del self._types[gone]
        for name, (version, model) in list(types.items()):
            if self._types.get(name) != version:
                yield _Told(TYPES, model, readiness.of_type(model))

    def _changed_namespaces(self) -> Iterator[tuple[str, dict[str, int]]]:
        for namespace, found in list(self._store.endpoints.items()):
            versions = {name: version for name, (version, _) in found.items()}
            if self._endpoints.get(namespace, {}) != versions:
                yield namespace, versions

    async def _write(self, told: _Told) -> None:
        meta, current = told.found.metadata, told.found.status.conditions
        merged = conditions.merge(current, [told.wanted], meta.generation, self._context.now())
        if merged == [conditions.dump(each) for each in sorted(current, key=lambda each: each.type)]:
            return
        body = {"metadata": {"resourceVersion": meta.resource_version}, "status": {"conditions": merged}}
        try:
            await self._context.cluster.patch(told.resource, meta.namespace, meta.name, body, "status")
        except NotFound:
            return
