"""A thousand clients of the event stream on one gateway: how late a change arrives, what it costs.

    python -m gateway_bench.streams --clients 1000 --tasks 2000 --rate 20 --seconds 30

A control plane of its own, a gateway as a process, the clients in this one. Each client follows the list of tasks; a
change is a write of a task's status whose message says when it was asked for, so what is measured is the whole way:
API server, watch, gateway, socket, client. With two cores the clients' own processor time is a good part of it.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from asynctask.api import names
from lib import machine
from localcluster import Cluster as LocalCluster

CRDS = Path(__file__).parents[3] / "crds"
NAMESPACE = "stream-bench"
MARK = b'"message":"at '
WRITERS = 16


@dataclass
class Result:
    """What was measured."""

    clients: int
    tasks: int
    changes_per_second: float
    expected: int
    """Events that all clients together should have had."""
    arrived: int
    resets: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    gateway_cpu_percent: float
    gateway_mib_before: float
    """With the tasks in memory and no client."""
    gateway_mib: float
    """The most, with clients and changes."""


@dataclass
class Tally:
    """What all clients have heard."""

    latencies: list[float] = field(default_factory=list)
    resets: int = 0


class Client(asyncio.Protocol):
    """Follows the list, and does as little as can be done with what comes."""

    def __init__(self, tally: Tally, greeted: asyncio.Event) -> None:
        self._tally = tally
        self._greeted = greeted
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"GET /api/v1/stream?topics=tasks HTTP/1.1\r\nHost: bench\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Note when what was said when."""
        now = time.time()
        self._greeted.set()
        data = self._rest + data
        at = data.find(MARK)
        end = 0
        while at >= 0:
            end = at + len(MARK) + 20
            if end > len(data):
                break
            self._tally.latencies.append(now - int(data[at + len(MARK) : end]) / 1e9)
            at = data.find(MARK, end)
        self._tally.resets += data.count(b"event: reset")
        self._rest = data[max(end, len(data) - len(MARK) - 20) :]


def main() -> int:
    """Measure and print."""
    options = _options()
    result = asyncio.run(_measure(options))
    print(json.dumps({"conditions": machine.conditions(), "result": asdict(result)}, indent=2))
    return 0


async def _measure(options: argparse.Namespace) -> Result:
    local = LocalCluster(options.cluster, "control-plane")
    await asyncio.to_thread(local.up)
    try:
        await asyncio.to_thread(lambda: local.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS)))
        await asyncio.to_thread(
            lambda: local.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
        )
        async with api.Cluster(from_kubeconfig(local.kubeconfig)) as cluster:
            made = await _make_tasks(cluster, options.tasks)
            async with _gateway(local.kubeconfig) as (process, port):
                return await _listen(cluster, made, process, port, options)
    finally:
        await asyncio.to_thread(local.down)


async def _make_tasks(cluster: api.Cluster, count: int) -> list[str]:
    await cluster.create(api.NAMESPACES, "", {"metadata": {"name": NAMESPACE}})
    found = [f"task-{number:05d}" for number in range(count)]
    turns = asyncio.Semaphore(WRITERS)

    async def make(name: str) -> None:
        spec = {"type": "file-backup", "config": {"source_path": "/nas/a", "destination_path": "/nas/b"}}
        body = {"apiVersion": names.API_VERSION, "kind": "AsyncTask", "metadata": {"name": name}, "spec": spec}
        async with turns:
            await cluster.create(api.TASKS, NAMESPACE, body)

    await asyncio.gather(*map(make, found))
    return found


@asynccontextmanager
async def _gateway(kubeconfig: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    ports = [_free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory() as directory:
        settings = {
            "KUBECONFIG": str(kubeconfig),
            "ASYNCTASK_PORT": ports[0],
            "ASYNCTASK_METRICS_PORT": ports[1],
            "ASYNCTASK_API_PORT": ports[2],
            "ASYNCTASK_API_DEVELOPMENT": "true",
            "ASYNCTASK_LOG_LEVEL": "warning",
            "ASYNCTASK_ARTIFACTS_DIRECTORY": directory,
            "ASYNCTASK_ARCHIVE_URL": f"sqlite:///{directory}/archive.db",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "asynctask.gateway", env={**os.environ, **{k: str(v) for k, v in settings.items()}},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process, ports[2]
        finally:
            process.terminate()
            await process.wait()


async def _listen(
    cluster: api.Cluster, tasks: list[str], process: asyncio.subprocess.Process, port: int, options: argparse.Namespace
) -> Result:
    await _ready(port)
    await asyncio.sleep(5)
    before = machine.resident_mib(process.pid)
    tally, loop = Tally(), asyncio.get_running_loop()
    transports = []
    for _ in range(options.clients):
        greeted = asyncio.Event()
        transport, _ = await loop.create_connection(partial(Client, tally, greeted), "127.0.0.1", port)
        async with asyncio.timeout(30):
            await greeted.wait()
        transports.append(transport)
    await asyncio.sleep(2)
    tally.latencies.clear()
    begun, cpu = time.monotonic(), machine.cpu_seconds(process.pid)
    count = await _change(cluster, tasks, options.rate, options.seconds)
    seconds, used = time.monotonic() - begun, machine.cpu_seconds(process.pid) - cpu
    await asyncio.sleep(3)
    peak = machine.peak_mib(process.pid)
    for transport in transports:
        transport.close()
    found = sorted(tally.latencies)
    return Result(
        clients=options.clients,
        tasks=len(tasks),
        changes_per_second=round(count / seconds, 1),
        expected=count * options.clients,
        arrived=len(found),
        resets=tally.resets,
        p50_ms=_part(found, 0.5),
        p99_ms=_part(found, 0.99),
        max_ms=_part(found, 1),
        gateway_cpu_percent=round(100 * used / seconds, 1),
        gateway_mib_before=round(before, 1),
        gateway_mib=round(peak, 1),
    )


async def _change(cluster: api.Cluster, tasks: list[str], rate: float, seconds: float) -> int:
    """Change tasks, one after the other, at a steady rate; returns how often."""
    count = int(rate * seconds)
    begun, turns = time.monotonic(), asyncio.Semaphore(WRITERS)

    async def write(name: str) -> None:
        status: dict[str, Any] = {"phase": "Running", "run": 1, "message": f"at {time.time_ns():020d}"}
        async with turns:
            await cluster.patch(api.TASKS, NAMESPACE, name, {"status": status}, "status")

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            group.create_task(write(tasks[number % len(tasks)]))
    return count


async def _ready(port: int) -> None:
    request = b"GET /api/v1/stream HTTP/1.1\r\nHost: bench\r\n\r\n"
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request)
                line = await reader.readline()
                writer.close()
                if b" 200 " in line:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.2)


def _part(found: list[float], share: float) -> float:
    return round(found[min(len(found) - 1, int(share * len(found)))] * 1000, 1) if found else 0.0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20, help="changes a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--cluster", default="bench-streams", help="name of the local cluster, made and ended")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
