"""The state of a task as applications know it: one word for each phase, the same in HTTP answers and in SQL."""

from collections.abc import Iterable
from enum import StrEnum

from asynctask.api.status import Phase


class TaskStatus(StrEnum):
    """Words that applications match on; none is ever renamed."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    INVALID = "invalid"


_WORDS = {
    Phase.PENDING: TaskStatus.QUEUED,
    Phase.QUEUED: TaskStatus.QUEUED,
    Phase.STARTING: TaskStatus.RUNNING,
    Phase.RUNNING: TaskStatus.RUNNING,
    Phase.WAITING: TaskStatus.RUNNING,
    Phase.BACKING_OFF: TaskStatus.RUNNING,
    Phase.STOPPING: TaskStatus.RUNNING,
    Phase.PAUSED: TaskStatus.PAUSED,
    Phase.SUCCEEDED: TaskStatus.COMPLETED,
    Phase.PARTIAL: TaskStatus.PARTIALLY_COMPLETED,
    Phase.SKIPPED: TaskStatus.SKIPPED,
    Phase.FAILED: TaskStatus.FAILED,
    Phase.CANCELLED: TaskStatus.CANCELLED,
    Phase.INVALID: TaskStatus.INVALID,
}

ENDED = frozenset(
    {
        TaskStatus.COMPLETED, TaskStatus.PARTIALLY_COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED,
        TaskStatus.SKIPPED,
    }
)  # fmt: skip
"""What nothing but a new run leaves."""


def of(phase: str | None) -> TaskStatus:
    """The word for a phase. One that this version does not know, and none at all, count as queued."""
    try:
        return _WORDS[Phase(phase or Phase.PENDING)]
    except ValueError:
        return TaskStatus.QUEUED


def phases(words: Iterable[TaskStatus]) -> frozenset[Phase]:
    """The phases that any of these words stands for."""
    wanted = frozenset(words)
    return frozenset(phase for phase, word in _WORDS.items() if word in wanted)
