"""What a task that depends on others is told before it begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from asynctask.api.asynctask import Dependency
from asynctask.api.reasons import Reason
from asynctask.api.templates import EndCondition
from asynctask.core.facts import Facts
from asynctask.core.others import BAD_ENDS, End, Other

MEETS: dict[EndCondition, frozenset[End]] = {
    "Succeeded": frozenset({"Succeeded"}),
    "PartiallySucceeded": frozenset({"Succeeded", "PartiallySucceeded"}),
    "Finished": BAD_ENDS | frozenset[End]({"Succeeded", "PartiallySucceeded"}),
}
"""The ends of a run that fulfil a condition."""
NAMED = 3
SHOWN_OF_CIRCLE = 10


@dataclass(frozen=True, slots=True)
class Unmet:
    """Why the task does not begin."""

    reason: Reason
    message: str
    holder: str = ""
    """The task that it waits for, or that failed."""
    is_final: bool = False
    """Whether waiting on won't help: the run ends."""
    due: datetime | None = None
    """When it will have waited too long."""


def unmet(facts: Facts) -> Unmet | None:
    """The first thing that stands in the way. A failure outranks what is still open, which is of no use any more."""
    if facts.dependency_cycle:
        message = f"spec.dependsOn: tasks wait for each other in a circle: {_circle(facts.dependency_cycle)}"
        return Unmet(Reason.CYCLE_IN_DEPENDENCIES, f"{message}; take one of these dependencies away")
    missing, open_ones = list[str](), list[Other]()
    for dependency in facts.task.spec.depends_on:
        other = facts.dependencies.get(dependency.name)
        if other is None:
            missing.append(dependency.name)
        elif not other.is_over:
            open_ones.append(other)
        elif other.end not in MEETS[dependency.condition]:
            return Unmet(Reason.DEPENDENCY_FAILED, _failure(dependency, other), dependency.name, is_final=True)
    if not (missing or open_ones):
        return None
    seconds = facts.task.spec.dependency_timeout_seconds
    due = _asked_for(facts) + timedelta(seconds=seconds) if seconds else None
    if due and due <= facts.now:
        names = _list([*missing, *(other.name for other in open_ones)])
        message = (
            f"spec.dependencyTimeoutSeconds: {names} had not ended {seconds} seconds after this task was asked for"
        )
        return Unmet(Reason.DEADLINE_EXCEEDED, message, is_final=True)
    if missing:
        message = f"spec.dependsOn: there is no {_list(missing)} in this namespace yet"
        return Unmet(Reason.DEPENDENCY_MISSING, message, missing[0], due=due)
    stuck = next((other for other in open_ones if other.is_invalid), None)
    words = f"; {stuck.name} is Invalid: {stuck.words}" if stuck else ""
    message = f"waiting for {_list([other.name for other in open_ones])}{words}"
    return Unmet(Reason.DEPENDENCY_PENDING, message, open_ones[0].name, due=due)


def _failure(dependency: Dependency, other: Other) -> str:
    how = {
        "PartiallySucceeded": f"was done only in part, and spec.dependsOn asks for {dependency.condition}",
        "Cancelled": "was cancelled",
        "Skipped": f"was {other.words}" if other.words else "was skipped",
    }.get(other.end, f"failed: {other.words}" if other.words else "failed")
    return (
        f"task {other.name}, which this one depends on, {how}. Run {other.name} again, then raise spec.run of this one"
    )


def _asked_for(facts: Facts) -> datetime:
    """When the run was asked for: with the task, or when it was first seen that `run` had been raised."""
    task = facts.task
    if task.spec.run == 1:
        return task.metadata.creation_timestamp or facts.now
    summary = task.status.condition("Succeeded") if task.status.run == task.spec.run else None
    return (summary.last_transition_time if summary else None) or facts.now


def _circle(path: tuple[str, ...]) -> str:
    if len(path) > SHOWN_OF_CIRCLE + 2:
        more = len(path) - 1 - SHOWN_OF_CIRCLE
        path = (*path[:SHOWN_OF_CIRCLE], f"… ({more} more)", path[-1])
    return " → ".join(path)


def _list(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"task{'s' if len(found) > 1 else ''} {', '.join(found[:NAMED])}{more}"
