"""What a stretch of work cost: API writes by the server's own count, CPU time by process, other load on the machine."""

import os
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

import aiohttp

from asynctask.adapters.cluster import open_session
from asynctask.adapters.connection import Connection
from lib import exposition, machine

WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
APART = frozenset({"events", "leases"})


@dataclass(frozen=True)
class Reading:
    """Counters at one moment."""

    at: float
    cpu: dict[str, float]
    busy: float
    own: float
    writes: Counter[str]
    operator_requests: Counter[str]


@dataclass(frozen=True)
class Cost:
    """The difference of two readings."""

    seconds: float
    cpu_seconds: dict[str, float]
    other_cores: float
    """Cores used by what is no part of the benchmark."""
    writes: dict[str, float] = field(default_factory=dict)
    """By `VERB resource`; events and leases are named apart in the same way."""
    operator_requests: dict[str, float] = field(default_factory=dict)


class Meter:
    """Reads the counters of a cluster's processes and of the operator."""

    def __init__(self, connection: Connection, pids: dict[str, int], operator_metrics: str = "") -> None:
        self._connection = connection
        self._pids = pids
        self._operator_metrics = operator_metrics

    async def start(self) -> Reading:
        """Writes first: reading them costs the API server some CPU time, which belongs to nobody's work."""
        writes, requests = await self._counts()
        return self._reading(writes, requests)

    async def stop(self, before: Reading) -> Cost:
        """The other way round, for the same reason."""
        cpu = self._reading(Counter(), Counter())
        writes, requests = await self._counts()
        used = {name: cpu.cpu[name] - before.cpu[name] for name in self._pids}
        seconds = cpu.at - before.at
        mine = sum(used.values()) + cpu.own - before.own
        return Cost(
            seconds,
            used,
            max(0.0, (cpu.busy - before.busy - mine) / seconds),
            dict(writes - before.writes),
            dict(requests - before.operator_requests),
        )

    def _reading(self, writes: Counter[str], requests: Counter[str]) -> Reading:
        cpu = {name: machine.cpu_seconds(pid) for name, pid in self._pids.items()}
        return Reading(monotonic(), cpu, machine.busy_seconds(), machine.cpu_seconds(os.getpid()), writes, requests)

    async def _counts(self) -> tuple[Counter[str], Counter[str]]:
        async with open_session(self._connection, "bench") as session:
            writes = _server_writes(await _text(session, self._connection.server + "/metrics"))
            requests: Counter[str] = Counter()
            if self._operator_metrics:
                requests = _operator_requests(await _text(session, self._operator_metrics))
        return writes, requests


async def _text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        answer.raise_for_status()
        return await answer.text()


def _server_writes(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for sample in exposition.samples(text, "apiserver_request_total"):
        labels = sample.labels
        if labels["verb"] in WRITES and not labels.get("dry_run"):
            sub = f"/{labels['subresource']}" if labels["subresource"] else ""
            refused = f" {labels['code']}" if labels["code"] >= "300" else ""
            counts[f"{labels['verb']} {labels['resource']}{sub}{refused}"] += round(sample.value)
    return counts


def _operator_requests(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for sample in exposition.samples(text, "asynctask_api_requests_total"):
        labels = sample.labels
        refused = f" {labels['code']}" if labels["code"] >= "300" or labels["code"] == "0" else ""
        counts[f"{labels['verb']} {labels['resource']}{refused}"] += round(sample.value)
    return counts


def is_apart(write: str) -> bool:
    """Whether a `VERB resource` is told apart: an event or a lease."""
    return write.split()[1].split("/")[0] in APART
