"""So many starts a minute, spread evenly."""

MINUTE = 60.000_1
"""A little more than one, so that rounding never fits another start into it."""


class StartRate:
    """A token bucket in its form without a counter, the generic cell rate algorithm (ITU-T I.371): its state is a time.

    It holds one second's worth of starts, so that a pass a second keeps up with any rate. The refill is a little
    slower than the rate where that is more than one, so that no sixty seconds ever see more starts than the rate
    says.
    """

    def __init__(self, per_minute: int) -> None:
        burst = max(1, per_minute // 60)
        self.interval = MINUTE / (per_minute - burst + 1)
        self._tolerance = (burst - 1) * self.interval
        self._due = float("-inf")

    def is_free(self, now: float) -> bool:
        """Whether a task may start now."""
        return now >= self.next_start()

    def next_start(self) -> float:
        """When the next may start; in the past if it may now."""
        return self._due - self._tolerance

    def start(self, now: float) -> None:
        """A task starts, whether it may or not."""
        self._due = max(self._due, now) + self.interval

    def recall(self, started: float) -> None:
        """A task started then; told in no order, after a restart, of many."""
        self._due = max(self._due, started + self.interval)

    def follow(self, other: "StartRate") -> None:
        """Go on from the last start of another: a changed rate is not a free minute."""
        if other._due > float("-inf"):
            self._due = other._due - other.interval + self.interval
