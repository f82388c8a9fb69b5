"""Takes the item errors of all stages into the archive: a few writes a second, however many stages report.

A report waits for the write that has its items, but not for long: while the database is away stages go on, what they
tell waits here as far as there is room, and each workspace has the whole list.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, itemerrors
from asynctask.adapters.archive.itemerrors import ItemErrorRow
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.live import LiveStage
from asynctask.gateway.messages import SentItemError
from asynctask.gateway.metrics import Metrics

MAX_PER_RUN = 1_000_000
"""A tree that can't be read at all must not fill the database; the count in the Stage goes on."""
MAX_WAITING = 20_000
PATIENCE_SECONDS = 2.0
PAUSE_SECONDS = 0.1
RETRY_SECONDS = 3.0
AT_ONCE = 2_000
MAX_COUNTS = 2_000

log = structlog.get_logger("gateway")


class ItemLedger:
    """What is on its way into the archive."""

    def __init__(self, archive: Archive, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._archive = archive
        self._metrics = metrics
        self._now = now
        self._waiting: deque[ItemErrorRow] = deque()
        self._come = asyncio.Event()
        self._written = asyncio.Condition()
        self._taken = 0
        self._done = 0
        self._counts: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def keep(self, live: LiveStage, attempt: int, errors: Iterable[SentItemError]) -> None:
        """Keep what a stage tells. Returns once it is durable, or after a while without the database."""
        time, spec = micros(self._now()), live.spec
        fresh = [
            itemerrors.row(
                task_id=spec.task_uid,
                run=spec.run,
                stage=spec.template.name,
                attempt=attempt,
                path=error.path,
                error_class=error.error_class,
                reason=error.reason,
                message=error.message,
                time=time,
            )
            for error in errors
        ]
        room = max(0, MAX_WAITING - len(self._waiting))
        self._count("dropped", len(fresh) - room)
        self._waiting.extend(fresh[:room])
        self._taken += len(fresh[:room])
        mine = self._taken
        self._come.set()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._written:
                await self._written.wait_for(lambda: self._done >= mine)
        except TimeoutError:
            return

    async def run(self) -> None:
        """Write, for ever; what waits at the end is written if the database takes it at once."""
        try:
            while True:
                await self._come.wait()
                self._come.clear()
                while self._waiting:
                    if not await self._write():
                        await asyncio.sleep(RETRY_SECONDS)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._waiting and await self._write():
                    pass

    async def _write(self) -> bool:
        batch = [self._waiting[i] for i in range(min(AT_ONCE, len(self._waiting)))]
        try:
            kept = await self._within_bounds(batch)
            async with self._archive.begin() as transaction:
                await itemerrors.put(transaction, kept)
        except ArchiveError as error:
            log.warning("item errors wait for the archive", waiting=len(self._waiting), error=str(error)[:200])
            return False
        for _ in batch:
            self._waiting.popleft()
        self._count("written", len(kept))
        self._count("dropped", len(batch) - len(kept))
        async with self._written:
            self._done += len(batch)
            self._written.notify_all()
        return True

    async def _within_bounds(self, batch: list[ItemErrorRow]) -> list[ItemErrorRow]:
        """Those whose run has room. What is told twice counts twice, so at the bound it is counted anew."""
        kept: list[ItemErrorRow] = []
        for row in batch:
            key = (row.task_id, row.run)
            count = self._counts.get(key)
            if count is None or count == MAX_PER_RUN:
                count = await self._counted(key)
            self._counts[key] = min(count + 1, MAX_PER_RUN + 1)
            self._counts.move_to_end(key)
            if count < MAX_PER_RUN:
                kept.append(row)
        while len(self._counts) > MAX_COUNTS:
            self._counts.popitem(last=False)
        return kept

    async def _counted(self, key: tuple[str, int]) -> int:
        async with self._archive.read() as connection:
            return await itemerrors.count(connection, *key)

    def _count(self, fate: str, number: int) -> None:
        if number > 0:
            self._metrics.item_errors.labels(fate).inc(number)
