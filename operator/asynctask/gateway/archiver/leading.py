"""What only one gateway at a time does: whoever holds the Lease `asynctask-gateway`."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog

from asynctask.adapters.connection import Connection
from asynctask.adapters.lease import Elector
from asynctask.settings import GatewaySettings

log = structlog.get_logger("gateway")
Work = Callable[[], Coroutine[Any, Any, None]]


class Leading:
    """Competes for the Lease for ever, and runs all work while it is held.

    Work is cancelled when the Lease is lost, and when `run` is; then the Lease is handed over. Work that ends or fails
    is begun again after a moment.
    """

    def __init__(self, connection: Connection, settings: GatewaySettings, works: Sequence[Work]) -> None:
        self._connection = connection
        self._settings = settings
        self._works = tuple(works)
        self.leads = False

    async def run(self) -> None:
        """Compete, work, and again."""
        while True:
            await self._term()

    async def _term(self) -> None:
        loop, lead, lost = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def tell(event: asyncio.Event) -> Callable[[], None]:
            def set_it() -> None:
                with suppress(RuntimeError):  # the loop has closed
                    loop.call_soon_threadsafe(event.set)

            return set_it

        elector = Elector(
            self._connection,
            namespace=self._settings.namespace,
            name=self._settings.lease_name,
            identity=self._settings.identity or f"{socket.gethostname()}-{id(self):x}",
            duration_seconds=self._settings.lease_duration_seconds,
            renew_seconds=self._settings.lease_renew_seconds,
            on_lead=tell(lead),
            on_lost=tell(lost),
        )
        elector.start()
        try:
            await lead.wait()
            log.info("leading")
            self.leads = True
            await self._work(lost)
            log.warning("the lead is lost")
        finally:
            self.leads = False
            await asyncio.shield(asyncio.to_thread(elector.stop))

    async def _work(self, lost: asyncio.Event) -> None:
        works = [asyncio.create_task(_again_and_again(work)) for work in self._works]
        try:
            await lost.wait()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


async def _again_and_again(work: Work) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("the leader's work broke off")
        await asyncio.sleep(1)
