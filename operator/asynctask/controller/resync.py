"""Lists everything anew: before the first action, and now and then to repair what a watch may lose."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
import structlog

from asynctask.adapters.cluster import ENDPOINTS, QUEUES, SCHEDULES, TYPES, Resource
from asynctask.adapters.reflector import Reflector
from asynctask.adapters.store import Key
from asynctask.context import Context
from asynctask.controller.schedules import Schedules

log = structlog.get_logger()
THOROUGH = 12


class Resync:
    """Compares the store with the API server and counts what only the comparison found."""

    def __init__(
        self,
        context: Context,
        schedules: Schedules,
        reflectors: Iterable[Reflector[Any]],
        wake: Callable[[Iterable[Key]], None],
    ) -> None:
        self._context = context
        self._schedules = schedules
        self._reflectors = tuple(reflectors)
        self._wake = wake
        self._runs = 0

    async def run(self, *, not_before: float = float("inf")) -> int:
        """Take in everything there is and drop what is no more; returns how many changes no watch had told of.

        What its reflector has listed since `not_before`, by the monotonic clock, is not listed again.
        """
        store = self._context.store
        missed = 0
        for resource, take in (
            (QUEUES, store.apply_queue),
            (TYPES, store.apply_type),
            (ENDPOINTS, store.apply_endpoint),
            (SCHEDULES, self._schedules.take),
        ):
            changed = 0
            found: set[tuple[str, str]] = set()
            version = 0
            for namespace in self._context.namespaces_of(resource):
                async for raw, page_version in self._context.cluster.pages(resource, namespace):
                    version = version or int(page_version or 0)
                    for item in orjson.loads(raw)["items"]:
                        found.add((item["metadata"].get("namespace", ""), item["metadata"]["name"]))
                        keys = take(None, item)
                        changed += bool(keys)
                        self._wake(keys)
            for body in self._vanished(resource, found, version):
                changed += 1
                self._wake(take("DELETED", body))
            self._context.metrics.repairs.labels(resource.plural).inc(changed)
            missed += changed
        for reflector in self._reflectors:
            changed = await reflector.list(not_before=not_before)
            self._context.metrics.repairs.labels(reflector.plural).inc(changed)
            missed += changed
        self._context.queue.sweep(self._to_look_at())
        self._schedules.sweep()
        self._runs += 1
        return missed

    def _to_look_at(self) -> list[Key]:
        """What a listing found changed is looked at anyway. Who has ended or waits in a queue is woken by what happens,
        so of these, which may be ten thousands, only one listing in twelve has all looked at: clocks may be set."""
        tasks = self._context.store.tasks
        if self._runs % THOROUGH == 0:
            return list(tasks)
        return [key for key, entry in tasks.items() if not (entry.is_over or entry.queued_priority)]

    def _vanished(self, resource: Resource, found: set[tuple[str, str]], version: int) -> list[Mapping[str, Any]]:
        store = self._context.store
        known: list[tuple[str, str, str, int]] = []
        if resource is TYPES:
            known = [("", name, "", at) for name, (at, _) in store.types.items()]
        elif resource is QUEUES:
            known = [("", name, "", at) for name, (at, _) in store.queues.items()]
        elif resource is SCHEDULES:
            entries = self._schedules.store.entries
            known = [(ns, name, entry.uid, entry.version) for (ns, name), entry in entries.items()]
        elif resource is ENDPOINTS:
            known = [(ns, n, "", at) for ns, those in store.endpoints.items() for n, (at, _) in those.items()]
        return [
            {"metadata": {"namespace": ns, "name": name, "uid": uid, "resourceVersion": str(version)}}
            for ns, name, uid, at in known
            if (ns, name) not in found and at <= version
        ]
