"""Why a task waits, as its status tells it: once for each thing that it waits for, whatever moves meanwhile."""

from dataclasses import replace
from typing import Any

from asynctask.api.asynctask import Waiting
from asynctask.api.reasons import Reason
from asynctask.core import displaced
from asynctask.core.facts import Admission, Facts
from asynctask.core.times import stamp

TURN = frozenset(
    {
        Reason.QUEUED, Reason.QUEUE_FULL, Reason.NAMESPACE_LIMIT_REACHED, Reason.TYPE_LIMIT_REACHED,
        Reason.QUEUE_QUOTA_EXCEEDED, Reason.START_RATE_LIMITED, Reason.ROOM_RESERVED, Reason.ENDPOINT_BUSY,
        Reason.BANDWIDTH_UNAVAILABLE,
    }
)  # fmt: skip
"""Reasons of a queue that moves on its own: which of them is first in the way changes with every task that ends, and a
queue of thousands can't tell each of them each time."""


def is_news(told: str, now: str) -> bool:
    """Whether a task that was told one reason should be told another."""
    return told != now and not (told in TURN and now in TURN and told != Reason.QUEUED)


def steady(facts: Facts) -> Admission:
    """The queue's answer, in the words that the task has been told already if they are still true in kind."""
    answer, told = facts.admission, _told(facts)
    if answer.admitted or answer.displacement:
        return answer
    if pushed := displaced.of(facts.jobs.values(), facts.task.spec.run):
        reason = pushed.reason if pushed.reason is Reason.DISPLACED else answer.reason
        answer = replace(answer, reason=reason, message=f"{pushed}; {answer.message}".rstrip("; "))
    if told is None or told.queue != answer.queue or is_news(told.reason, answer.reason):
        return answer
    return replace(
        answer,
        reason=told.reason,
        message=told.message,
        ahead=told.ahead,
        resource=told.resource,
        holder=told.holder,
        earliest=told.earliest_start_time,
    )


def with_kueue(reason: str, message: str, queue: str) -> Admission:
    """The answer to a task that our queue has let through and that waits for Kueue's."""
    return Admission(reason=reason, message=message, queue=queue, resource="Kueue")


def status(facts: Facts, answer: Admission) -> dict[str, Any]:
    """`status.waiting` of a task that waits in its queue."""
    told = _told(facts)
    pushed = displaced.of(facts.jobs.values(), facts.task.spec.run)
    body = {
        "reason": str(answer.reason),
        "message": answer.message[:1024],
        "queue": answer.queue,
        "ahead": answer.ahead,
        "resource": answer.resource[:256],
        "holder": answer.holder[:256],
        "since": stamp(told.since if told and told.since else facts.now),
        "earliestStartTime": stamp(answer.earliest),
        "displacedBy": pushed.by[:256] if pushed else "",
        "displacedTime": stamp(pushed.time) if pushed else None,
    }
    return {key: value for key, value in body.items() if value not in (None, "")}


def for_another(facts: Facts, reason: Reason, message: str, holder: str) -> dict[str, Any]:
    """`status.waiting` of a task that waits for another task to end."""
    told = _told(facts)
    since = told.since if told and told.since and told.reason == reason else facts.now
    return {
        "reason": str(reason),
        "message": message[:1024],
        "resource": holder,
        "holder": holder,
        "since": stamp(since),
    }


def _told(facts: Facts) -> Waiting | None:
    status = facts.task.status
    return status.waiting if status.run == facts.task.spec.run else None
