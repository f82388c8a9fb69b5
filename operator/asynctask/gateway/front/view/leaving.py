"""Tasks that left the cluster a moment ago: shown on until the archive says that it knows, so that none vanishes
between the two. Without an archive there is nothing to wait for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator
from time import monotonic

import msgspec
import structlog

from asynctask.gateway.front.view.rows import TaskRow

log = structlog.get_logger("gateway")
MAX_ROWS = 10_000
MAX_SECONDS = 3600.0
"""An archive that is away for longer has worse problems."""
ASK_SECONDS = 1.0
ASK_AT_ONCE = 500

Gone = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Asked for uids, gives those of them that the archive knows to be gone."""


class Leaving:
    """The last rows of deleted tasks."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._rows: OrderedDict[str, tuple[float, TaskRow]] = OrderedDict()
        self._come = asyncio.Event()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[TaskRow]:
        return (row for _, row in self._rows.values())

    def get(self, uid: str) -> TaskRow | None:
        """The last row of a task that is leaving."""
        found = self._rows.get(uid)
        return found[1] if found else None

    def add(self, row: TaskRow) -> None:
        """Its object is gone."""
        self._rows[row.uid] = (self._clock(), msgspec.structs.replace(row, is_leaving=True))
        while len(self._rows) > MAX_ROWS:
            self._rows.popitem(last=False)
        self._come.set()

    def settled(self, uids: Collection[str]) -> None:
        """The archive has these."""
        for uid in uids:
            self._rows.pop(uid, None)

    async def follow(self, gone: Gone) -> None:
        """Ask the archive, as long as anything leaves, for ever."""
        while True:
            await self._come.wait()
            self._come.clear()
            while self._rows:
                await self._ask(gone)
                self._expire()
                if self._rows:
                    await asyncio.sleep(ASK_SECONDS)

    async def _ask(self, gone: Gone) -> None:
        uids = list(self._rows)
        for start in range(0, len(uids), ASK_AT_ONCE):
            try:
                self.settled(await gone(uids[start : start + ASK_AT_ONCE]))
            except Exception as error:  # noqa: BLE001 - whatever ails the archive, it is asked again
                log.info("the archive can't say which tasks it has", error=str(error)[:200])
                return

    def _expire(self) -> None:
        horizon = self._clock() - MAX_SECONDS
        while self._rows and next(iter(self._rows.values()))[0] < horizon:
            self._rows.popitem(last=False)
