"""What kopf delivers: an index of handlers. Each takes the change in and wakes the tasks concerned."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import kopf

from asynctask.adapters.store import Key
from asynctask.api import names
from asynctask.context import Context
from asynctask.controller.schedules import Schedules

PLURALS = frozenset({"tasktypes", "taskqueues", "storageendpoints", "taskschedules"})
"""The kinds followed."""

LIMITING = frozenset({"taskqueues", "storageendpoints"})
"""Those that bear limits."""

Take = Callable[[str | None, Mapping[str, Any]], set[Key]]


def register(
    registry: kopf.OperatorRegistry,
    context: Context,
    schedules: Schedules,
    wake: Callable[[Iterable[Key]], None],
    limits_changed: Callable[[], None],
) -> None:
    """Put one handler per kind on the registry. Handlers never raise: kopf would drop the event."""
    store = context.store

    def on(plural: str, take: Take) -> None:
        @kopf.on.event(names.GROUP, names.VERSION, plural, registry=registry, id=plural)
        async def changed(event: kopf.RawEvent, **_: Any) -> None:
            context.metrics.events.labels(plural).inc()
            context.echoes.seen(plural, event["object"]["metadata"]["resourceVersion"])
            wake(take(event["type"], event["object"]))
            if plural in LIMITING:
                limits_changed()

    on("tasktypes", store.apply_type)
    on("taskqueues", store.apply_queue)
    on("storageendpoints", store.apply_endpoint)
    on("taskschedules", schedules.take)


class EndlessBackoff:
    """Seconds between tries of kopf's requests, without end: an operator that exits because the API server is being
    upgraded helps nobody."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay
            delay = min(15.0, delay * 2)


class NoProgress(kopf.ProgressStorage):
    """Handlers that are called once need no progress on the object."""

    def fetch(self, **_: Any) -> None:
        """Nothing is stored."""

    def store(self, **_: Any) -> None:
        """Nothing is stored."""

    def purge(self, **_: Any) -> None:
        """Nothing is stored."""

    def touch(self, **_: Any) -> None:
        """Nothing is stored."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Nothing is stored."""
        return essence


class NoDiffs(kopf.DiffBaseStorage):
    """Level-triggered decisions need no differences; without them kopf copies no bodies."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """An empty essence."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        """Nothing is stored."""

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


def settings() -> kopf.OperatorSettings:
    """kopf with everything off that we do ourselves."""
    result = kopf.OperatorSettings()
    result.scanning.disabled = True
    result.posting.enabled = False
    result.peering.standalone = True
    result.queueing.idle_timeout = 0.5
    result.watching.chunk_size = 500
    result.watching.server_timeout = 300
    result.watching.client_timeout = 310
    result.watching.reconnect_backoff = 0.5
    result.networking.request_timeout = 30
    result.networking.connect_timeout = 5
    result.networking.error_backoffs = EndlessBackoff()
    result.persistence.progress_storage = NoProgress()
    result.persistence.diffbase_storage = NoDiffs()
    result.process.ultimate_exiting_timeout = 30
    return result
