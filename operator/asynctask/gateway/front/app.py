"""The API for people and programs put together, on a port of its own."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from aiohttp import web

from asynctask.gateway.front import openapi
from asynctask.gateway.front.auth.door import Door
from asynctask.gateway.front.bodies import MAX_BODY_BYTES
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.dispatch import Dispatch, outermost
from asynctask.gateway.front.routes import all_operations
from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.front.stream.rights import Rights
from asynctask.gateway.metrics import Metrics

SHUTDOWN_SECONDS = 10.0
LOOPBACK = "127.0.0.1"


class Front:
    """Serves from `async with` to the end of it."""

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        self._desk = desk
        self._metrics = metrics
        self._stack = AsyncExitStack()
        self.port = 0

    async def __aenter__(self) -> Self:
        desk = self._desk
        async with AsyncExitStack() as stack:
            desk.enter = Door(desk).enter
            desk.stream = Hub(desk.view, Rights(desk.access, desk.view), self._metrics)
            operations = all_operations(desk)
            dispatch = Dispatch(desk, desk.enter, self._metrics)
            app = web.Application(middlewares=[outermost()], client_max_size=MAX_BODY_BYTES)
            described = openapi.operation(operations)
            app.add_routes([dispatch.route(operation) for operation in (*operations, described)])
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(_end, asyncio.create_task(desk.stream.run()))
            host = LOOPBACK if desk.settings.api_development else None
            await web.TCPSite(runner, host, desk.settings.api_port).start()
            self.port = int(runner.addresses[0][1])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
