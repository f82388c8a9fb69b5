"""The times of a cron expression in a time zone, in UTC.

Nights on which clocks jump go by Debian cron's rules: what is due at a fixed hour happens once, at the jump if its hour
is left out, at the first of the two if it comes twice; `*` in minute or hour counts real time.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile

from cronsim import CronSim, CronSimError

from asynctask.api.reasons import Reason
from asynctask.core import windows
from asynctask.core.problems import Problem

LOOKBACKS = tuple(timedelta(days=days) for days in (0.05, 2, 40, 400, 3000))
"""How far to look for the newest time: a schedule of every minute has thousands in a day, one of every year none."""
PROBE = datetime(2024, 1, 1, tzinfo=UTC)
"""Any moment: whether an expression ever comes does not depend on it."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that was found valid."""

    expression: str
    time_zone: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Its times after this moment, in order."""
        for found in CronSim(self.expression, moment.astimezone(windows.zone(self.time_zone))):
            tick = found.astimezone(UTC)
            if tick > moment:  # begun within an hour that comes twice, it may give a time of the first one
                yield tick

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The newest of its times after one moment and not after another."""
        for lookback in LOOKBACKS:
            since = max(after, until - lookback)
            found = deque(takewhile(lambda tick: tick <= until, self.after(since)), maxlen=1)
            if found or since == after:
                return found[0] if found else None
        return None

    def upcoming(self, after: datetime, count: int) -> tuple[datetime, ...]:
        """The next ones."""
        return tuple(islice(self.after(after), count))


@lru_cache(maxsize=16_384)
def parse(expression: str, time_zone: str) -> Cron | Problem:
    """The expression, or what is wrong with it."""
    if problem := windows.zone_problem(time_zone, "spec.timeZone", Reason.INVALID_SCHEDULE):
        return problem
    found = Cron(expression, time_zone)
    try:
        if found.upcoming(PROBE, 1):
            return found
    except CronSimError as error:
        example = "five fields: minute hour day-of-month month day-of-week, such as `30 2 * * 1-5`"
        message = f"{expression!r} is not a cron expression ({str(error).lower()}); {example}"
        return Problem(Reason.INVALID_SCHEDULE, message, "spec.schedule")
    return Problem(Reason.INVALID_SCHEDULE, f"{expression!r} never comes", "spec.schedule")


def offset(namespace: str, name: str, jitter_seconds: int) -> timedelta:
    """How much later than the clock says a schedule starts: always the same for it, evenly spread over all."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % (jitter_seconds + 1))
