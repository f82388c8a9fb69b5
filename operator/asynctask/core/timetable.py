"""Which limits of an endpoint are in force at a moment."""

from collections.abc import Iterable
from datetime import datetime

from asynctask.api.storageendpoint import EndpointLimits, Period, Timetable
from asynctask.api.window import Window
from asynctask.core import windows


def in_force(limits: EndpointLimits, now: datetime) -> EndpointLimits:
    """The limits at this moment, as ones without a timetable.

    The first period that is open counts, and what it leaves out is as at all other times. Where the time zone is
    unknown, nobody can say which period is meant: the tightest of all limits holds.
    """
    timetable = limits.timetable
    if timetable is None:
        return limits
    base = EndpointLimits(megabytes_per_second=limits.megabytes_per_second, streams=limits.streams)
    if windows.zone_problem(timetable.time_zone, ""):
        return tightest(limits)
    for period in timetable.periods:
        if windows.is_open([_window(timetable, period)], now):
            return _over(base, period)
    return base


def tightest(limits: EndpointLimits) -> EndpointLimits:
    """The least of each limit over the whole week."""
    periods = limits.timetable.periods if limits.timetable else ()
    return EndpointLimits(
        megabytes_per_second=_least([limits.megabytes_per_second, *(each.megabytes_per_second for each in periods)]),
        streams=_least([limits.streams, *(each.streams for each in periods)]),
    )


def next_change(limits: EndpointLimits, now: datetime) -> datetime | None:
    """When other limits may be in force than now; None when that is never."""
    timetable = limits.timetable
    if timetable is None or windows.zone_problem(timetable.time_zone, ""):
        return None
    turns = []
    for period in timetable.periods:
        hours = [_window(timetable, period)]
        is_open = windows.is_open(hours, now)
        turns.append(windows.next_closing(hours, now) if is_open else windows.next_opening(hours, now))
    return min((turn for turn in turns if turn is not None), default=None)


def _window(timetable: Timetable, period: Period) -> Window:
    return Window(time_zone=timetable.time_zone, ranges=(period,))


def _over(base: EndpointLimits, period: Period) -> EndpointLimits:
    return EndpointLimits(
        megabytes_per_second=period.megabytes_per_second or base.megabytes_per_second,
        streams=base.streams if period.streams is None else period.streams,
    )


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
