"""How fast the API server may be written to: a token bucket that gives way, and how long writes take of late."""

import asyncio
from time import monotonic


class WriteLimiter:
    """At most `rate` writes a second over time, with a burst of one second's worth.

    Halves its rate on a 429 and wins it back by a twentieth a second: the additive increase and
    multiplicative decrease of TCP (RFC 5681), so that many clients settle on a fair share.
    """

    def __init__(self, rate: float) -> None:
        self.limit = rate
        self.rate = rate
        self._tokens = rate
        self._updated = monotonic()
        self._paused_until = 0.0

    async def acquire(self) -> None:
        """Wait until one more write is due."""
        while (delay := self._take()) > 0:  # noqa: ASYNC110 - time fills the bucket, nothing announces it
            await asyncio.sleep(delay)

    def slow_down(self, retry_after: float) -> None:
        """The server refused a write: halve the rate and hold off for `retry_after` seconds."""
        self.rate = max(min(1.0, self.limit), self.rate / 2)
        self._paused_until = max(self._paused_until, monotonic() + min(retry_after, 30.0))

    def _take(self) -> float:
        now = monotonic()
        elapsed, self._updated = now - self._updated, now
        self.rate = min(self.limit, self.rate + self.limit * elapsed / 20)
        self._tokens = min(max(1.0, self.rate), self._tokens + self.rate * elapsed)
        if now < self._paused_until:
            return self._paused_until - now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.rate


class Latency:
    """A running mean of how long writes take. What is older than `MEMORY_SECONDS` tells nothing about now."""

    SLOW_SECONDS = 0.1
    """Ten times what a write takes when the API server has time."""
    CALM_SECONDS = 0.05
    """What was slow is so until writes take no longer than this."""
    MEMORY_SECONDS = 5.0
    WEIGHT = 0.1

    def __init__(self) -> None:
        self._mean = 0.0
        self._seen_at = float("-inf")
        self._was_slow = False

    def seen(self, seconds: float) -> None:
        """A write took this long."""
        now = monotonic()
        known = now - self._seen_at <= self.MEMORY_SECONDS
        self._mean = self._mean + self.WEIGHT * (seconds - self._mean) if known else seconds * self.WEIGHT
        self._seen_at = now
        self._was_slow = self._mean > (self.CALM_SECONDS if self._was_slow else self.SLOW_SECONDS)

    @property
    def is_slow(self) -> bool:
        """Whether the API server, or we ourselves, can hardly keep up."""
        return self._was_slow and monotonic() - self._seen_at <= self.MEMORY_SECONDS
