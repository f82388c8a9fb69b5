"""What windows mean for one task: whether it may run now, and whether it can be done in time."""

from collections.abc import Iterable
from datetime import UTC, datetime

from asynctask.api.reasons import Reason
from asynctask.core import windows
from asynctask.core.conditions import Wanted
from asynctask.core.facts import Admission, Facts, Hours, Resolved
from asynctask.core.times import duration, stamp

CERTAIN = 1.1
"""Estimates waver: the condition changes only when they are on the other side by a tenth."""


def closed(facts: Facts, resolved: Resolved) -> Admission | None:
    """The answer to a task whose window is closed; None when nothing is against its running now."""
    if not resolved.hours:
        return None
    bound = binding(facts, resolved)
    shut = [hours for hours in bound if not windows.is_open([hours.window], facts.now)]
    if not shut:
        return None
    opening = windows.next_opening([hours.window for hours in bound], facts.now)
    owners = " and ".join(f"the window of {hours.owner}" for hours in shut)
    if opening is None:
        all_of_them = ", ".join(hours.owner for hours in bound)
        when = f"it never opens; change the window of {all_of_them}"
        if len(bound) > 1:
            when = f"the windows of {all_of_them} are never open at the same time; change one of them"
    else:
        when = f"opens {windows.clock(opening, shut[0].window)}"
    return Admission(
        reason=Reason.OUTSIDE_WINDOW,
        message=f"outside {owners}; {when}",
        queue=resolved.queue,
        resource=f"window of {shut[0].owner}",
        earliest=opening,
    )


def closes_at(facts: Facts, resolved: Resolved) -> datetime | None:
    """When the task must stop, as far as windows are concerned; None when it may go on for ever."""
    if not resolved.hours:
        return None
    return windows.next_closing([hours.window for hours in binding(facts, resolved)], facts.now)


def shut_seconds(hours: Iterable[Hours], since: float, until: float) -> float:
    """For how long any of these windows was shut: a task waits for the hour then, not for its turn."""
    begin, end = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    return windows.shut_seconds([each.window for each in hours], begin, end)


def at_risk(facts: Facts, resolved: Resolved, left: int | None, due: datetime | None) -> Wanted | None:
    """Whether the work that is left fits into the open hours before the deadline; None leaves what was said.

    Asked only while the task runs, when its progress is written anyway.
    """
    if due is None or left is None:
        return None
    told = facts.task.status.condition("AtRisk") if facts.task.status.run == facts.task.spec.run else None
    was = told is not None and told.status == "True"
    time_left = windows.open_seconds([hours.window for hours in binding(facts, resolved)], facts.now, due)
    if was and left <= time_left / CERTAIN:
        return Wanted("AtRisk", "False", Reason.ON_TIME, "at this pace it will be done in time")
    if was or left <= time_left * CERTAIN:
        return None
    where = "its windows leave" if resolved.hours else "there is only"
    room = f"before its deadline at {stamp(due)} {where} {duration(time_left)}"
    message = f"at this pace it needs {duration(left)} more; {room}"
    return Wanted("AtRisk", "True", Reason.DEADLINE_AT_RISK, message)


def no_longer_at_risk(facts: Facts) -> tuple[Wanted, ...]:
    """What a run that has ended says, if it was at risk."""
    told = facts.task.status.condition("AtRisk")
    is_true = told is not None and told.status == "True"
    return (Wanted("AtRisk", "False", Reason.ON_TIME, "the run has ended"),) if is_true else ()


def binding(facts: Facts, resolved: Resolved) -> tuple[Hours, ...]:
    """The windows that count now: those that let work finish count only until the run has begun."""
    run = facts.task.spec.run
    if any(stage.spec.run == run for stage in facts.stages):
        return tuple(hours for hours in resolved.hours if hours.window.at_close == "Pause")
    return resolved.hours
