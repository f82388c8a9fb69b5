"""When a stopping process must be gone, and the thread that sees to it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from asynctask_stage.stops import StopFlag

SUPERSEDED_SECONDS = 1.0
"""What work that must touch nothing any more gets to end by itself."""

_POLL = 0.1


class Deadlines:
    """Points in time after a stop, on the monotonic clock; of the grace period a tenth stays unused."""

    def __init__(self, grace: float, stop: StopFlag, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace = grace
        self._clock = clock
        self._stop = stop
        self._stopped_at: float | None = None
        stop.add_listener(self._note)

    def is_abandoned(self) -> bool:
        """Whether the work has had its time: three quarters of the grace period."""
        if self._stopped_at is None or self._stop.is_superseded:
            return False
        return self._clock() >= self._stopped_at + 0.75 * self._grace

    def is_over(self) -> bool:
        """Whether the process must go now."""
        if self._stopped_at is None:
            return False
        if self._stop.is_superseded:
            return self._clock() >= self._stopped_at + SUPERSEDED_SECONDS
        return self._clock() >= self._last()

    def for_calls(self, patience: float = float("inf")) -> Callable[[], float]:
        """A function that gives the seconds left for the last calls, of ``patience`` and of the grace period."""
        end = self._clock() + patience

        def left() -> float:
            last = end if self._stopped_at is None else min(end, self._last() - min(1.0, 0.05 * self._grace))
            return max(0.0, last - self._clock())

        return left

    def _last(self) -> float:
        assert self._stopped_at is not None
        return self._stopped_at + self._grace - min(2.0, 0.1 * self._grace)

    def _note(self) -> None:
        if self._stopped_at is None or self._stop.is_superseded:
            self._stopped_at = self._clock()


class Guard:
    """Ends a process whose work does not.

    ``abandon`` reports a stop in place of the work that hangs, ``kill`` ends the process.
    """

    def __init__(
        self, stop: StopFlag, deadlines: Deadlines, abandon: Callable[[], Any], kill: Callable[[], Any]
    ) -> None:
        self._stop = stop
        self._deadlines = deadlines
        self._abandon = abandon
        self._kill = kill
        self._done = threading.Event()
        self._thread = threading.Thread(target=self.run, name="asynctask-guard", daemon=True)
        self._started = threading.Lock()
        stop.add_listener(self._start)

    def _start(self) -> None:
        if self._started.acquire(blocking=False):
            self._thread.start()

    def done(self) -> None:
        """The work ended and was reported."""
        self._done.set()

    def run(self) -> None:
        """The body of the guarding thread, which starts with the stop."""
        abandoned = False
        while not self._done.is_set() and not self._deadlines.is_over():
            if not abandoned and self._deadlines.is_abandoned():
                abandoned = True
                threading.Thread(target=self._finish, name="asynctask-abandon", daemon=True).start()
            self._done.wait(_POLL)
        if not self._done.is_set():
            self._kill()

    def _finish(self) -> None:
        self._abandon()
        if not self._done.is_set():
            self._kill()
