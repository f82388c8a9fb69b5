"""A proxy in front of the API server that can do harm: cut, expire or silence watches, refuse a share of the writes."""

import asyncio
import random
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web

from asynctask.adapters.connection import from_kubeconfig

HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}
EXPIRED = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)


class FaultProxy:
    """Listens on 127.0.0.1 without TLS and forwards with the administrator's certificate. Counts what it did."""

    def __init__(self, kubeconfig: Path, seed: int = 0) -> None:
        self._upstream = from_kubeconfig(kubeconfig)
        self._random = random.Random(seed)
        self._watches: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="proxy", daemon=True)
        self.port = 0
        self.refused = 0
        self.expired = 0
        self.watches: list[str] = []
        self._statuses: tuple[int, ...] = ()
        self._share = 0.0
        self._expiring = False
        self._losing: Callable[[str], bool] = lambda _: False
        self.lost: list[str] = []
        self._silenced: Callable[[str], bool] = lambda _: False

    # -- what it does to requests

    def refuse_writes(self, share: float, *statuses: int) -> None:
        """Answer this share of all writes with one of these statuses."""
        self._share, self._statuses = share, statuses

    def lose_an_answer(self, to: Callable[[str], bool]) -> None:
        """Let the next creation on a path like this through, and break off instead of answering."""
        self._losing = to

    def cut_watches(self) -> None:
        """End every watch that is open, in the middle of the stream."""
        self._soon(lambda: [task.cancel() for task in self._watches])

    def expire_watches(self, on: bool = True) -> None:
        """End every watch with 410; new ones begin with it while this is on."""
        self._expiring = on
        if on:
            self.cut_watches()

    def silence_watches(self, silenced: Callable[[str], bool] = lambda _: True) -> None:
        """From now on, watches on paths like this stay open and bring nothing."""
        self._silenced = silenced

    def behave(self) -> None:
        """Do no more harm. Watches that were silenced stay silent until they are cut."""
        self.refuse_writes(0)
        self.expire_watches(on=False)
        self._silenced = self._losing = lambda _: False

    # -- life

    def kubeconfig(self, directory: Path) -> Path:
        """A kubeconfig that leads here."""
        path = directory / f"proxy-{self.port}.kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
                    "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                    "users": [{"name": "proxy", "user": {}}],
                    "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
                }
            )
        )  # fmt: skip
        return path

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.behave()
        self._soon(lambda: self._stop.set() if self._stop else None)
        self._thread.join(15)

    def _soon(self, act: Callable[[], object]) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connector = aiohttp.TCPConnector(ssl=self._upstream.ssl, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            app = web.Application(client_max_size=1 << 26)
            app.router.add_route("*", "/{path:.*}", self._forward)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self._started.set()
            await self._stop.wait()
            for task in list(self._watches):
                task.cancel()
            await runner.cleanup()
            await connector.close(abort_ssl=True)
            await asyncio.sleep(0.1)  # transports close in the next rounds of the loop

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") in {"1", "true"}
        is_write = request.method in {"POST", "PUT", "PATCH", "DELETE"} and "/leases" not in request.path
        if is_write and self._random.random() < self._share:
            self.refused += 1
            return self._refusal(self._random.choice(self._statuses))
        if is_watch:
            return await self._watch(request)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP}
        try:
            async with self._session.request(
                request.method,
                self._upstream.server + request.path_qs,
                headers=headers,
                data=await request.read() or None,
            ) as answer:
                body = await answer.read()
                if request.method == "POST" and self._losing(request.path) and request.transport:
                    self._losing = lambda _: False
                    self.lost.append(request.path)
                    request.transport.abort()
                kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP}
                return web.Response(status=answer.status, body=body, headers=kept)
        except aiohttp.ClientError:
            if request.transport:
                request.transport.close()
            raise

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watches.append(request.path)
        accepted = request.headers.get("Accept", "")
        kind = "application/vnd.kubernetes.protobuf;stream=watch" if "protobuf" in accepted else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task
        self._watches.add(task)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP}
        try:
            if not self._expiring:
                async with self._session.get(
                    self._upstream.server + request.path_qs, headers=headers, timeout=aiohttp.ClientTimeout(total=None)
                ) as answer:
                    async for chunk in answer.content.iter_any():
                        if not self._silenced(request.path):
                            await response.write(chunk)
            if self._expiring:
                await self._expire(response)
        except asyncio.CancelledError:
            if self._stop and self._stop.is_set():
                raise
            if self._expiring:
                await self._expire(response)
            elif request.transport:
                request.transport.abort()
        except aiohttp.ClientError:
            if request.transport:
                request.transport.abort()
        finally:
            self._watches.discard(task)
        return response

    async def _expire(self, response: web.StreamResponse) -> None:
        self.expired += 1
        await response.write(EXPIRED)

    def _refusal(self, status: int) -> web.Response:
        reason = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}[status]
        body = {
            "kind": "Status",
            "status": "Failure",
            "reason": reason,
            "code": status,
            "message": "as the test wished",
        }
        return web.json_response(body, status=status, headers={"Retry-After": "1"} if status == 429 else {})
