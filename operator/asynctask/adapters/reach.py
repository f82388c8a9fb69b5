"""Since when the API server has been answering us: what it has not sent may be its fault for as long as it was away."""

from collections.abc import Callable
from time import monotonic

BREAK_SECONDS = 30.0
"""Answers further apart than this are no unbroken row of them: who uses this asks every few seconds."""


class Reach:
    """Told of every answer, by any thread."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._row: tuple[float, float] | None = None

    def observe(self, _verb: str, _plural: str, status: int, _seconds: float) -> None:
        """Take note of a request; only those count that were answered with more than an excuse."""
        if 0 < status < 500 and status != 429:
            now, row = self._clock(), self._row
            self._row = (row[0] if row and now - row[1] <= BREAK_SECONDS else now, now)

    def seconds(self) -> float:
        """For how long it has been answering without a break; 0 while it is not."""
        now, row = self._clock(), self._row
        return now - row[0] if row and now - row[1] <= BREAK_SECONDS else 0.0
