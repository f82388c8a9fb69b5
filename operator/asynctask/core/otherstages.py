"""What is made of the stages that are no pods: a person's approval, a delay, other tasks."""

from datetime import datetime, timedelta
from typing import Any

from asynctask.api import names
from asynctask.api.approval import ReviewItems
from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.core import manifests, taskstage
from asynctask.core.gate import Gate, finish, refused, waiting
from asynctask.core.jobends import over
from asynctask.core.plan import StartStage
from asynctask.core.reviews import decisions
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
        body = manifests.stage(gate.facts.task, gate.template, (), gate.inputs)
        reason = Reason.WAITING_FOR_APPROVAL if gate.template.approval else Reason.WAITING_FOR_TIME
        return Verdict(Phase.WAITING, reason, actions=(StartStage(gate.name, body),), wake_at=_due(gate))
    phases = {"pause": Phase.PAUSED, "cancel": Phase.CANCELLED}
    return Verdict(phases.get(gate.want, Phase.PENDING), Reason.NOT_RUNNING)


def _due(gate: Gate) -> datetime | None:
    if gate.template.approval:
        return decisions.expiry(gate.template.approval, gate.began)
    return gate.began + timedelta(seconds=gate.template.wait.delay_seconds) if gate.template.wait else None


def _approval(gate: Gate) -> Verdict:
    approval, stage = gate.template.approval, gate.stage
    if approval is None or stage is None:
        raise TypeError("only an approval that has begun can be decided")
    submitter = gate.facts.task.metadata.annotations.get(names.ANNOTATION_SUBMITTED_BY, "")
    result = decisions.tally(approval, stage.status, gate.began, gate.facts.now, submitter)
    words, when = decisions.in_words(approval, result), result.decided_at
    if result.outcome == "Approved":
        more = {"outputs": outputs(result.items)} if result.items else {}
        return finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, words, when, more)
    if result.outcome == "Rejected":
        return finish(gate, Phase.FAILED, Reason.REJECTED, words, when)
    if result.outcome == "Expired":
        return finish(gate, Phase.FAILED, Reason.REVIEW_EXPIRED, words, when)
    if gate.is_given_up:
        return _given_up(gate)
    count = f" ({len(result.approvals)} of {approval.quorum} have approved)" if approval.quorum > 1 else ""
    text = "; ".join((f"waiting for a decision on Stage {gate.name}{count}", *result.ignored))
    has_news = bool(stage.status.review or stage.status.reviews)
    return waiting(gate, Reason.WAITING_FOR_APPROVAL, text[:1000], result.due, tell_changes=has_news)


def outputs(items: ReviewItems) -> dict[str, Any]:
    """What later stages are told of the list that was approved: they check the digest before they use it."""
    return items.model_dump(by_alias=True)


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
