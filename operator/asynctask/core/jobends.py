"""What follows from the end of an attempt: the stage ends with it, or another attempt does."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.api.status import Phase
from asynctask.core import conditions, stopping
from asynctask.core.evidence import Ending
from asynctask.core.look import Look
from asynctask.core.plan import Action, PatchStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict

THROTTLED_FACTOR = 4


def over(stage: Stage) -> Verdict | None:
    """The verdict on a stage that ended, from its own status. None while it has not."""
    status = stage.status
    summary = next((item for item in status.conditions if item.type == "Succeeded" and item.status != "Unknown"), None)
    if summary is None:
        return None
    phase = Phase.FAILED
    if summary.status == "True":
        phase = Phase.PARTIAL if summary.reason == Reason.PARTIALLY_SUCCEEDED else Phase.SUCCEEDED
    elif summary.reason == Reason.CANCELLED:
        phase = Phase.CANCELLED
    outputs = status.completion.outputs if status.completion and status.completion.outputs else status.outputs
    return Verdict(
        phase,
        summary.reason,
        summary.message,
        stage=stage,
        outputs=outputs or {},
        item_errors=status.item_errors.count if status.item_errors else 0,
        started=stage.metadata.creation_timestamp,
        ended=status.completion_time,
    )


def ended(look: Look, ending: Ending, *, stop: bool = False) -> Verdict:
    """An attempt ended: the stage ends with it, or another attempt follows."""
    if ending.outcome in {"succeeded", "partial"}:
        return finished(look, Phase.PARTIAL if ending.outcome == "partial" else Phase.SUCCEEDED, ending)
    if ending.error_class == "permanent":
        return finished(look, Phase.FAILED, ending, stop=stop)
    stage = look.stage
    checkpoint = stage.status.checkpoint.sequence if stage and stage.status.checkpoint else 0
    moved_on = stage is not None and checkpoint > stage.status.failed_sequence
    failures = 1 if moved_on or stage is None else stage.status.failures + 1
    if failures >= look.retry.max_attempts:
        message = f"failed {failures} times in a row, last: {ending.message or ending.reason}"
        last = replace(ending, error_class="permanent", reason=Reason.RETRIES_EXHAUSTED, message=message[:1000])
        return finished(look, Phase.FAILED, last, cause=ending)
    pause = look.retry.backoff_seconds * 2 ** min(failures - 1, 20)
    if ending.error_class == "throttled":
        pause *= THROTTLED_FACTOR
    retry_time = look.now + timedelta(seconds=min(pause, look.retry.max_backoff_seconds))
    patch = {
        "phase": Phase.BACKING_OFF,
        "message": f"attempt {look.attempt} failed: {ending.message or ending.reason}"[:1000],
        "attempt": look.attempt + 1,
        "failures": failures,
        "failedSequence": checkpoint,
        "retryTime": stamp(retry_time),
        "lastError": _error(look, ending),
    }
    return Verdict(
        Phase.BACKING_OFF,
        ending.reason,
        str(patch["message"]),
        (PatchStage(look.name, patch),),
        wake_at=retry_time,
        stage=stage,
        started=look.started,
        failed_now=True,
    )


def started_over(look: Look, why: str, *, stop: bool = False) -> Verdict:
    """The attempt ended through no fault of its own: the next one begins at once and does not count.

    With `stop` its Job, which may still make a pod, is suspended: the next attempt waits until that has been seen.
    """
    message = f"attempt {look.attempt} was stopped: {why}"
    patch = {"phase": Phase.STARTING, "message": message[:1024], "attempt": look.attempt + 1, "retryTime": None}
    actions: tuple[Action, ...] = (PatchStage(look.name, patch),)
    if stop and look.job is not None:
        actions += (stopping.stop(look.job),)
    return Verdict(
        Phase.STARTING,
        Reason.STARTING,
        message,
        actions,
        holds_slot=True,
        wake_at=look.now,
        stage=look.stage,
        started=look.started,
    )


def finished(look: Look, phase: Phase, ending: Ending, *, stop: bool = False, cause: Ending | None = None) -> Verdict:
    """The stage ends: one patch that says how."""
    good = phase in {Phase.SUCCEEDED, Phase.PARTIAL}
    reason = {Phase.SUCCEEDED: Reason.SUCCEEDED, Phase.PARTIAL: Reason.PARTIALLY_SUCCEEDED}.get(phase, Reason.FAILED)
    reason_text = str(reason) if good else ending.reason
    current = look.stage.status.conditions if look.stage else ()
    summary = conditions.Wanted("Succeeded", "True" if good else "False", reason_text, ending.message)
    when = ending.ended or look.now
    patch: dict[str, Any] = {
        "phase": phase,
        "message": ending.message[:1024],
        "completionTime": stamp(when),
        "conditions": conditions.merge(current, [summary], generation=1, now=look.now),
    }
    if ending.started:
        patch["startTime"] = stamp(ending.started)
    if ending.outputs:
        patch["outputs"] = ending.outputs
    if ending.item_error_count and not (look.stage and look.stage.status.item_errors):
        patch["itemErrors"] = {"count": ending.item_error_count}
    if not good:
        patch["lastError"] = _error(look, cause or ending)
    actions: tuple[Action, ...] = (PatchStage(look.name, patch),)
    if stop and look.job is not None and not look.job.is_over:
        actions += (stopping.stop(look.job),)
    reported = look.stage.status.completion if look.stage else None
    outputs: Mapping[str, Any] = (reported.outputs if reported and reported.outputs else ending.outputs) or {}
    counted = look.stage.status.item_errors.count if look.stage and look.stage.status.item_errors else 0
    return Verdict(
        phase,
        reason_text,
        ending.message,
        actions,
        stage=look.stage,
        outputs=outputs,
        item_errors=max(counted, ending.item_error_count),
        started=look.started,
        ended=when,
        failed_now=not good and phase is not Phase.CANCELLED,
    )


def refused(message: str, now: datetime) -> dict[str, Any]:
    """The API server won't have the Job: something in the stage as it was written, which only its author can mend."""
    text = f"the API server refused the pod: {message}"[:1000]
    summary = conditions.Wanted("Succeeded", "False", Reason.POD_REFUSED, text)
    error = {"class": "permanent", "reason": Reason.POD_REFUSED, "message": text, "time": stamp(now)}
    return {
        "phase": Phase.FAILED,
        "message": text,
        "completionTime": stamp(now),
        "conditions": conditions.merge((), [summary], generation=1, now=now),
        "lastError": error,
    }


def _error(look: Look, ending: Ending) -> dict[str, Any]:
    error: dict[str, Any] = {
        "attempt": look.attempt,
        "class": ending.error_class,
        "reason": str(ending.reason),
        "message": ending.message[:1024],
        "time": stamp(ending.ended or look.now),
    }
    return error if ending.exit_code is None else error | {"exitCode": min(255, max(-1, ending.exit_code))}
