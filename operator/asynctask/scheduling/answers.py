"""What admission says of a task, in the words that its owner may read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from asynctask.adapters.store import Key
from asynctask.api.reasons import Reason
from asynctask.core.admission import texts
from asynctask.core.admission.model import Overlap, Refusal
from asynctask.core.facts import Admission, Displacement

PathOf = Callable[[str], str]
"""A locked path as the users of the share know it."""


def refused(key: Key, refusal: Refusal, path_of: PathOf) -> Admission:
    """The answer to a task that waits. Tasks of other namespaces are none of its owner's business."""
    if refusal.reason is Reason.LOCATION_LOCKED:
        refusal = replace(refusal, resource=path_of(refusal.resource))
    holder = refusal.holder if refusal.holder and refusal.holder[0] == key[0] else None
    return Admission(
        reason=refusal.reason,
        message=texts.describe(refusal, key[0]),
        queue=refusal.queue,
        ahead=refusal.ahead,
        resource=refusal.resource,
        holder=holder[1] if holder else "",
        earliest=datetime.fromtimestamp(refusal.earliest, UTC) if refusal.earliest is not None else None,
    )


def overlapping(key: Key, queue: str, overlap: Overlap, path_of: PathOf) -> Admission:
    """The answer to a task that won't wait for another to leave its storage alone."""
    path = path_of(overlap.path)
    other = f"task {overlap.holder[1]}" if overlap.holder[0] == key[0] else "a task of another namespace"
    return Admission(
        reason=Reason.LOCATION_LOCKED,
        message=f"{other} uses {path}, which this task would use at the same time",
        queue=queue,
        resource=path,
        holder=overlap.holder[1] if overlap.holder[0] == key[0] else "",
        is_overlap=True,
    )


def displaced(key: Key, by: Key, priority: int) -> Displacement:
    """Why a task gives its place back to another."""
    if by[0] == key[0]:
        return Displacement(Reason.DISPLACED, f"task {by[1]} of priority {priority}")
    return Displacement(Reason.DISPLACED, f"a task of priority {priority}")
