"""How old the last good result is, and whether the next one will come in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from asynctask.api.reasons import Reason
from asynctask.api.taskschedule import LastSuccess
from asynctask.core.conditions import Wanted
from asynctask.core.times import duration, stamp


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the schedule's runs."""

    now: datetime
    since: datetime
    """When the schedule was made: nothing can be older than that."""
    max_age: timedelta
    last: LastSuccess | None
    usual_seconds: int | None
    next_start: datetime | None
    """When the run that is under way began, else when the next begins; None when none will."""
    is_under_way: bool = False


def stale_at(outlook: Outlook) -> datetime:
    """When the last good result is, or was, too old."""
    return (outlook.last.start_time if outlook.last else outlook.since) + outlook.max_age


def judge(outlook: Outlook) -> Wanted:
    """The condition `Fresh`. A result is as old as the beginning of its run: what changed later is not in it."""
    due, last = stale_at(outlook), outlook.last
    age = duration(outlook.max_age.total_seconds())
    if outlook.now >= due:
        if last is None:
            return Wanted("Fresh", "False", Reason.NEVER_SUCCEEDED, f"no run has succeeded within {age}")
        message = f"the last run that succeeded, {last.task}, began at {stamp(last.start_time)}: more than {age} ago"
        return Wanted("Fresh", "False", Reason.STALE, message)
    if last is None:
        return Wanted("Fresh", "Unknown", Reason.NEVER_SUCCEEDED, f"no run has succeeded yet; one must by {stamp(due)}")
    if warning := _predicted(outlook, due):
        return Wanted("Fresh", "True", Reason.MISS_PREDICTED, warning)
    return Wanted("Fresh", "True", Reason.FRESH, f"{last.task} succeeded; fresh until {stamp(due)}")


def _predicted(outlook: Outlook, due: datetime) -> str:
    start = outlook.next_start
    if start is None:
        return f"no run is planned that could succeed before {stamp(due)}, when the last result is too old"
    usual = timedelta(seconds=outlook.usual_seconds or 0)
    if start + usual <= due:
        return ""
    takes = f", which usually takes {duration(usual.total_seconds())}," if usual else ""
    run = "the run under way" if outlook.is_under_way else f"the run of {stamp(start)}"
    return f"the last result is too old from {stamp(due)}; {run}{takes} comes too late"
