"""Why Jobs have no pods, in the words of the Job controller's events."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from time import monotonic

import msgspec
import structlog

from asynctask.adapters.cluster import EVENTS, ApiError, Cluster

FRESH_SECONDS = 30.0

log = structlog.get_logger()


class _Regarding(msgspec.Struct, frozen=True):
    uid: str = ""


class _Event(msgspec.Struct):
    regarding: _Regarding = _Regarding()
    note: str = ""


class _Page(msgspec.Struct):
    items: tuple[_Event, ...] = ()


_page = msgspec.json.Decoder(_Page)


class PodRefusals:
    """Asked for only where a Job waits in vain: one list of a namespace in half a minute, however many do."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, namespace: str, uids: Collection[str]) -> Mapping[str, str]:
        """What the Job controller said of these Jobs, by uid; empty where it said nothing, or nobody may read it."""
        if not uids:
            return {}
        async with self._locks[namespace]:
            when, known = self._known.get(namespace, (float("-inf"), {}))
            if monotonic() - when > FRESH_SECONDS:
                known = await self._read(namespace)
                self._known[namespace] = (monotonic(), known)
        return {uid: known[uid] for uid in uids if uid in known}

    async def _read(self, namespace: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        try:
            async for raw, _ in self._cluster.pages(EVENTS, namespace, fields="reason=FailedCreate"):
                for event in _page.decode(raw).items:
                    found[event.regarding.uid] = event.note
        except ApiError as error:
            log.info("why pods are refused could not be read", namespace=namespace, error=str(error)[:200])
        return found
