"""Looking for rows that are rare among many, in rounds, for a bounded time: a page may be short, and says so.

A round tries a window of rows with one statement or two. What a round took says how many rows the next can try in the
time that is left, so a slow disk or a busy server makes rounds small instead of long. One that hangs all the same is
given up, and what was found before it is the page.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

FIRST = 100
"""Rows that are tried in the first round."""
WINDOW = 1000
"""Rows that are tried in a round at most."""
LEAST = 50
GROWTH = 4
SECONDS = 0.015
"""After this time no further round is begun."""
PATIENCE_SECONDS = 2.0
"""After this time a round under way is given up."""

T = TypeVar("T")


class Rounds:
    """The rounds of one page."""

    def __init__(self, seconds: float | None = None) -> None:
        self._begun = self._last = monotonic()
        self._seconds = SECONDS if seconds is None else seconds
        self.window = min(FIRST, WINDOW)
        """Rows to try in the next round."""

    def again(self) -> bool:
        """A round has ended: whether there is time for another."""
        now = monotonic()
        took, left = now - self._last, self._seconds - (now - self._begun)
        self._last = now
        if left <= 0:
            return False
        in_time = int(self.window * left / took) if took > 0 else WINDOW
        self.window = max(min(LEAST, WINDOW), min(self.window * GROWTH, in_time, WINDOW))
        return True

    async def patiently(self, round_: Awaitable[T]) -> T:
        """What a round gives. Raises TimeoutError when it hangs; its connection is of no more use then."""
        left = max(self._seconds, PATIENCE_SECONDS) - (monotonic() - self._begun)
        async with asyncio.timeout(max(left, 0.0)):
            return await round_
