"""Sending, without the sending: when to try again, when to give up, when to leave a channel in peace."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

ErrorClass = Literal["permanent", "transient", "throttled"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a message is tried."""

    max_attempts: int = 12
    max_age: timedelta = timedelta(hours=24)
    first_pause: timedelta = timedelta(seconds=10)
    longest_pause: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. `is_channel`: the channel is at fault, not this recipient or message."""

    error_class: ErrorClass
    message: str
    retry_after: float | None = None
    is_channel: bool = False


@dataclass(frozen=True, slots=True)
class Attempted:
    """What becomes of a message after an attempt that failed."""

    state: Literal["pending", "dead"]
    next_time: datetime


def after_failure(
    failure: Failure, attempts: int, created: datetime, now: datetime, chance: float, patience: Patience
) -> Attempted:
    """Try again later, or give up. `attempts` counts the one that just failed; `chance` (0 to 1) spreads the retries.

    Full jitter over the upper half of the pause: messages that failed together don't come back together.
    """
    if failure.error_class == "permanent" or attempts >= patience.max_attempts or now - created >= patience.max_age:
        return Attempted("dead", now)
    pause = min(patience.longest_pause, patience.first_pause * 2 ** min(attempts - 1, 30))
    if failure.error_class == "throttled":
        pause = min(patience.longest_pause, pause * 4)
    pause *= 0.5 + 0.5 * chance
    if failure.retry_after is not None:
        pause = max(pause, min(timedelta(seconds=failure.retry_after), patience.longest_pause))
    return Attempted("pending", now + pause)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Keeps a channel that fails from being tried over and over: closed, open, half-open with one probe.

    After `threshold` failures of the channel in a row it opens for `pause`; then one message probes it. A probe that
    fails opens it for twice as long, up to `longest`.
    """

    threshold: int = 5
    pause: float = 30.0
    longest: float = 600.0
    failures: int = 0
    opened: int = 0
    """How often in a row it has opened."""
    until: float | None = None
    """Open until then (monotonic seconds); past it, half-open."""
    probing: bool = False

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Where it stands."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half-open"

    def room(self, now: float) -> int | None:
        """How many messages may be tried now; None: any number."""
        match self.state(now):
            case "closed":
                return None
            case "open":
                return 0
            case _:
                return 0 if self.probing else 1

    def tried(self, now: float) -> "Breaker":
        """A message is being tried."""
        return replace(self, probing=True) if self.state(now) == "half-open" else self

    def went_well(self) -> "Breaker":
        """The channel answered."""
        return replace(self, failures=0, opened=0, until=None, probing=False)

    def failed(self, now: float, retry_after: float | None = None) -> "Breaker":
        """The channel failed."""
        if self.state(now) == "open":  # one that was under way when it opened
            return self
        failures = self.failures + 1
        if not self.probing and failures < self.threshold and retry_after is None:
            return replace(self, failures=failures)
        pause = min(self.longest, max(retry_after or 0.0, self.pause * 2 ** min(self.opened, 20)))
        return replace(self, failures=failures, opened=self.opened + 1, until=now + pause, probing=False)

    def let_go(self) -> "Breaker":
        """A probe ended without telling anything of the channel."""
        return replace(self, probing=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `capacity` an hour or a minute, refilled evenly: a token bucket that remembers only its level."""

    capacity: int
    seconds: float
    level: float
    at: float

    @classmethod
    def full(cls, capacity: int, seconds: float, now: float) -> "Bucket":
        """Untouched."""
        return cls(capacity, seconds, float(capacity), now)

    def at_time(self, now: float) -> "Bucket":
        """With what flowed in since."""
        gained = max(0.0, now - self.at) * self.capacity / self.seconds
        return replace(self, level=min(float(self.capacity), self.level + gained), at=max(now, self.at))

    def wait(self, now: float) -> float:
        """Seconds until one may be taken."""
        level = self.at_time(now).level
        return 0.0 if level >= 1 - 1e-9 else (1 - level) * self.seconds / self.capacity

    def take(self, now: float) -> "Bucket":
        """One is taken, owed where there is none."""
        current = self.at_time(now)
        return replace(current, level=current.level - 1)
