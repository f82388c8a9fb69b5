"""When windows are open. Pure: the moment is an argument.

A wall clock may jump. When it is put forward, a time that it leaves out means the moment of the jump; when it is put
back, a time that comes twice means the first. So a range that ends when another begins never overlaps it and leaves no
gap, an hour that comes twice is open or shut as a whole as it was at its first end, and nothing opens twice in a night.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from asynctask.api.reasons import Reason
from asynctask.api.window import Window, WindowRange
from asynctask.core.problems import Problem

Interval = tuple[datetime, datetime]
"""From and until, in UTC."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NONE = timedelta()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
HORIZON = timedelta(days=375)
"""Windows come round every week, but where clocks of several zones change on different days, some only in a year."""
MAX_DAYS = 1000


def zone_problem(name: str, path: str, reason: Reason = Reason.INVALID_WINDOW) -> Problem | None:
    """What is wrong with a time zone's name."""
    try:
        zone(name)
    except (LookupError, ValueError, OSError):
        example = "names are such as Europe/Berlin, Asia/Shanghai or UTC"
        return Problem(reason, f"there is no time zone {name!r}; {example}", path)
    return None


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone. Raises LookupError, ValueError or OSError when there is none of that name."""
    return ZoneInfo(name)


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether all of them are open; without any it always is."""
    return all(any(begin <= now < end for begin, end in _around(window, now, now)) for window in windows)


def next_opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When all of them are open, from now on: now, if they are. None when that is never."""
    for begin, _ in _found(windows, now):
        return max(begin, now)
    return None


def next_closing(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When one of them closes, if all are open now; None when they are not, or never close."""
    for begin, end in _found(windows, now):
        return end if begin <= now and end < now + HORIZON else None
    return None


def open_seconds(windows: Sequence[Window], begin: datetime, end: datetime) -> float:
    """How many seconds all of them are open between two moments."""
    if end <= begin:
        return 0.0
    return sum((until - since).total_seconds() for since, until in _intersection(windows, begin, end))


def shut_seconds(windows: Sequence[Window], begin: datetime, end: datetime) -> float:
    """How many seconds one of them or more is shut between two moments: to the microsecond the same while all are
    open, whenever it is asked."""
    if end <= begin or not windows:
        return 0.0
    return (end - begin - sum((until - since for since, until in _intersection(windows, begin, end)), NONE)) / SECOND


def clock(moment: datetime, window: Window) -> str:
    """A moment by the clock on the wall, for people."""
    local = moment.astimezone(zone(window.time_zone))
    return f"{WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {window.time_zone}"


def instant(wall: datetime, where: ZoneInfo) -> datetime:
    """The first moment at which the wall clock there shows this time or has passed it."""
    found = wall.replace(tzinfo=where, fold=0).astimezone(UTC)
    if found.astimezone(where).replace(tzinfo=None) == wall:
        return found
    # left out by a jump, which lies between the two readings of it
    low, high = wall.replace(tzinfo=where, fold=1).astimezone(UTC), found
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        if middle.astimezone(where).replace(tzinfo=None) >= wall:
            high = middle
        else:
            low = middle
    return high


def _found(windows: Sequence[Window], now: datetime) -> Iterator[Interval]:
    """The intervals from now on, looked for further and further ahead; one that goes on is given whole."""
    pending: Interval | None = None
    since, step = now, DAY
    while since < now + HORIZON:
        for begin, end in _intersection(windows, since, since + step):
            if pending is not None and begin > pending[1]:
                yield pending
                pending = None
            pending = (pending[0], end) if pending is not None else (begin, end)
        since, step = since + step, step * 2
        if pending is not None and pending[1] < since:
            yield pending
            pending = None
    if pending is not None:
        yield pending


def _intersection(windows: Sequence[Window], begin: datetime, end: datetime) -> list[Interval]:
    """When all are open, within these bounds."""
    result: list[Interval] = [(begin, end)]
    for window in windows:
        mine = _merged(_around(window, begin, end))
        result = [(max(a, c), min(b, d)) for a, b in result for c, d in mine if max(a, c) < min(b, d)]
    return result


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    result: list[Interval] = []
    for begin, end in sorted(intervals):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((begin, end))
    return result


def _around(window: Window, begin: datetime, end: datetime) -> Iterator[Interval]:
    """Every opening that may touch these bounds, whole: dates differ by zone, and a range reaches into the next day."""
    calendar = _calendar(window)
    day, last = begin.astimezone(calendar.zone).date() - 2 * DAY, end.astimezone(calendar.zone).date() + DAY
    while day <= last:
        yield from calendar.openings(day)
        day += DAY


class _Calendar:
    """The openings of one window by the day on which they begin, each reckoned once."""

    def __init__(self, window: Window) -> None:
        self.zone = zone(window.time_zone)
        self._ranges = window.ranges
        self._known: dict[date, tuple[Interval, ...]] = {}

    def openings(self, day: date) -> tuple[Interval, ...]:
        """When its ranges open and close on this day; what the clocks leave out closes as it opens."""
        known = self._known.get(day)
        if known is None:
            if len(self._known) > MAX_DAYS:
                self._known.clear()
            known = tuple(self._opening(span, day) for span in self._ranges if _is_on(span, day))
            self._known[day] = known
        return known

    def _opening(self, span: WindowRange, day: date) -> Interval:
        end_day = day + DAY if span.end == "24:00" or span.end < span.start else day
        return instant(_wall(day, span.start), self.zone), instant(_wall(end_day, span.end), self.zone)


@lru_cache(maxsize=1024)
def _calendar(window: Window) -> _Calendar:
    return _Calendar(window)


def _is_on(span: WindowRange, day: date) -> bool:
    return not span.days or WEEKDAYS[day.weekday()] in span.days


def _wall(day: date, text: str) -> datetime:
    hour, minute = int(text[:2]) % 24, int(text[3:])
    return datetime.combine(day, time(hour, minute))
