"""The API for people and programs put together, on a port of its own."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Self

from aiohttp import web

from asynctask.adapters.archive import ArchiveError, access
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.front import openapi
from asynctask.gateway.front.audit.journal import Journal
from asynctask.gateway.front.audit.trail import Trail
from asynctask.gateway.front.auth.apikeys import ApiKeys
from asynctask.gateway.front.auth.door import Door
from asynctask.gateway.front.auth.gate import Gate
from asynctask.gateway.front.auth.login import Login
from asynctask.gateway.front.auth.oidc import Provider
from asynctask.gateway.front.auth.sessions import Sessions
from asynctask.gateway.front.bodies import MAX_BODY_BYTES
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.dispatch import Dispatch, outermost
from asynctask.gateway.front.idempotency import Keys
from asynctask.gateway.front.routes import all_operations
from asynctask.gateway.front.stream import inboxes
from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.front.stream.rights import Rights
from asynctask.gateway.metrics import Metrics

SHUTDOWN_SECONDS = 10.0
PRUNE_SECONDS = 300.0
LOOPBACK = "127.0.0.1"


class Front:
    """Serves from `async with` to the end of it."""

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        """The desk is complete when the front is entered."""
        self._desk = desk
        self._metrics = metrics
        self._stack = AsyncExitStack()
        self.port = 0

    async def __aenter__(self) -> Self:
        desk = self._desk
        async with AsyncExitStack() as stack:
            provider = await stack.enter_async_context(Provider(desk.settings)) if desk.settings.oidc_issuer else None
            sessions, keys = Sessions(desk.archive, desk.now), ApiKeys(desk.archive, desk.now)
            door = Door(desk, sessions, keys, provider)
            desk.gate = Gate(door, sessions, keys, Login(desk.settings, provider))
            trail = Trail(desk.archive, Journal(Path(desk.settings.journal_directory)))
            stack.push_async_callback(trail.flush)
            for work in (trail.run(), _prune(desk)):
                stack.push_async_callback(_end, asyncio.create_task(work))
            desk.enter = door.enter
            desk.stream = Hub(desk.view, Rights(desk.access, desk.view), self._metrics)
            operations = all_operations(desk)
            dispatch = Dispatch(desk, door.enter, trail, Keys(desk.archive, desk.now), self._metrics)
            app = web.Application(middlewares=[outermost()], client_max_size=MAX_BODY_BYTES)
            described = openapi.operation(operations)
            app.add_routes([dispatch.route(operation) for operation in (*operations, described)])
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(_end, asyncio.create_task(desk.stream.run()))
            if desk.archive:
                feed = inboxes.feed(desk.stream, desk.archive)
                stack.push_async_callback(_end, asyncio.create_task(feed))
            host = LOOPBACK if desk.settings.api_development else None
            await web.TCPSite(runner, host, desk.settings.api_port).start()
            self.port = int(runner.addresses[0][1])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _prune(desk: Desk) -> None:
    """Sessions and idempotency keys that have expired go; every replica may do it."""
    while desk.archive:
        await asyncio.sleep(PRUNE_SECONDS)
        with suppress(ArchiveError):
            async with desk.archive.begin() as transaction:
                await access.prune(transaction, micros(desk.now()))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
