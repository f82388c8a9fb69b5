"""What is to be done about one task: an ordered list of policies, the first that speaks wins."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.core import hours, lingering, prerequisites, rollup, runs, stopping, waiting
from asynctask.core.conditions import Wanted
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.observed import Job
from asynctask.core.plan import Action, DeleteTask, Event, PatchTask, Plan
from asynctask.core.prerequisites import Unmet
from asynctask.core.problems import Problem
from asynctask.core.rollup import Summary
from asynctask.core.runs import RunView

EVENTS_AHEAD = 100
"""A task with more ahead of it than this has its reason in its status only: nobody reads thousands of events."""
NOBODY_TELLS = timedelta(seconds=31)
"""Namespaces are not watched: whether one has been labelled by now is asked again after this time."""

Policy = Callable[[Facts], Plan | None]


def decide(facts: Facts) -> Plan:
    """One step for one task. Pure: the same facts always give the same plan."""
    for policy in POLICIES:
        if plan := policy(facts):
            return lingering.with_stops(facts, plan)
    raise AssertionError("the last policy always speaks")


def being_deleted(facts: Facts) -> Plan | None:
    """Its children are owned by it: the cluster's garbage collector removes them. Until then its pods may write."""
    if not facts.task.metadata.deletion_timestamp:
        return None
    may_work = any(job.may_work for job in facts.jobs.values()) or any(pod.is_live for pod in facts.pods)
    return Plan(holds_slot=may_work)


def run_has_ended(facts: Facts) -> Plan | None:
    """An ended run stays ended; the task goes when its time to live is over."""
    task = facts.task
    summary = task.status.condition("Succeeded")
    if task.status.run != task.spec.run or summary is None or summary.status == "Unknown":
        return None
    ttl, ended = task.spec.ttl_seconds_after_finished, task.status.completion_time
    if ttl is None or ended is None:
        return Plan()
    due = ended + timedelta(seconds=ttl)
    if due > facts.now:
        return Plan(wake_at=due)
    if facts.archive_required and not _is_archived(task):
        return Plan()  # the condition will come as a change of the task
    return Plan(actions=(DeleteTask(task.metadata.uid),))


def _is_archived(task: AsyncTask) -> bool:
    """Whether the gateway has said so of the task as it is now."""
    said = task.status.condition("Archived")
    return said is not None and said.status == "True" and said.observed_generation >= task.metadata.generation


def earlier_run_is_stopping(facts: Facts) -> Plan | None:
    """A new run begins when nothing of the one before can move any more."""
    run = facts.task.spec.run
    jobs, children = runs.unfinished_jobs(facts, before=run), runs.unfinished_children(facts, before=run)
    if not (jobs or children or any(pod.is_live and 0 < pod.metadata.run < run for pod in facts.pods)):
        return None
    actions = (*_suspend(jobs), *(PatchTask(c.name, {"cancel": True}) for c in children if not c.cancel))
    summary = Summary(Phase.STOPPING, Reason.STOPPING, "the run before is being stopped")
    return Plan(actions, rollup.status(facts.task, summary, facts.now), holds_slot=True)


def is_invalid(facts: Facts) -> Plan | None:
    """What is wrong with the task as written is said once, where its author looks; once mended, it goes on at once."""
    problem = facts.resolved
    if not isinstance(problem, Problem):
        return None
    spec, jobs, is_live = facts.task.spec, runs.unfinished_jobs(facts), any(pod.is_live for pod in facts.pods)
    if spec.cancel and not jobs and not is_live:
        return _ended(facts, None, Summary(Phase.CANCELLED, Reason.CANCELLED, "cancelled", ended=True))
    summary = Summary(Phase.INVALID, problem.reason, str(problem))
    return Plan(
        actions=_suspend(jobs) if spec.cancel or spec.suspend else (),
        status=rollup.status(facts.task, summary, facts.now),
        urgency="now",
        events=_on_change(facts, Event("Warning", problem.reason, str(problem))),
        holds_slot=is_live,
        wake_at=facts.now + NOBODY_TELLS if problem.reason is Reason.PROFILE_NOT_ALLOWED else None,
    )


def is_cancelled(facts: Facts) -> Plan | None:
    """The run ends for good, once its pods are gone."""
    if not facts.task.spec.cancel:
        return None
    return _stop(facts, Summary(Phase.CANCELLED, Reason.CANCELLED, "cancelled", ended=True))


def is_too_late(facts: Facts) -> Plan | None:
    """The run took longer than it may."""
    due = _deadline(facts)
    if due is None or due > facts.now:
        return None
    message = f"not done within {facts.task.spec.active_deadline_seconds} seconds"
    return _stop(facts, Summary(Phase.FAILED, Reason.DEADLINE_EXCEEDED, message, ended=True))


def waits_for_others(facts: Facts) -> Plan | None:
    """Tasks that this one depends on must have ended before its first stage begins. When one failed, so does this."""
    if any(stage.spec.run == facts.task.spec.run for stage in facts.stages):
        return None
    unmet = prerequisites.unmet(facts)
    if unmet is None:
        return None
    if unmet.is_final and not facts.task.spec.suspend:
        return _ended(facts, None, Summary(Phase.FAILED, unmet.reason, unmet.message, ended=True))
    phase = Phase.INVALID if unmet.reason is Reason.CYCLE_IN_DEPENDENCIES else Phase.PENDING
    return _pending(facts, phase, unmet)


def goes_on(facts: Facts) -> Plan:
    """Nothing stands in the way: every stage that can move does."""
    resolved = _resolved(facts)
    facts = replace(facts, admission=waiting.steady(facts))
    want: Want = "run"
    if facts.task.spec.suspend:
        want = "pause"
    elif facts.admission.displacement:
        want = "yield"
    shut = None if facts.task.spec.suspend else hours.closed(facts, resolved)
    if shut:
        facts, want = replace(facts, admission=shut), "yield"
    view = runs.view(facts, resolved, want)
    if shut and view.some(Phase.FAILED) and not view.holds_slot:
        view = runs.view(facts, resolved, "hold")  # what waits for its window will not be needed
    summary = _summarise(view, want)
    if shut and (summary.reason == Reason.OUTSIDE_WINDOW or summary.phase in {Phase.PENDING, Phase.PAUSED}):
        summary = Summary(Phase.WAITING, Reason.OUTSIDE_WINDOW, shut.message)
    if summary.ended:
        return _ended(facts, view, summary, runs.outdated_stages(facts, resolved))
    is_queued = summary.phase is Phase.QUEUED
    is_shut = summary.reason == Reason.OUTSIDE_WINDOW
    if is_queued and (end := _overlap_end(facts)):
        return _ended(facts, None, end)
    if is_queued and facts.admission.admitted:
        facts = replace(facts, admission=waiting.with_kueue(summary.reason, summary.message, resolved.queue))
    why = waiting.status(facts, facts.admission) if is_queued or is_shut else None
    moments = (_deadline(facts), shut.earliest if shut else hours.closes_at(facts, resolved))
    return Plan(
        actions=_actions(view),
        status=rollup.status(
            facts.task, summary, facts.now, view, resolved.priority, why, _at_risk(facts, resolved, view)
        ),
        urgency="queued" if is_queued else "soon",
        events=(*_stage_events(facts, view), *_queue_events(facts, view, is_queued=is_queued or is_shut)),
        holds_slot=view.holds_slot,
        wants_slot=view.wants_slot,
        opens_at=shut.earliest if shut and is_shut else None,
        waits_for=Reason.OUTSIDE_WINDOW if is_shut else "",
        wake_at=_soonest(view, *moments),
    )


POLICIES: tuple[Policy, ...] = (
    being_deleted,
    run_has_ended,
    earlier_run_is_stopping,
    is_invalid,
    is_cancelled,
    is_too_late,
    waits_for_others,
    goes_on,
)


@dataclass(frozen=True, slots=True)
class _State:
    """A phase that the task takes from its stages, and how it is told."""

    phase: Phase
    template: str = "{names}: {message}"


_MOVING = (Phase.STOPPING, Phase.RUNNING, Phase.STARTING, Phase.BACKING_OFF, Phase.WAITING, Phase.QUEUED)
_ORDER = (
    _State(Phase.STOPPING),
    _State(Phase.STARTING),
    _State(Phase.RUNNING, "{names}"),
    _State(Phase.BACKING_OFF),
    _State(Phase.WAITING),
    _State(Phase.QUEUED, "{message}"),
    _State(Phase.PAUSED, "{message}"),
)


def _summarise(view: RunView, want: Want) -> Summary:
    """The task's own state from those of its stages."""
    for state in _ORDER:
        found = view.some(state.phase)
        if not found:
            continue
        if state.phase is Phase.PAUSED or (state.phase is Phase.WAITING and want == "pause"):
            return Summary(Phase.PAUSED, Reason.SUSPENDED, "paused; set spec.suspend to false to resume")
        first = view.verdicts[found[0]]
        text = state.template.format(names=", ".join(found), message=first.message)
        return Summary(state.phase, first.reason, text.rstrip(": "))
    if failed := view.some(Phase.FAILED):
        verdict = view.verdicts[failed[0]]
        message = f"stage {failed[0]}: {verdict.message}" if verdict.message else f"stage {failed[0]} failed"
        return Summary(Phase.FAILED, verdict.reason, message, ended=True)
    if cancelled := view.some(Phase.CANCELLED):
        return Summary(Phase.CANCELLED, Reason.CANCELLED, f"stage {cancelled[0]} was cancelled", ended=True)
    if pending := view.some(Phase.PENDING):
        if want == "pause":
            return Summary(Phase.PAUSED, Reason.SUSPENDED, "paused; set spec.suspend to false to resume")
        return Summary(Phase.PENDING, Reason.NOT_RUNNING, f"{pending[0]} has not begun")
    if partial := view.some(Phase.PARTIAL):
        items = sum(verdict.item_errors for verdict in view.verdicts.values())
        detail = f"{items} items failed" if items else view.verdicts[partial[0]].message or "some items failed"
        return Summary(Phase.PARTIAL, Reason.PARTIALLY_SUCCEEDED, f"done, but {detail}", ended=True)
    return Summary(Phase.SUCCEEDED, Reason.SUCCEEDED, "", ended=True)


def _stop(facts: Facts, end: Summary) -> Plan:
    """Stop every stage; when none can move any more, the run has ended in this way."""
    view = runs.view(facts, _resolved(facts), "cancel")
    if view.some(*_MOVING):
        cleaning = [name for name in view.some(*_MOVING, Phase.PENDING) if name in view.clean_ups]
        stopping = (
            "its stages are being stopped" if view.some(Phase.STOPPING) else f"cleaning up: {', '.join(cleaning)}"
        )
        summary = Summary(Phase.STOPPING, Reason.STOPPING, f"{end.message}; {stopping}")
        return Plan(
            _actions(view),
            rollup.status(facts.task, summary, facts.now, view),
            events=_stage_events(facts, view),
            holds_slot=view.holds_slot,
            wants_slot=view.wants_slot,
            wake_at=_soonest(view),
        )
    failed = [name for name in view.some(Phase.FAILED) if name in view.clean_ups]
    if failed:
        end = replace(end, message=f"{end.message}; {failed[0]} failed: {view.verdicts[failed[0]].message}")
    return _ended(facts, view, end)


def _ended(facts: Facts, view: RunView | None, summary: Summary, more: tuple[Action, ...] = ()) -> Plan:
    good = summary.phase in {Phase.SUCCEEDED, Phase.PARTIAL, Phase.SKIPPED, Phase.CANCELLED}
    resolved = facts.resolved
    priority = None if isinstance(resolved, Problem) else resolved.priority
    events = () if good else (Event("Warning", Reason.FAILED, summary.message or str(summary.reason)),)
    ttl = facts.task.spec.ttl_seconds_after_finished
    return Plan(
        actions=(*(_actions(view) if view else ()), *more),
        status=rollup.status(facts.task, summary, facts.now, view, priority, more=hours.no_longer_at_risk(facts)),
        urgency="now",
        events=events,
        wake_at=facts.now + timedelta(seconds=ttl) if ttl is not None else None,
    )


def _pending(facts: Facts, phase: Phase, unmet: Unmet) -> Plan:
    reason, message = unmet.reason, unmet.message
    why = waiting.for_another(facts, reason, message, unmet.holder) if phase is Phase.PENDING else None
    if facts.task.spec.suspend:
        phase, reason, message, why = (
            Phase.PAUSED,
            Reason.SUSPENDED,
            "paused; set spec.suspend to false to resume",
            None,
        )
    resolved = _resolved(facts)
    status = rollup.status(facts.task, Summary(phase, reason, message), facts.now, None, resolved.priority, why)
    is_invalid = phase is Phase.INVALID
    told, events = facts.task.status.waiting, tuple[Event, ...]()
    if is_invalid:
        events = _on_change(facts, Event("Warning", reason, message))
    elif why and (told is None or told.reason != reason):
        events = (Event("Normal", reason, message, with_status=True),)
    return Plan(
        status=status,
        urgency="now" if is_invalid else "soon",
        events=events,
        waits_for=why["reason"] if why else "",
        wake_at=unmet.due,
    )


def _deadline(facts: Facts) -> datetime | None:
    seconds = facts.task.spec.active_deadline_seconds
    if seconds is None:
        return None
    begins = [
        stage.metadata.creation_timestamp
        for stage in facts.stages
        if stage.spec.run == facts.task.spec.run and stage.metadata.creation_timestamp
    ]
    return min(begins) + timedelta(seconds=seconds) if begins else None


def _resolved(facts: Facts) -> Resolved:
    if isinstance(facts.resolved, Problem):
        raise TypeError("an invalid task has no stages to look at")
    return facts.resolved


def _suspend(jobs: Iterable[Job]) -> tuple[Action, ...]:
    return tuple(stopping.stop(job) for job in jobs if not job.is_held)


def _actions(view: RunView) -> tuple[Action, ...]:
    return tuple(action for verdict in view.verdicts.values() for action in verdict.actions)


def _soonest(view: RunView, *others: datetime | None) -> datetime | None:
    moments = [verdict.wake_at for verdict in view.verdicts.values()]
    return min((moment for moment in (*moments, *others) if moment), default=None)


def _at_risk(facts: Facts, resolved: Resolved, view: RunView) -> tuple[Wanted, ...]:
    """Whether the deadline is in danger, by what the stages that run say of the time they need."""
    running = (verdict.progress for verdict in view.verdicts.values() if verdict.phase is Phase.RUNNING)
    left = [progress.remaining_seconds for progress in running if progress and progress.remaining_seconds is not None]
    said = hours.at_risk(facts, resolved, max(left, default=None), _deadline(facts))
    return (said,) if said else ()


def _overlap_end(facts: Facts) -> Summary | None:
    """How a run ends that may not wait for another task to leave its storage alone. One that has begun does wait."""
    policy, run = facts.task.spec.overlap_policy, facts.task.spec.run
    if not facts.admission.is_overlap or any(stage.spec.run == run for stage in facts.stages):
        return None
    if policy == "Skip":
        return Summary(Phase.SKIPPED, Reason.SKIPPED, f"skipped: {facts.admission.message}", ended=True)
    if policy == "Fail":
        return Summary(Phase.FAILED, Reason.LOCATION_LOCKED, facts.admission.message, ended=True)
    return None


def _queue_events(facts: Facts, view: RunView, *, is_queued: bool) -> tuple[Event, ...]:
    """That it was pushed out, when it is; that it waits, when its status comes to say so."""
    if displacement := facts.admission.displacement:
        stops = any(stopping.is_stop(action) for action in _actions(view))
        text = f"saves a checkpoint and gives its place up: {displacement.by}"
        return (Event("Normal", Reason.DISPLACED, text),) if stops else ()
    told = facts.task.status.waiting
    answer = facts.admission
    if not is_queued or (told is not None and told.reason == answer.reason) or (answer.ahead or 0) >= EVENTS_AHEAD:
        return ()
    reason = answer.reason if isinstance(answer.reason, Reason) else Reason.QUEUED
    return (Event("Normal", reason, answer.message, with_status=True),)


def _stage_events(facts: Facts, view: RunView) -> tuple[Event, ...]:
    return tuple(
        Event("Warning", Reason.STAGE_FAILED, f"stage {name}: {verdict.message or verdict.reason}"[:1000])
        for name, verdict in view.verdicts.items()
        if verdict.failed_now
    )


def _on_change(facts: Facts, event: Event) -> tuple[Event, ...]:
    """The event, unless the task already says the same."""
    admitted = facts.task.status.condition("Admitted")
    told = admitted is not None and admitted.reason == event.reason and admitted.message == event.message
    return () if told else (event,)
