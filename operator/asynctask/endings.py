"""Whose turn it is to be told that it has ended.

The place of a task that has ended is free before that is written, and nothing that runs rests on it. So while others
begin, those that have ended at once are told one after the other, and the API server's time goes to what begins: Stage,
Job and pod must be made one after the other before there is any work.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

MAX_WAIT_SECONDS = 5.0
BEGINNING_SECONDS = 0.25
"""For how long something that began comes first: by then its Job has its pod."""
PASSING = 8
"""How many pass at a time while nothing begins."""


class Endings:
    """Turns for tasks that have ended. At most `room` wait; who comes then needs no turn, so a flood is not held up."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._passing = 0
        self._began = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    def begin(self) -> None:
        """Something begins."""
        self._began = monotonic()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait for a turn, for `MAX_WAIT_SECONDS` at most; yields the seconds that took."""
        waited = 0.0
        if self._passing < self._limit or len(self._waiting) >= self._room:
            self._passing += 1
        else:
            since = monotonic()
            await self._wait()
            waited = monotonic() - since
        try:
            yield waited
        finally:
            self._end()

    @property
    def _limit(self) -> int:
        return 1 if monotonic() - self._began < BEGINNING_SECONDS else PASSING

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        late = loop.call_later(MAX_WAIT_SECONDS, self._grant, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given, and is not taken
                self._end()
            raise
        finally:
            late.cancel()
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _grant(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            self._passing += 1
            turn.set_result(None)

    def _end(self) -> None:
        self._passing -= 1
        limit = self._limit
        while self._waiting and self._passing < limit:
            self._grant(self._waiting.popleft())
