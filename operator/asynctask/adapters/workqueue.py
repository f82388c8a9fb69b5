"""A keyed work queue with the semantics of client-go's: each key once, never twice at a time, no wake-up lost."""

import asyncio
import heapq
import random
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 60.0


class WorkQueue(Generic[K]):
    """Keys wait in order; a key added while it is worked on is worked on once more; delayed keys share one timer.

    A sweep over all keys goes behind whatever else is to be done, however long it is.
    """

    def __init__(self) -> None:
        self._ready: OrderedDict[K, float] = OrderedDict()
        self._swept: OrderedDict[K, None] = OrderedDict()
        self._in_flight: dict[K, float] = {}
        self._dirty: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._serial = 0
        self._failures: dict[K, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._waiters = asyncio.Semaphore(0)
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, key: K) -> None:
        """Have the key looked at as soon as possible."""
        self._due.pop(key, None)
        if key in self._in_flight:
            self._dirty.add(key)
        elif key not in self._ready:
            self._ready[key] = monotonic()
            if key in self._swept:
                del self._swept[key]
            else:
                self._waiters.release()

    def sweep(self, keys: Iterable[K]) -> None:
        """Have these keys looked at when there is nothing else to do."""
        for key in keys:
            if not (key in self._in_flight or key in self._ready or key in self._swept):
                self._swept[key] = None
                self._waiters.release()

    def prefer(self, keys: Iterable[K]) -> None:
        """Have these keys looked at before all others that wait."""
        for key in keys:
            self.add(key)
            if key in self._ready:
                self._ready.move_to_end(key, last=False)

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key looked at after a while. Of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = monotonic() + seconds
        if key in self._ready or self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._serial += 1
        heapq.heappush(self._heap, (due, self._serial, key))
        self._schedule()

    def retry(self, key: K) -> float:
        """Have the key looked at after its back-off, which doubles with each retry; returns the seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(BACKOFF_MAX_SECONDS, BACKOFF_BASE_SECONDS * float(2 ** min(failures - 1, 16)))
        delay *= 0.5 + random.random() / 2  # noqa: S311 - jitter
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key went well: its back-off starts anew next time."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key; the caller must call `done` with it."""
        while True:
            await self._waiters.acquire()
            if self._ready or self._swept:
                key, _ = (self._ready or self._swept).popitem(last=False)
                self._in_flight[key] = monotonic()
                self._idle.clear()
                return key

    def done(self, key: K) -> None:
        """The key has been worked on."""
        self._in_flight.pop(key, None)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)
        if not self._in_flight:
            self._idle.set()

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        await self._idle.wait()

    def __len__(self) -> int:
        return len(self._ready) + len(self._swept)

    @property
    def is_backed_up(self) -> bool:
        """Whether keys that something happened to wait for a worker."""
        return bool(self._ready)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._due)

    def oldest_seconds(self) -> float:
        """How long the key that waits or is worked on longest has been doing so; a sweep may take its time."""
        now = monotonic()
        oldest_ready = next(iter(self._ready.values()), now)
        return now - min([oldest_ready, *self._in_flight.values()])

    def _schedule(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            delay = max(0.0, self._heap[0][0] - monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                self.add(key)
        self._schedule()
