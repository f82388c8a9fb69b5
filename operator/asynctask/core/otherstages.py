"""What is made of the stages that are no pods: a person's approval, a delay, other tasks."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.api.status import Phase
from asynctask.api.templates import StageTemplate
from asynctask.core import conditions, evidence, manifests
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.jobends import over
from asynctask.core.plan import Action, PatchStage, PatchTask, StartStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Gate:
    """One such stage of the current run."""

    facts: Facts
    resolved: Resolved
    template: StageTemplate
    stage: Stage | None
    want: Want

    @property
    def began(self) -> datetime:
        """When the stage began: now, if it has not."""
        created = self.stage.metadata.creation_timestamp if self.stage else None
        return created or self.facts.now


def judge(gate: Gate) -> Verdict:
    """Say what state the stage is in and what is to be done about it."""
    if gate.stage is not None and (verdict := over(gate.stage)):
        return verdict
    if gate.want == "cancel":
        return _cancelled(gate)
    if gate.stage is None:
        if gate.want != "run":
            return Verdict(Phase.PAUSED if gate.want == "pause" else Phase.PENDING, Reason.NOT_RUNNING)
        return _refused(gate) or _begin(gate)
    if gate.template.approval:
        return _approval(gate)
    return _wait(gate) if gate.template.wait else _tasks(gate)


def _refused(gate: Gate) -> Verdict | None:
    """The API server would not make its Stage, or a task of it, a moment ago: say why. The queue tries again."""
    message = gate.facts.refusals.get(manifests.stage_name(gate.facts.task, gate.template.name))
    if message is None:
        return None
    why, started = evidence.refusal(message), gate.began if gate.stage else None
    return Verdict(Phase.STARTING, why.reason, why.message, stage=gate.stage, started=started)


def _begin(gate: Gate) -> Verdict:
    task, template = gate.facts.task, gate.template
    children = manifests.child_tasks(task, template, gate.resolved)
    body = manifests.stage(task, template, (), ())
    start = StartStage(manifests.stage_name(task, template.name), body, tasks=children)
    return Verdict(Phase.WAITING, _reason(template), actions=(start,), wake_at=_due(gate))


def _reason(template: StageTemplate) -> Reason:
    if template.approval:
        return Reason.WAITING_FOR_APPROVAL
    return Reason.WAITING_FOR_TIME if template.wait else Reason.WAITING_FOR_TASKS


def _due(gate: Gate) -> datetime | None:
    seconds = None
    if gate.template.wait:
        seconds = gate.template.wait.delay_seconds
    elif gate.template.approval:
        seconds = gate.template.approval.expires_after_seconds
    return gate.began + timedelta(seconds=seconds) if seconds else None


def _approval(gate: Gate) -> Verdict:
    stage, due = gate.stage, _due(gate)
    review = stage.status.review if stage else None
    if review and review.decision == "Approved":
        return _finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, f"approved by {review.by or 'somebody'}", review.time)
    if review:
        words = f": {review.message}" if review.message else ""
        return _finish(
            gate, Phase.FAILED, Reason.REJECTED, f"rejected by {review.by or 'somebody'}{words}", review.time
        )
    if due and due <= gate.facts.now:
        return _finish(gate, Phase.FAILED, Reason.REJECTED, f"nobody decided until {stamp(due)}", due)
    name = stage.metadata.name if stage else ""
    message = f"waiting for a decision on Stage {name}"
    return _waiting(gate, message, due)


def _wait(gate: Gate) -> Verdict:
    due = _due(gate) or gate.facts.now
    if due <= gate.facts.now:
        return _finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, "", due)
    return _waiting(gate, f"waiting until {stamp(due)}", due)


def _tasks(gate: Gate) -> Verdict:
    """The stage ends when all its tasks have: as badly as the worst of them.

    Its Stage remembers a pause that was passed on: tasks that somebody paused one by one are not resumed with it.
    """
    pauses, was_paused = gate.want == "pause", gate.stage is not None and gate.stage.status.phase == Phase.PAUSED
    ends: dict[str, str] = {}
    actions: list[Action] = []
    expected = gate.template.task.tasks if gate.template.task else ()
    bodies = {
        body["metadata"]["name"]: body for body in manifests.child_tasks(gate.facts.task, gate.template, gate.resolved)
    }
    missing = [name for name in bodies if name not in gate.facts.children]
    if missing and gate.want == "run":
        if refused := _refused(gate):
            return refused
        actions.append(
            StartStage(
                gate.stage.metadata.name if gate.stage else "", None, tasks=tuple(bodies[name] for name in missing)
            )
        )
    for child in expected:
        name = manifests.child_task_name(gate.facts.task, gate.template, child.name)
        found = gate.facts.children.get(name)
        if found is None:
            continue
        if end := outcome(found):
            ends[name] = end
        elif found.spec.suspend != pauses and (pauses or was_paused):
            actions.append(PatchTask(name, {"suspend": pauses}))
    if len(ends) < len(expected):
        message = f"{len(ends)} of {len(expected)} tasks have ended"
        if not pauses:
            verdict = _waiting(gate, message, None)
            return replace(verdict, actions=(*actions, *verdict.actions))
        name = gate.stage.metadata.name if gate.stage else ""
        first = () if was_paused else (PatchStage(name, {"phase": Phase.PAUSED, "message": message}),)
        return Verdict(
            Phase.PAUSED, Reason.SUSPENDED, message, (*first, *actions), stage=gate.stage, started=gate.began
        )
    failed = sorted(name for name, outcome in ends.items() if outcome == "failed")
    if failed:
        return _finish(
            gate, Phase.FAILED, Reason.CHILD_TASK_FAILED, f"failed: {', '.join(failed)}"[:1000], gate.facts.now
        )
    if "partial" in ends.values():
        return _finish(gate, Phase.PARTIAL, Reason.PARTIALLY_SUCCEEDED, "some tasks were done in part", gate.facts.now)
    return _finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, "", gate.facts.now)


def outcome(child: AsyncTask) -> str:
    """How a child task ended; empty while it has not."""
    if child.status.run != child.spec.run:
        return ""
    summary = child.status.condition("Succeeded")
    if summary is None or summary.status == "Unknown":
        return ""
    if summary.status == "False":
        return "failed"
    return "partial" if summary.reason == Reason.PARTIALLY_SUCCEEDED else "succeeded"


def _cancelled(gate: Gate) -> Verdict:
    if gate.stage is None:
        return Verdict(Phase.CANCELLED, Reason.CANCELLED)
    running = [child for child in gate.facts.children.values() if not outcome(child)]
    mine = {
        manifests.child_task_name(gate.facts.task, gate.template, c.name)
        for c in (gate.template.task.tasks if gate.template.task else ())
    }
    waiting = [child for child in running if child.metadata.name in mine]
    if waiting:
        actions = tuple(PatchTask(child.metadata.name, {"cancel": True}) for child in waiting if not child.spec.cancel)
        return Verdict(Phase.STOPPING, Reason.STOPPING, "waiting for its tasks to end", actions, stage=gate.stage)
    return _finish(gate, Phase.CANCELLED, Reason.CANCELLED, "cancelled", gate.facts.now)


def _waiting(gate: Gate, message: str, due: datetime | None) -> Verdict:
    stage = gate.stage
    actions: tuple[Action, ...] = ()
    if stage is not None and stage.status.phase != Phase.WAITING:
        actions = (PatchStage(stage.metadata.name, {"phase": Phase.WAITING, "message": message}),)
    return Verdict(
        Phase.WAITING, _reason(gate.template), message, actions, wake_at=due, stage=stage, started=gate.began
    )


def _finish(gate: Gate, phase: Phase, reason: Reason, message: str, when: datetime | None) -> Verdict:
    good = phase in {Phase.SUCCEEDED, Phase.PARTIAL}
    summary = conditions.Wanted("Succeeded", "True" if good else "False", reason, message)
    current = gate.stage.status.conditions if gate.stage else ()
    patch: dict[str, Any] = {
        "phase": phase,
        "message": message,
        "completionTime": stamp(when or gate.facts.now),
        "conditions": conditions.merge(current, [summary], 1, gate.facts.now),
    }
    name = manifests.stage_name(gate.facts.task, gate.template.name)
    return Verdict(
        phase,
        reason,
        message,
        (PatchStage(name, patch),),
        stage=gate.stage,
        started=gate.began,
        ended=when or gate.facts.now,
        failed_now=not good and phase is not Phase.CANCELLED,
    )
