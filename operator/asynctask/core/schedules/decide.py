"""What is to be done about one schedule now: at most one task to make, and what to say.

Every time of the schedule is dealt with once: `status.decidedUntil` says how far. The task of a time has a name made
from it, so whoever decides again after a crash finds it there.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from asynctask.api.reasons import Reason
from asynctask.api.taskschedule import LeftOut
from asynctask.core.schedules import cron, status, tasks
from asynctask.core.schedules.cron import Cron
from asynctask.core.schedules.facts import Facts, Plan, State
from asynctask.core.times import duration, stamp

ON_TIME = timedelta(minutes=2)
"""A run that is not later than this was not missed: an operator that is upgraded takes a few seconds."""


def decide(facts: Facts) -> Plan:
    """One step for one schedule. Pure: the same facts always give the same plan."""
    schedule, spec = facts.schedule, facts.schedule.spec
    if schedule.metadata.deletion_timestamp:
        return Plan()
    known = cron.parse(spec.schedule, spec.time_zone)
    state = _state(facts)
    if isinstance(known, Cron) and not spec.suspend:
        state = _made_before(facts, _came_due(facts, known, state))
        state = _started(facts, _not_too_late(facts, state))
    elif isinstance(known, Cron):
        state = replace(state, waiting=None)
    state = _run_by_hand(facts, state)
    said = status.of(facts, known, state)
    limits = (spec.successful_tasks_history_limit, spec.failed_tasks_history_limit)
    return Plan(
        cancel=state.cancel,
        create=state.create,
        status=said.body,
        delete=tasks.superfluous(facts.tasks, *limits),
        wake_at=min((moment for moment in (said.wake_at, _gives_up(facts, state)) if moment), default=None),
        left_out=_newly_left_out(facts, state),
    )


def _state(facts: Facts) -> State:
    """Where the last look left off. What came due under another schedule, or while suspended, is not made up for."""
    schedule, before = facts.schedule, facts.schedule.status
    ready = before.condition("Ready")
    was_suspended = ready is not None and ready.reason == Reason.SUSPENDED
    resumes = was_suspended and not schedule.spec.suspend
    is_another = before.observed_schedule not in ("", facts.timing)
    known = before.decided_until or schedule.metadata.creation_timestamp or facts.now
    return State(
        decided_until=max(known, facts.now) if resumes or is_another else known,
        waiting=None if resumes or is_another else before.waiting_schedule_time,
        last_time=before.last_schedule_time,
        last_task=before.last_task,
        run_now=before.run_now,
        left_out=before.last_left_out,
    )


def _came_due(facts: Facts, known: Cron, state: State) -> State:
    """The newest time that has come takes the place of all before it."""
    tick = known.latest(state.decided_until, facts.now - facts.offset)
    if tick is None:
        return state
    state = replace(state, decided_until=tick)
    if state.waiting is not None:
        message = f"the run before had not ended by {stamp(tick)}, when the next came due"
        state = replace(state, left_out=LeftOut(time=state.waiting, reason=Reason.STILL_RUNNING, message=message))
    return replace(state, waiting=tick, is_fresh=True)


def _made_before(facts: Facts, state: State) -> State:
    """Whoever decided before did not live to say that the task is made."""
    if state.waiting is None:
        return state
    name = tasks.name_at(facts.schedule, state.waiting)
    if all(task.name != name for task in facts.tasks):
        return state
    return replace(state, waiting=None, last_time=state.waiting, last_task=name)


def _not_too_late(facts: Facts, state: State) -> State:
    """What can't start in time is left out."""
    limit = _patience(facts, state)
    if state.waiting is None or limit is None:
        return state
    late = facts.now - (state.waiting + facts.offset)
    if late <= limit:
        return state
    message = f"it could not start within {duration(limit.total_seconds())}"
    return replace(state, waiting=None, left_out=LeftOut(time=state.waiting, reason=Reason.MISSED, message=message))


def _started(facts: Facts, state: State) -> State:
    """Start what is due, or do what the concurrency policy says while the run before has not ended."""
    schedule, active, tick = facts.schedule, facts.active, state.waiting
    if tick is None:
        return state
    if active and schedule.spec.concurrency_policy == "Skip" and state.is_fresh:
        message = f"{active[0].name} had not ended"
        return replace(state, waiting=None, left_out=LeftOut(time=tick, reason=Reason.STILL_RUNNING, message=message))
    if active:
        return _make_room(facts, state)
    if facts.refused:
        return state
    name = tasks.name_at(schedule, tick)
    body = tasks.manifest(schedule, facts.template_spec, name, tick)
    return replace(state, waiting=None, last_time=tick, last_task=name, create=body)


def _run_by_hand(facts: Facts, state: State) -> State:
    """`spec.runNow` was raised: one run, after what runs and what is due by the clock."""
    schedule = facts.schedule
    number = schedule.spec.run_now
    if number <= state.run_now:
        return state
    name = tasks.name_of_manual(schedule, number)
    if any(task.name == name for task in facts.tasks):
        return replace(state, run_now=number, last_task=name)
    if facts.active:
        return _make_room(facts, state)
    if state.create or facts.refused:
        return state
    body = tasks.manifest(schedule, facts.template_spec, name, facts.now)
    return replace(state, run_now=number, last_task=name, create=body)


def _make_room(facts: Facts, state: State) -> State:
    """With `Replace` what runs is cancelled; the next begins when it has ended, so that never two work at once."""
    if facts.schedule.spec.concurrency_policy != "Replace":
        return state
    return replace(state, cancel=tuple(task for task in facts.active if not task.is_cancelled))


def _patience(facts: Facts, state: State) -> timedelta | None:
    spec = facts.schedule.spec
    if spec.starting_deadline_seconds is not None:
        return timedelta(seconds=spec.starting_deadline_seconds)
    return ON_TIME if spec.missed_run_policy == "Skip" and state.is_fresh else None


def _gives_up(facts: Facts, state: State) -> datetime | None:
    """When what waits is left out."""
    seconds = facts.schedule.spec.starting_deadline_seconds
    if state.waiting is None or seconds is None:
        return None
    return state.waiting + facts.offset + timedelta(seconds=seconds, milliseconds=10)


def _newly_left_out(facts: Facts, state: State) -> Reason | None:
    found = state.left_out
    return Reason(found.reason) if found is not None and found != facts.schedule.status.last_left_out else None
