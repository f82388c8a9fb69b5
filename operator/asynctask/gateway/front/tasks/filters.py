"""What a list of tasks may be asked for, as its query says it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from asynctask.api.base import LabelName, ObjectName, Priority
from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import Filter
from asynctask.gateway.front.fields import FieldProblem
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.tasks.rows import micros

HIDDEN_TYPES = frozenset({"location-look"})
"""Types of tasks that the API starts on its own account: lists show them only when they are asked for."""
MAX_LIMIT = 500
MAX_WIDE_LIMIT = 100
"""Rows of a page that hold whole parts of their tasks."""

Field_ = Literal[
    "taskId", "namespace", "name", "type", "status", "phase", "priority", "queue", "owner", "submitTime", "startTime",
    "completionTime", "run", "stage", "percent", "message", "waiting", "schedule", "itemErrorCount", "archived",
    "config", "stages", "progress", "waitingFor", "conditions", "runs", "labels", "display",
]  # fmt: skip
WIDE = frozenset({"config", "stages", "progress", "waitingFor", "conditions", "runs", "labels", "display"})
"""Fields that are shown only when they are asked for."""


def split(value: Any) -> Any:
    """`a,b` and repeated fields mean the same."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        return given
    return tuple(part for item in given for part in (item.split(",") if isinstance(item, str) else [item]))


Split = BeforeValidator(split)
Word = Annotated[TaskStatus, Field(strict=False)]
"""Also in a body, where types are taken strictly and a text is no member of an enumeration."""
Words = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Split, Field(max_length=50)]


class TaskFilter(Camel):
    """Which tasks. What is left out asks for nothing; a field that is given more than once takes any of its values."""

    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()
    """Namespaces."""
    type: Annotated[tuple[ObjectName, ...], Split, Field(max_length=50)] = ()
    """Task types."""
    status: Annotated[tuple[Word, ...], Split, Field(max_length=20)] = ()
    """States."""
    priority: Annotated[tuple[Priority, ...], Split, Field(max_length=5)] = ()
    """Priorities."""
    queue: Annotated[tuple[LabelName, ...], Split, Field(max_length=50)] = ()
    """Queues."""
    owner: Words = ()
    """Who submitted them."""
    schedule: Words = ()
    """Schedules that made them."""
    submitted_since: datetime | None = None
    """Submitted at this time or later."""
    submitted_until: datetime | None = None
    """Submitted before this time."""
    text: Annotated[str, Field(max_length=100)] = ""
    """Part of the name, the type or the message."""

    @model_validator(mode="after")
    def _times_have_zones(self) -> "TaskFilter":
        for time in (self.submitted_since, self.submitted_until):
            if time is not None and (time.tzinfo is None or not 1970 <= time.year < 9000):
                raise FieldProblem("InvalidTime")
        return self

    def within(self, allowed: frozenset[str] | None) -> Filter:
        """The filter, kept to the namespaces that the caller may list."""
        asked = frozenset(self.namespace) or None
        namespaces = allowed if asked is None else asked if allowed is None else asked & allowed
        return Filter(
            namespaces=namespaces,
            types=frozenset(self.type),
            statuses=frozenset(self.status),
            priorities=frozenset(self.priority),
            queues=frozenset(self.queue),
            owners=frozenset(self.owner),
            schedules=frozenset(self.schedule),
            since=None if self.submitted_since is None else micros(self.submitted_since),
            until=None if self.submitted_until is None else micros(self.submitted_until),
            text=self.text,
            hidden_types=HIDDEN_TYPES,
        )


class TaskQuery(TaskFilter):
    """A page of the list of tasks, newest first."""

    fields: Annotated[tuple[Field_, ...], Split, Field(max_length=40)] = ()
    """The fields of each row; absent: all that are narrow."""
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    """Rows of a page at most; with wide fields no more than 100."""
    cursor: Annotated[str, Field(max_length=200)] = ""
    """Where the page begins: `nextCursor` of the page before."""

    @property
    def wide(self) -> frozenset[str]:
        """The wide fields that are asked for."""
        return WIDE.intersection(self.fields)
