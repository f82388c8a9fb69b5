"""What is made of the stages that are no pods: a person's approval, a delay, other tasks."""

from datetime import datetime, timedelta

from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.core import manifests, taskstage
from asynctask.core.gate import Gate, finish, refused, waiting
from asynctask.core.jobends import over
from asynctask.core.plan import StartStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict


def judge(gate: Gate) -> Verdict:
    """Say what state the stage is in and what is to be done about it."""
    if gate.stage is not None and (verdict := over(gate.stage)):
        return verdict
    if gate.template.task:
        return taskstage.judge(gate, gate.template.task)
    if gate.stage is None:
        return _not_begun(gate)
    if gate.want == "cancel":
        return finish(gate, Phase.CANCELLED, Reason.CANCELLED, "cancelled")
    return _approval(gate) if gate.template.approval else _wait(gate)


def _not_begun(gate: Gate) -> Verdict:
    if gate.want == "run":
        if verdict := refused(gate):
            return verdict
        body = manifests.stage(gate.facts.task, gate.template, (), ())
        reason = Reason.WAITING_FOR_APPROVAL if gate.template.approval else Reason.WAITING_FOR_TIME
        return Verdict(Phase.WAITING, reason, actions=(StartStage(gate.name, body),), wake_at=_due(gate))
    phases = {"pause": Phase.PAUSED, "cancel": Phase.CANCELLED}
    return Verdict(phases.get(gate.want, Phase.PENDING), Reason.NOT_RUNNING)


def _due(gate: Gate) -> datetime | None:
    seconds = None
    if gate.template.wait:
        seconds = gate.template.wait.delay_seconds
    elif gate.template.approval:
        seconds = gate.template.approval.expires_after_seconds
    return gate.began + timedelta(seconds=seconds) if seconds else None


def _approval(gate: Gate) -> Verdict:
    due = _due(gate)
    review = gate.stage.status.review if gate.stage else None
    if review and review.decision == "Approved":
        return finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, f"approved by {review.by or 'somebody'}", review.time)
    if review:
        words = f": {review.message}" if review.message else ""
        return finish(gate, Phase.FAILED, Reason.REJECTED, f"rejected by {review.by or 'somebody'}{words}", review.time)
    if due and due <= gate.facts.now:
        return finish(gate, Phase.FAILED, Reason.REJECTED, f"nobody decided until {stamp(due)}", due)
    if gate.is_given_up:
        return _given_up(gate)
    return waiting(gate, Reason.WAITING_FOR_APPROVAL, f"waiting for a decision on Stage {gate.name}", due)


def _wait(gate: Gate) -> Verdict:
    due = _due(gate) or gate.facts.now
    if due <= gate.facts.now:
        return finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, "", due)
    if gate.is_given_up:
        return _given_up(gate)
    return waiting(gate, Reason.WAITING_FOR_TIME, f"waiting until {stamp(due)}", due)


def _given_up(gate: Gate) -> Verdict:
    """Nothing is lost by giving up to wait, and the task that failed can end now and not in days."""
    return finish(gate, Phase.CANCELLED, Reason.CANCELLED, "given up: another stage failed")
