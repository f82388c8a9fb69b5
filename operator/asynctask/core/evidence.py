"""How an attempt ended, read off its pod, its Job or its own report."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import orjson

from asynctask.api.reasons import Reason
from asynctask.api.stage import Completion
from asynctask.api.status import ErrorClass, Outcome
from asynctask.core.observed import Job, Pod, Terminated

EXIT_PARTIAL, EXIT_PERMANENT, EXIT_TRANSIENT, EXIT_THROTTLED, EXIT_STOPPED = 3, 65, 75, 76, 143
MAX_MESSAGE = 1000
MAX_ITEMS = 10**12

_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")

_IMAGE_REASONS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_CONFIG_REASONS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    outcome: Outcome
    error_class: ErrorClass = "transient"
    reason: str = Reason.SUCCEEDED
    message: str = ""
    exit_code: int | None = None
    outputs: dict[str, Any] | None = None
    item_error_count: int = 0
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not start."""

    reason: Reason
    message: str


class _Words(msgspec.Struct):
    """The termination message of a stage that follows the protocol; anything else is plain text."""

    outcome: str
    error_class: str | None = msgspec.field(name="class", default=None)
    reason: str = ""
    message: str = ""
    outputs: dict[str, Any] | None = None
    item_error_count: int = msgspec.field(name="itemErrorCount", default=0)


_words = msgspec.json.Decoder(_Words)


def from_report(completion: Completion) -> Ending:
    """The stage's own `complete` call. It outranks everything else."""
    return Ending(
        outcome=completion.outcome,
        error_class=completion.error_class or "transient",
        reason=completion.reason or _default_reason(completion.outcome, completion.error_class or "transient"),
        message=completion.message,
        ended=completion.time,
    )


def from_pod(pod: Pod) -> Ending | None:
    """What a pod that ended says: by its termination message, else by its exit code. None while it may still run.

    A pod that was asked to stop and then exited 0 without a word of its own did not finish its work: many programs
    exit 0 on SIGTERM.
    """
    if limit := _limit_exceeded(pod):
        return limit
    terminated = pod.state.terminated
    if terminated is None:
        return _without_container(pod)
    words = _termination_words(terminated.message)
    ending = _in_its_own_words(words) if words else _by_exit_code(pod, terminated)
    return replace(ending, exit_code=terminated.exit_code, started=terminated.started_at, ended=terminated.finished_at)


def _by_exit_code(pod: Pod, terminated: Terminated) -> Ending:
    code, text = terminated.exit_code, _tail(terminated.message)
    if terminated.reason == "OOMKilled":
        return Ending("failed", "transient", Reason.OUT_OF_MEMORY, "the container used more memory than its limit")
    if _was_stopped(pod, terminated):
        return Ending("stopped", reason=Reason.STOPPING)
    if code == 0:
        return Ending("succeeded")
    if code == EXIT_PARTIAL:
        return Ending("partial", reason=Reason.PARTIALLY_SUCCEEDED, message=text)
    error_class: ErrorClass = "transient"
    if code in {EXIT_PERMANENT, EXIT_THROTTLED}:
        error_class = "permanent" if code == EXIT_PERMANENT else "throttled"
    message = f"exit code {code}" + (f": {text}" if text else "")
    return Ending("failed", error_class, _default_reason("failed", error_class), message)


def from_job(job: Job) -> Ending | None:
    """The Job controller's verdict, for when the pod has gone. None while there is none."""
    if complete := job.condition("Complete"):
        return Ending("succeeded", ended=complete.last_transition_time, started=job.status.start_time)
    failed = job.condition("Failed")
    if failed is None:
        return None
    if failed.reason == "DeadlineExceeded":
        return deadline(job, failed.last_transition_time)
    message = f"the pod is gone and left no word: {failed.message}"
    return Ending("failed", "transient", Reason.POD_LOST, message, ended=failed.last_transition_time)


def deadline(job: Job, when: datetime | None) -> Ending:
    """An attempt that ran longer than the stage allows."""
    message = "the attempt ran longer than activeDeadlineSeconds allows"
    return Ending("failed", "permanent", Reason.DEADLINE_EXCEEDED, message, started=job.status.start_time, ended=when)


def trouble(pod: Pod) -> Trouble | None:
    """Why a pod that should run does not: image, configuration, no node. None when nothing is wrong."""
    waiting = pod.state.waiting
    if waiting and waiting.reason in _IMAGE_REASONS:
        return Trouble(Reason.IMAGE_PULL_FAILED, _tail(f"{waiting.reason}: {waiting.message}"))
    if waiting and waiting.reason in _CONFIG_REASONS:
        return Trouble(Reason.CONTAINER_CONFIG_ERROR, _tail(f"{waiting.reason}: {waiting.message}"))
    scheduled = pod.condition("PodScheduled")
    if scheduled and scheduled.status == "False":
        return Trouble(Reason.UNSCHEDULABLE, _tail(f"no node takes the pod: {scheduled.message}"))
    return None


def refusal(message: str) -> Trouble:
    """Why the API server would not make an object: something that others, or an administrator, may mend."""
    reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.CREATION_REFUSED
    return Trouble(reason, _tail(f"the API server refuses it: {message}; tried again until it is taken"))


def no_pod(job_name: str, said: str) -> Trouble:
    """Why a Job has no pod, if the Job controller said so; else who knows."""
    if not said:
        return Trouble(Reason.POD_PENDING, f"no pod yet; `kubectl describe job {job_name}` says why")
    reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in said else Reason.POD_PENDING
    return Trouble(reason, _tail(f"no pod yet: {said}"))


def in_vain(jobs: Iterable[Job], pods: Collection[Pod], before: datetime) -> frozenset[str]:
    """The uids of Jobs that have been waiting for a pod since before this moment."""
    waiting = {
        job.metadata.uid
        for job in jobs
        if job.may_work and (job.status.start_time or job.metadata.creation_timestamp or before) < before
    }
    return frozenset(waiting) - {owner.uid for pod in pods if pod.is_live for owner in pod.metadata.owner_references}


def _limit_exceeded(pod: Pod) -> Ending | None:
    """The kubelet evicts a pod that fills its own scratch space; a new pod would only do it again."""
    text = pod.status.message
    if pod.status.reason != "Evicted" or "exceed" not in text:
        return None
    if "local storage" not in text and "EmptyDir" not in text:
        return None
    return Ending("failed", "permanent", Reason.DISK_LIMIT_EXCEEDED, _tail(text))


def _without_container(pod: Pod) -> Ending | None:
    if pod.is_live or pod.is_disrupted:
        return None
    if pod.status.phase == "Succeeded":
        return Ending("succeeded")
    text = _tail(pod.status.message) or "the pod failed before its container ran"
    return Ending("failed", "transient", Reason.POD_LOST, f"{pod.status.reason or 'Failed'}: {text}")


def _was_stopped(pod: Pod, terminated: Terminated) -> bool:
    asked = pod.asked_to_stop_at
    if asked is None:
        return pod.is_disrupted
    return terminated.finished_at is None or terminated.finished_at >= asked


def _termination_words(text: str) -> _Words | None:
    if not text.startswith("{"):
        return None
    try:
        words = _words.decode(text)
        orjson.dumps(words.outputs)
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):  # TypeError: what orjson can't write again
        return None
    return words if words.outcome in {"succeeded", "partial", "failed", "stopped"} else None


def _in_its_own_words(words: _Words) -> Ending:
    outcome: Outcome = words.outcome  # type: ignore[assignment]  # checked by the caller
    error_class: ErrorClass = words.error_class if words.error_class in {"permanent", "throttled"} else "transient"  # type: ignore[assignment]
    return Ending(
        outcome,
        error_class,
        words.reason if _REASON.fullmatch(words.reason) else _default_reason(outcome, error_class),
        _tail(words.message),
        outputs=words.outputs,
        item_error_count=max(0, min(words.item_error_count, MAX_ITEMS)),
    )


def _default_reason(outcome: Outcome, error_class: ErrorClass) -> Reason:
    if outcome == "failed":
        return {
            "permanent": Reason.PERMANENT_ERROR,
            "throttled": Reason.THROTTLED,
            "transient": Reason.TRANSIENT_ERROR,
        }[error_class]
    return {"partial": Reason.PARTIALLY_SUCCEEDED, "stopped": Reason.STOPPING}.get(outcome, Reason.SUCCEEDED)


def _tail(text: str) -> str:
    """The end of a text, printable and bounded: what a program says last is most often why it failed."""
    printable = "".join(char if char.isprintable() else " " for char in text[-4 * MAX_MESSAGE :])
    return " ".join(printable.split())[-MAX_MESSAGE:]
