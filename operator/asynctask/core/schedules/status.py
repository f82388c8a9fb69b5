"""What a schedule says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.taskschedule import LastSuccess, LeftOut
from asynctask.core import conditions
from asynctask.core.conditions import Wanted
from asynctask.core.problems import Problem
from asynctask.core.schedules import freshness
from asynctask.core.schedules.cron import Cron
from asynctask.core.schedules.facts import Facts, State
from asynctask.core.times import stamp

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Said:
    """The whole status, and when it changes by itself."""

    body: Mapping[str, Any]
    wake_at: datetime | None


def of(facts: Facts, known: Cron | Problem, state: State) -> Said:
    """The status as it should be."""
    planned = _planned(facts, known, state)
    success, usual = _success(facts)
    fresh, fresh_until = _fresh(facts, state, planned, success, usual)
    schedule = facts.schedule
    generation = schedule.metadata.generation
    wanted = [_ready(facts, known), *([fresh] if fresh else [])]
    kept = [c for c in schedule.status.conditions if fresh or c.type != "Fresh"]
    active = {task.name for task in facts.active} | ({state.last_task} if state.create else set())
    body = {
        "observedGeneration": generation,
        "observedSchedule": facts.timing,
        "decidedUntil": stamp(state.decided_until),
        "lastScheduleTime": stamp(state.last_time),
        "lastTask": state.last_task,
        "waitingScheduleTime": stamp(state.waiting),
        "nextScheduleTimes": [stamp(moment) for moment in planned],
        "active": sorted(active)[:16],
        "runNow": state.run_now,
        "lastSuccess": _dump(success),
        "usualSeconds": usual,
        "lastLeftOut": _dump(state.left_out),
        "conditions": conditions.merge(kept, wanted, generation, facts.now),
    }
    return Said(body, min((moment for moment in (*planned[:1], fresh_until) if moment), default=None))


def _planned(facts: Facts, known: Cron | Problem, state: State) -> tuple[datetime, ...]:
    """When the next runs start."""
    if isinstance(known, Problem) or facts.schedule.spec.suspend:
        return ()
    late = facts.offset
    return tuple(tick + late for tick in known.upcoming(max(state.decided_until, facts.now - late), SHOWN))


def _success(facts: Facts) -> tuple[LastSuccess | None, int | None]:
    """The newest success, and how long such runs usually take: each new one counts a third."""
    last, usual = facts.schedule.status.last_success, facts.schedule.status.usual_seconds
    good = [(task.ended, task) for task in facts.tasks if task.ended and task.outcome == "succeeded"]
    for ended, task in sorted(good, key=lambda pair: (pair[0], pair[1].name)):
        if last is not None and (ended, task.name) <= (last.completion_time, last.task):
            continue
        last = LastSuccess(task=task.name, start_time=task.started or task.created, completion_time=ended)
        usual = task.seconds if usual is None else (2 * usual + task.seconds) // 3
    return last, usual


def _fresh(
    facts: Facts, state: State, planned: tuple[datetime, ...], success: LastSuccess | None, usual: int | None
) -> tuple[Wanted | None, datetime | None]:
    """The condition, and when it changes by itself."""
    target = facts.schedule.spec.freshness
    if target is None:
        return None, None
    began = [task.created for task in facts.active] or ([facts.now] if state.create else [])
    waits = [state.waiting + facts.offset] if state.waiting else []
    outlook = freshness.Outlook(
        now=facts.now,
        since=facts.schedule.metadata.creation_timestamp or facts.now,
        max_age=timedelta(seconds=target.max_age_seconds),
        last=success,
        usual_seconds=usual,
        next_start=min(began or [*waits, *planned[:1]], default=None),
        is_under_way=bool(began),
    )
    due = freshness.stale_at(outlook)
    return freshness.judge(outlook), due if due > facts.now else None


def _ready(facts: Facts, known: Cron | Problem) -> Wanted:
    if isinstance(known, Problem):
        return Wanted("Ready", "False", known.reason, str(known))
    if facts.refused:
        message = f"spec.taskTemplate: the API server refuses the task: {facts.refused}"
        return Wanted("Ready", "False", Reason.CREATION_REFUSED, message)
    if facts.schedule.spec.suspend:
        return Wanted("Ready", "False", Reason.SUSPENDED, "suspended; set spec.suspend to false to go on")
    return Wanted("Ready", "True", Reason.SCHEDULED)


def _dump(model: LastSuccess | LeftOut | None) -> dict[str, Any] | None:
    if model is None:
        return None
    body = model.model_dump(by_alias=True)
    return {key: stamp(value) if isinstance(value, datetime) else str(value) for key, value in body.items()}
