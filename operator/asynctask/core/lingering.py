"""Pods that go on after their stage has said how it ended: they get their grace, then their Job is suspended.

A program that hangs in its last lines would otherwise hold memory, mounts and its node's place for ever, and after a
failure keep the next attempt waiting. Suspending costs one write, and the Job can make no other pod.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.core import stopping
from asynctask.core.facts import Facts, Limits
from asynctask.core.observed import Pod
from asynctask.core.plan import Event, HoldWorkload, Plan, SuspendJob
from asynctask.core.times import duration

DEFAULT_GRACE_SECONDS = 60


def with_stops(facts: Facts, plan: Plan) -> Plan:
    """The plan, and the end of pods that should be gone by now; it wakes when the next of them is due."""
    pods = [pod for pod in facts.pods if pod.is_live and pod.metadata.deletion_timestamp is None]
    if not pods or facts.task.metadata.deletion_timestamp:
        return plan
    jobs = {job.metadata.uid: job for job in facts.jobs.values() if not (job.is_over or job.is_held)}
    stages = {stage.metadata.uid: stage for stage in facts.stages}
    known = {action.name for action in plan.actions if isinstance(action, SuspendJob | HoldWorkload)}
    for pod in pods:
        job = next((jobs[owner.uid] for owner in pod.metadata.owner_references if owner.uid in jobs), None)
        owners = job.metadata.owner_references if job else ()
        stage = next((stages[owner.uid] for owner in owners if owner.uid in stages), None)
        if job is None or stage is None or job.metadata.name in known:
            continue
        when = due(stage, pod, facts.limits)
        if when is None:
            continue
        if when > facts.now:
            plan = replace(plan, wake_at=min(when, plan.wake_at or when))
            continue
        known.add(job.metadata.name)
        text = (
            f"stage {stage.spec.template.name}: its pod {pod.metadata.name} was still there "
            f"{duration(_patience(stage, facts.limits))} after it had reported its end, so it is stopped; "
            "what it reported stands"
        )
        plan = replace(
            plan,
            actions=(*plan.actions, stopping.stop(job)),
            events=(*plan.events, Event("Warning", Reason.POD_LINGERED, text[:1000])),
        )
    return plan


def due(stage: Stage, pod: Pod, limits: Limits) -> datetime | None:
    """When the pod should be gone; None while nothing says that it is at its end."""
    said, since = stage.status.completion, stage.status.completion_time
    if since is None and said is not None and said.attempt == pod.metadata.attempt and said.outcome != "stopped":
        since = said.time
    return since + timedelta(seconds=_patience(stage, limits)) if since else None


def _patience(stage: Stage, limits: Limits) -> float:
    work = stage.spec.template.job
    return limits.linger_seconds + (work.termination_grace_period_seconds if work else DEFAULT_GRACE_SECONDS)
