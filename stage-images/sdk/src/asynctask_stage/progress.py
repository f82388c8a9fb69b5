"""Progress as a stage tells it, and the rate and time left that follow from it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asynctask_stage import texts

WINDOW_SECONDS = 30.0
"""The rate is that of the last half minute: steady enough to read, quick enough to follow a new limit."""

_LIMIT = 2**63
_LEAST_SPAN = 0.05


@dataclass(frozen=True)
class _Sample:
    time: float
    bytes_done: float
    items_done: float


class Progress:
    """The newest numbers of a stage.

    ``update`` is made for inner loops: it compares and assigns, and takes no lock (each assignment is atomic; a report
    may see one field of an update a moment before the next).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[_Sample] = deque()
        self.bytes_done: float | None = None
        self.bytes_total: float | None = None
        self.items_done: float | None = None
        self.items_total: float | None = None
        self.message: str | None = None

    def update(
        self,
        *,
        bytes_done: float | None = None,
        bytes_total: float | None = None,
        items_done: float | None = None,
        items_total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Set what is given, leave the rest; a number that is negative or not finite is a ``ValueError``."""
        # NaN compares false with everything, so one chained comparison refuses it, infinities and negatives.
        if bytes_done is not None:
            if not 0 <= bytes_done < _LIMIT:
                raise _bad("bytes_done", bytes_done)
            self.bytes_done = bytes_done
        if bytes_total is not None:
            if not 0 <= bytes_total < _LIMIT:
                raise _bad("bytes_total", bytes_total)
            self.bytes_total = bytes_total
        if items_done is not None:
            if not 0 <= items_done < _LIMIT:
                raise _bad("items_done", items_done)
            self.items_done = items_done
        if items_total is not None:
            if not 0 <= items_total < _LIMIT:
                raise _bad("items_total", items_total)
            self.items_total = items_total
        if message is not None:
            self.message = message
        if not self._samples:
            # The first numbers are where this pod starts, which after a resume is not zero.
            self._samples.append(self._sample())

    def to_json(self) -> dict[str, Any] | None:
        """The ``progress`` object of a report, with rate (bytes per second) and time left (seconds); None when empty.

        Also takes the sample for the next rate, so call it once for each report.
        """
        if not self._samples:
            return None
        byte_rate, item_rate = self._rates()
        body: dict[str, Any] = {}
        for key, value in (
            ("bytesDone", self.bytes_done),
            ("bytesTotal", self.bytes_total),
            ("itemsDone", self.items_done),
            ("itemsTotal", self.items_total),
        ):
            if value is not None:
                body[key] = int(value)
        if byte_rate is not None:
            body["bytesPerSecond"] = int(byte_rate)
        remaining = _remaining(self.bytes_done, self.bytes_total, byte_rate)
        if remaining is None:
            remaining = _remaining(self.items_done, self.items_total, item_rate)
        if remaining is not None:
            body["remainingSeconds"] = int(remaining)
        if self.message is not None:
            body["message"] = texts.message(self.message)
        return body

    def _sample(self) -> _Sample:
        return _Sample(self._clock(), self.bytes_done or 0, self.items_done or 0)

    def _rates(self) -> tuple[float | None, float | None]:
        newest = self._sample()
        samples = self._samples
        if newest.bytes_done < samples[-1].bytes_done or newest.items_done < samples[-1].items_done:
            samples.clear()  # the stage began a new count
        samples.append(newest)
        while len(samples) > 2 and newest.time - samples[1].time >= WINDOW_SECONDS:
            samples.popleft()
        span = newest.time - samples[0].time
        if span < _LEAST_SPAN:
            return None, None
        byte_rate = (newest.bytes_done - samples[0].bytes_done) / span if self.bytes_done is not None else None
        return byte_rate, (newest.items_done - samples[0].items_done) / span


def _remaining(done: float | None, total: float | None, rate: float | None) -> float | None:
    if done is None or total is None or not rate:
        return None
    return min(max(0.0, total - done) / rate, float(2**53))


def _bad(name: str, value: float) -> ValueError:
    return ValueError(f"{name} must be finite and not negative, got {value!r}")
