"""What happened, worth telling: one value per event, with an id that follows from the facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal


class Kind(StrEnum):
    """What a rule can ask for. `FirstFailure` and `Recovered` are said of an end, beside how it ended."""

    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    INVALID = "Invalid"
    FIRST_FAILURE = "FirstFailure"
    RECOVERED = "Recovered"
    DEADLINE_AT_RISK = "DeadlineAtRisk"
    REVIEW_WANTED = "ReviewWanted"
    REVIEW_EXPIRING = "ReviewExpiring"
    SCHEDULE_STALE = "ScheduleStale"
    MISS_PREDICTED = "MissPredicted"
    SCHEDULE_FRESH = "ScheduleFresh"
    TEST = "Test"


ENDS = frozenset({Kind.SUCCEEDED, Kind.PARTIALLY_SUCCEEDED, Kind.FAILED, Kind.CANCELLED})
GOOD = frozenset({Kind.SUCCEEDED, Kind.PARTIALLY_SUCCEEDED})
"""Ends that count as success in a series: what was done in part was done."""

Topic = Literal["tasks", "reviews", "schedules", "tests"]
"""What may stand in one message: a request to review is not buried among failures."""


def topic(kind: Kind) -> Topic:
    """The topic of a kind."""
    if kind in {Kind.REVIEW_WANTED, Kind.REVIEW_EXPIRING}:
        return "reviews"
    if kind in {Kind.SCHEDULE_STALE, Kind.MISS_PREDICTED, Kind.SCHEDULE_FRESH}:
        return "schedules"
    return "tests" if kind is Kind.TEST else "tasks"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a task, a stage or a schedule.

    The id is made from the facts (uid, run, what, since when), so whoever looks at the same object again finds the same
    event, and storing it twice does nothing.
    """

    id: str
    kind: Kind
    time: datetime
    namespace: str
    subject: str
    """The uid of the task, stage or schedule."""
    name: str
    """The task's name, or the schedule's."""
    turn: Kind | None = None
    """`FirstFailure` or `Recovered`, when the end is one."""
    task_id: str = ""
    task_type: str = ""
    priority: int = 0
    queue: str = ""
    initiator: str = ""
    schedule: str = ""
    series: str = ""
    """What this end continues: the schedule's uid, else the task's."""
    due: datetime | None = None
    """Not to be told before; None: at once."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the texts speak of: message, reason, stage, times, counts."""
    notify: tuple[Mapping[str, Any], ...] = ()
    """The task's own `spec.notify`."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """All that it is."""
        return frozenset({self.kind, self.turn} if self.turn else {self.kind})

    @property
    def headline(self) -> Kind:
        """What it is called: the turn says more than the end."""
        return self.turn or self.kind


@dataclass(frozen=True, slots=True)
class News:
    """What an object says now."""

    events: tuple[Event, ...] = ()
    settled: tuple[str, ...] = ()
    """Ids of events that need not be told any more: a review that is about to expire was decided."""


NOTHING = News()


def turned(kind: Kind, before: Kind | None) -> Kind | None:
    """The turn that an end is, after the one before in its series (None: there was none).

    A series that fails from its very beginning has a first failure too, or nobody who asked for those would hear of it.
    """
    if kind is Kind.FAILED and (before is None or before in GOOD):
        return Kind.FIRST_FAILURE
    return Kind.RECOVERED if kind in GOOD and before is Kind.FAILED else None
