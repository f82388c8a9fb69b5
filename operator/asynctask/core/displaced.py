"""Tasks that had to give their place back: how it is remembered, and how it is told.

The victim's Jobs say so in annotations, set in the same write that suspends them: whoever looks next, after whatever
crash, finds both or neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from asynctask.api import names
from asynctask.api.reasons import Reason
from asynctask.core.facts import Displacement, Facts
from asynctask.core.observed import Job
from asynctask.core.times import stamp


@dataclass(frozen=True, slots=True)
class Displaced:
    """A task was pushed out and waits for its next turn."""

    reason: Reason
    by: str
    time: datetime | None

    def __str__(self) -> str:
        return f"pushed out at {stamp(self.time)} by {self.by}; it goes on from its checkpoint"


def marks(facts: Facts) -> Mapping[str, str | None]:
    """The annotations of a Job that is suspended for somebody else's sake."""
    why = facts.admission.displacement
    if why is None:
        return {}
    return {
        names.ANNOTATION_DISPLACED_BY: f"{why.reason}|{why.by}"[:300],
        names.ANNOTATION_DISPLACED_TIME: stamp(facts.now),
    }


def no_marks(job: Job) -> Mapping[str, str | None]:
    """What takes them away again when the Job goes on; when it was stays, for the queue's budget."""
    return {names.ANNOTATION_DISPLACED_BY: None} if job.metadata.annotations.displaced_by else {}


def leaves(facts: Facts) -> Displacement | None:
    """Why the run gives its place up, while a pod of it saves its checkpoint: known after a restart, too."""
    is_stopping = any(pod.is_live for pod in facts.pods) and not any(job.may_work for job in facts.jobs.values())
    pushed = of(facts.jobs.values(), facts.task.spec.run) if is_stopping else None
    return Displacement(pushed.reason, pushed.by) if pushed else None


def of(jobs: Iterable[Job], run: int) -> Displaced | None:
    """What pushed the run out, if it waits for that reason."""
    found = [
        job
        for job in jobs
        if job.metadata.run == run and job.spec.suspend and not job.is_over and job.metadata.annotations.displaced_by
    ]
    if not found:
        return None
    notes = found[0].metadata.annotations
    reason, _, by = notes.displaced_by.partition("|")
    known = reason in Reason._value2member_map_
    return Displaced(Reason(reason) if known else Reason.DISPLACED, by, notes.displaced_time)
