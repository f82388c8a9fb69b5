"""`hack/bench/gateway streams`: a thousand clients of the event stream on one gateway, how late news is, what it costs.

A control plane of its own, a gateway as a process, the clients in this one. Each client follows the list of tasks; a
change is a write of a task's status whose message says when it was asked for, so what is measured is the whole way:
API server, watch, gateway, socket, client. Then nothing changes for a while, and only heartbeats and the repeated look
at each client's rights are left. Some clients may be slow: they read nothing until the end, and then say what they got.
"""

import argparse
import asyncio
import json
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from asynctask.adapters import cluster as api
from asynctask.api import names
from lib import figures, machine

from . import stand

MARK = b'"message":"at '
RESET = b"event: reset"
DIGITS = 20
WRITERS = 16
OPENERS = 50
"""Streams that are being opened at once."""
GREETING_SECONDS = 60.0
SLOW_SOCKET_BYTES = 4096
QUIET_SECONDS = 5.0
"""After the last change, for what is still on its way."""


@dataclass
class Result:
    """What was measured."""

    clients: int
    """Those that read."""
    tasks: int
    opened_in_seconds: float
    """From the first connection to the last `hello`, all clients."""
    changes_per_second: float
    expected: int
    """Events that all clients that read should have had together, were none merged with a later one of its task."""
    arrived: int
    resets: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    gateway_cpu_ms_per_opening: float
    gateway_cpu_percent: float
    """Of one core, while things change."""
    gateway_cpu_percent_at_rest: float
    """Of one core, with all clients and no change: heartbeats, and the repeated look at rights."""
    gateway_mib_before: float
    """With the tasks in memory and no client."""
    gateway_mib_opened: float
    """With all clients and no change yet."""
    gateway_mib: float
    """The most that it has had."""
    slow_clients: int
    """Those that read nothing until the end."""
    slow_resets: int
    """Of them, told `reset` when they read again."""
    slow_bytes_most: int
    """The most that one of them found waiting: what kernels and gateway keep for one."""


@dataclass
class Tally:
    """What all clients have heard."""

    latencies: list[float] = field(default_factory=list)
    resets: int = 0


class Client(asyncio.Protocol):
    """Follows the list, and does as little as can be done with what comes."""

    def __init__(self, tally: Tally, request: bytes) -> None:
        self.greeted = asyncio.get_running_loop().create_future()
        self.taken = 0
        """Bytes since it was greeted."""
        self.resets = 0
        self.transport: asyncio.Transport
        self._tally = tally
        self._request = request
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody ends a stream before it is opened."""
        if not self.greeted.done():
            self.greeted.set_exception(error or ConnectionError(self._rest[:300].decode(errors="replace")))

    def data_received(self, data: bytes) -> None:
        """Note when what was said when."""
        now = time.time()
        data = self._rest + data
        if not self.greeted.done():
            if b"event: hello" not in data:
                self._rest = data
                return
            self.greeted.set_result(None)
        self.taken += len(data) - len(self._rest)
        at, end = data.find(MARK), 0
        while at >= 0 and at + len(MARK) + DIGITS <= len(data):
            end = at + len(MARK) + DIGITS
            self._tally.latencies.append(now - int(data[at + len(MARK) : end]) / 1e9)
            at = data.find(MARK, end)
        resets = data.count(RESET)
        self._tally.resets += resets
        self.resets += resets
        # a mark or a reset that is not whole yet is never before this
        self._rest = data[max(end, data.rfind(RESET) + 1, len(data) - len(MARK) - DIGITS + 1) :]


def main() -> int:
    """Measure and print."""
    options = _options()
    result = asyncio.run(_measure(options))
    print(json.dumps({"conditions": machine.conditions(), "result": asdict(result)}, indent=2))
    return 0


async def _measure(options: argparse.Namespace) -> Result:
    async with stand.control_plane(options.cluster) as (local, cluster):
        made = await _make_tasks(cluster, options.tasks)
        async with stand.gateway(local, cluster) as gateway:
            return await _listen(cluster, made, gateway, options)


async def _make_tasks(cluster: api.Cluster, count: int) -> list[str]:
    found = [f"task-{number:05d}" for number in range(count)]
    turns = asyncio.Semaphore(WRITERS)

    async def make(name: str) -> None:
        spec = {"type": stand.TYPE, "config": {"source_path": "/nas/photos"}}
        body = {"apiVersion": names.API_VERSION, "kind": "AsyncTask", "metadata": {"name": name}, "spec": spec}
        async with turns:
            await cluster.create(api.TASKS, stand.NAMESPACE, body)

    await asyncio.gather(*map(make, found))
    return found


async def _listen(
    cluster: api.Cluster, tasks: list[str], gateway: stand.Gateway, options: argparse.Namespace
) -> Result:
    await _all_seen(gateway, len(tasks))
    before, cpu, begun = gateway.resident_mib, gateway.cpu_seconds, time.monotonic()
    tally, slow_tally = Tally(), Tally()
    readers = await _open(gateway, tally, options.clients)
    slow = await _open(gateway, slow_tally, options.slow, SLOW_SOCKET_BYTES)
    opened_in, opening = time.monotonic() - begun, gateway.cpu_seconds - cpu
    opened_mib = gateway.resident_mib
    for client in slow:
        client.transport.pause_reading()
        client.taken = 0
    await asyncio.sleep(QUIET_SECONDS)
    tally.latencies.clear()
    begun, cpu = time.monotonic(), gateway.cpu_seconds
    count = await _change(cluster, tasks, options)
    seconds, used = time.monotonic() - begun, gateway.cpu_seconds - cpu
    await asyncio.sleep(QUIET_SECONDS)
    for client in slow:
        client.transport.resume_reading()
    await asyncio.sleep(QUIET_SECONDS)
    slow_bytes = max((client.taken for client in slow), default=0)
    begun, cpu = time.monotonic(), gateway.cpu_seconds
    await asyncio.sleep(options.rest)
    at_rest = (gateway.cpu_seconds - cpu) / (time.monotonic() - begun)
    peak = gateway.peak_mib
    for client in (*readers, *slow):
        client.transport.close()
    found = tally.latencies
    p50, p99, most = (round(figures.percentile(found, part) * 1000, 1) for part in (50, 99, 100))
    return Result(
        clients=len(readers),
        tasks=len(tasks),
        opened_in_seconds=round(opened_in, 2),
        changes_per_second=round(count / seconds, 1),
        expected=count * len(readers),
        arrived=len(found),
        resets=tally.resets,
        p50_ms=p50,
        p99_ms=p99,
        max_ms=most,
        gateway_cpu_ms_per_opening=round(opening * 1000 / (len(readers) + len(slow)), 2),
        gateway_cpu_percent=round(100 * used / seconds, 1),
        gateway_cpu_percent_at_rest=round(100 * at_rest, 1),
        gateway_mib_before=round(before, 1),
        gateway_mib_opened=round(opened_mib, 1),
        gateway_mib=round(peak, 1),
        slow_clients=len(slow),
        slow_resets=sum(client.resets > 0 for client in slow),
        slow_bytes_most=slow_bytes,
    )


async def _open(gateway: stand.Gateway, tally: Tally, count: int, room: int = 0) -> list[Client]:
    """So many streams, each greeted; the kernel keeps `room` bytes for one that does not read, 0: as many as it likes.

    Raises ConnectionError with what was said instead.
    """
    place, turns = urlsplit(gateway.url), asyncio.Semaphore(OPENERS)
    token = gateway.session.headers["Authorization"]
    request = f"GET /api/v1/stream?topics=tasks HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {token}\r\n\r\n"
    make = partial(Client, tally, request.encode())

    async def one() -> Client:
        async with turns, asyncio.timeout(GREETING_SECONDS):
            connection = socket.socket()
            if room:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (place.hostname, place.port))
            _, client = await loop.create_connection(make, sock=connection)
            await client.greeted
            return client

    return await asyncio.gather(*(one() for _ in range(count)))


async def _all_seen(gateway: stand.Gateway, count: int) -> None:
    """Wait until the gateway knows every task."""
    async with asyncio.timeout(GREETING_SECONDS):
        while True:
            async with gateway.session.get(f"{gateway.url}/api/v1/overview") as answer:
                if answer.status == 200 and sum((await answer.json())["counts"].values()) >= count:
                    return
            await asyncio.sleep(0.1)


async def _change(cluster: api.Cluster, tasks: list[str], options: argparse.Namespace) -> int:
    """Change tasks, one after the other, at a steady rate; returns how often."""
    rate, more = options.rate, " " * options.padding
    count = int(rate * options.seconds)
    begun, turns = time.monotonic(), asyncio.Semaphore(WRITERS)

    async def write(name: str) -> None:
        status: dict[str, Any] = {"phase": "Running", "run": 1, "message": f"at {time.time_ns():020d}{more}"}
        async with turns:
            await cluster.patch(api.TASKS, stand.NAMESPACE, name, {"status": status}, "status")

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            group.create_task(write(tasks[number % len(tasks)]))
    return count


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("hack/bench/gateway streams", description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20, help="changes a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--slow", type=int, default=0, help="more clients, that read nothing until the end")
    parser.add_argument("--padding", type=int, default=0, help="bytes by which each change is longer")
    parser.add_argument("--rest", type=float, default=35, help="seconds without a change, measured too")
    parser.add_argument("--cluster", default="bench-streams", help="name of the local cluster, made and ended")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
