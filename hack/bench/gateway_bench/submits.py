"""How many tasks a second the gateway takes, for how long a client waits, and whether the API server has every one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic, perf_counter

import orjson

from asynctask.adapters import cluster as api
from lib.figures import percentile

from .stand import NAMESPACE, TYPE, Gateway


@dataclass(frozen=True)
class Result:
    """What was measured."""

    clients: int
    seconds: float
    taken: int
    """Answered with 200."""
    refused: dict[str, int]
    """Other answers, by status and code."""
    lost: int
    """Answered with 200, and not in the API server. Must be 0."""
    surplus: int
    """In the API server, and never answered with 200."""
    per_second: float
    p50_ms: float
    p99_ms: float
    gateway_cpu_ms_each: float
    gateway_mib: float


async def measure(gateway: Gateway, cluster: api.Cluster, *, clients: int, seconds: float) -> Result:
    """Submit as fast as so many clients can, one request each at a time."""
    taken: list[str] = []
    latencies: list[float] = []
    refused: dict[str, int] = {}
    body = orjson.dumps(
        {"task_type": TYPE, "task_config": {"source_path": "/nas/photos/2026"}, "priority": 3, "namespace": NAMESPACE}
    )
    headers = {"Content-Type": "application/json"}
    begun, cpu = monotonic(), gateway.cpu_seconds

    async def client() -> None:
        while monotonic() - begun < seconds:
            started = perf_counter()
            async with gateway.session.post(f"{gateway.url}/submit_task", data=body, headers=headers) as answer:
                raw = await answer.read()
            if answer.status == 200:
                latencies.append(perf_counter() - started)
                taken.append(orjson.loads(raw)["task_id"])
            else:
                code = f"{answer.status} {orjson.loads(raw).get('code', '')}"
                refused[code] = refused.get(code, 0) + 1

    await asyncio.gather(*(client() for _ in range(clients)))
    took = monotonic() - begun
    used = gateway.cpu_seconds - cpu
    there = {uid async for uid in _uids(cluster)}
    return Result(
        clients=clients,
        seconds=round(took, 1),
        taken=len(taken),
        refused=refused,
        lost=len(set(taken) - there),
        surplus=len(there - set(taken)),
        per_second=round(len(taken) / took, 1),
        p50_ms=round(percentile(latencies, 50) * 1000, 1),
        p99_ms=round(percentile(latencies, 99) * 1000, 1),
        gateway_cpu_ms_each=round(used / max(1, len(taken)) * 1000, 2),
        gateway_mib=round(gateway.peak_mib, 1),
    )


async def _uids(cluster: api.Cluster) -> AsyncIterator[str]:
    async for raw, _ in cluster.pages(api.TASKS, NAMESPACE):
        for item in orjson.loads(raw)["items"]:
            yield item["metadata"]["uid"]
