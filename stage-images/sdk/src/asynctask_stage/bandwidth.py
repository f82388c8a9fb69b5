"""The bytes per second that a stage may move, shared by its threads and changed while it runs."""

import threading
import time
from collections.abc import Callable

from asynctask_stage.stops import StopFlag

BURST_SECONDS = 0.15
"""What an idle stage may catch up on, in seconds of its rate: covers late wake-ups, stays under 2 % of 10 s."""

SLICE_SECONDS = 0.05
"""A large request is served in slices of this much, so threads with small ones get their turn."""

LEAST_SPAN_SECONDS = 0.5
"""Less says nothing about a rate."""


class Bandwidth:
    """A token bucket, kept as two counters of bytes: ``released`` grows with time, ``reserved`` with each request.

    A request waits until what it reserved has been released. So the order is first come, first served, a new rate holds
    for waiting requests too, and sleeping too long by a little costs nothing.
    """

    def __init__(
        self,
        rate: float | None = None,
        *,
        stop: StopFlag | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._stop = stop or StopFlag()
        self._changed = threading.Condition()
        self._rate = rate
        self._since = clock()
        self._released = 0.0
        self._reserved = 0.0
        self._passed = 0.0
        self._measured_since = self._since
        self._stop.add_listener(self._wake)

    @property
    def rate(self) -> float | None:
        """Bytes per second; None when nothing limits the stage."""
        return self._rate

    def set_rate(self, rate: float | None) -> None:
        """Apply a new limit at once, to waiting threads too. 0 holds everything, None lets everything pass."""
        if rate == self._rate:
            return
        with self._changed:
            if self._rate is None:
                self._released = self._reserved
            else:
                self._released = self._released_now()
            self._since = self._clock()
            self._rate = None if rate is None else max(0.0, rate)
            self._passed, self._measured_since = 0.0, self._since
            self._changed.notify_all()

    def used(self) -> float | None:
        """Bytes per second that passed since this was asked last, or since the rate changed if that was later.

        None without a limit, and when too little time has passed to say.
        """
        with self._changed:
            now = self._clock()
            span = now - self._measured_since
            if self._rate is None or span < LEAST_SPAN_SECONDS:
                return None
            used, self._passed, self._measured_since = self._passed / span, 0.0, now
            return used

    def take(self, n_bytes: float) -> None:
        """Wait until ``n_bytes`` may be moved. Raises ``Stopped`` at once when the stage is asked to stop.

        Call it before or after each block of up to a few MiB; without a limit it costs next to nothing.
        """
        self._stop.check()
        if self._rate is None:
            return
        left = n_bytes
        with self._changed:
            while left > 0:
                rate = self._rate
                if rate is None:
                    return
                part = min(left, max(1.0, rate * SLICE_SECONDS))
                self._wait_for(part)
                self._passed += part
                left -= part

    def _wait_for(self, part: float) -> None:
        self._released = min(self._released_now(), self._reserved + (self._rate or 0.0) * BURST_SECONDS)
        self._since = self._clock()
        self._reserved += part
        goal = self._reserved
        while (rate := self._rate) is not None:
            missing = goal - self._released_now()
            if missing <= 0:
                return
            self._changed.wait(missing / rate if rate > 0 else None)
            self._stop.check()

    def _released_now(self) -> float:
        return self._released + (self._rate or 0.0) * (self._clock() - self._since)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
