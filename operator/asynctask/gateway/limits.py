"""How often one stage may call and how much it may log: a stage that runs wild must not slow the others."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic


class Bucket:
    """A token bucket: `rate` a second over time, `burst` at once."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = now

    def take(self, wanted: float, now: float) -> float:
        """Take `wanted` tokens and return 0, or take none and return the seconds until they will be there."""
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens >= wanted:
            self._tokens -= wanted
            return 0.0
        return (wanted - self._tokens) / self._rate

    def wait(self, wanted: float, now: float) -> float:
        """The seconds until `take` would take."""
        tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        return max(0.0, (wanted - tokens) / self._rate)


class Buckets:
    """One bucket per key, for the keys seen last."""

    def __init__(
        self, rate: float, burst: float, *, size: int = 10_000, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._size = size
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str, wanted: float = 1.0) -> float:
        """As `Bucket.take`, from the bucket of this key."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, now)
            if len(self._buckets) > self._size:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(wanted, now)

    def wait(self, key: str, wanted: float = 1.0) -> float:
        """As `Bucket.wait`, of the bucket of this key."""
        bucket = self._buckets.get(key)
        return bucket.wait(wanted, self._clock()) if bucket else 0.0
