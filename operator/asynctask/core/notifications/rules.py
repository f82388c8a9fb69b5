"""Which events are told to whom, and by which channels: rules of administrators, subscriptions, a task's own wishes."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from asynctask.api.base import Model, Priority, ShortText
from asynctask.api.notification import CHANNEL, MAIL, PHONE, Recipient, TaskNotification
from asynctask.core.notifications.events import Event, Kind

ChannelName = Annotated[str, Field(min_length=1, max_length=63, pattern=f"^{CHANNEL}$")]
Language = Literal["en", "zh"]
Names = Annotated[tuple[ShortText, ...], Field(max_length=100)]


class Match(Model):
    """Which events. Every field that is given must fit; one that is absent fits all."""

    events: Annotated[tuple[Kind, ...], Field(max_length=16)] = ()
    """Kinds of events."""
    namespaces: Names = ()
    """Namespaces."""
    types: Names = ()
    """TaskTypes."""
    queues: Names = ()
    """TaskQueues."""
    priorities: Annotated[tuple[Priority, ...], Field(max_length=5)] = ()
    """Priorities, 1 to 5."""
    initiators: Names = ()
    """Who submitted the task."""
    schedules: Names = ()
    """TaskSchedules."""

    def fits(self, event: Event) -> bool:
        """Whether the event is one of these."""
        return (not self.events or not event.kinds.isdisjoint(self.events)) and all(
            not wanted or value in wanted
            for wanted, value in (
                (self.namespaces, event.namespace),
                (self.types, event.task_type),
                (self.queues, event.queue),
                (self.priorities, event.priority),
                (self.initiators, event.initiator),
                (self.schedules, event.schedule),
            )
        )


class Wish(Model):
    """Which events somebody wants to be told of, and how."""

    match: Match = Match()
    """Which events."""
    channels: Annotated[tuple[ChannelName, ...], Field(max_length=20)] = ()
    """Channels by which people are reached, besides their inbox. Absent: those that are on by default, such as mail."""
    language: Language | None = None
    """The language; absent: the recipient's own."""
    group_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """What happens within this time is told in one message. 0: each at once."""
    max_per_hour: Annotated[int, Field(ge=1, le=1000)] = 30
    """Most messages an hour to one recipient and channel; what is more waits and is told together."""
    enabled: bool = True
    """Whether it counts."""


class Rule(Wish):
    """Who is told of which events."""

    to: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=50)]
    """To whom."""


# Without any rule written, those who must act are told: whoever began it, whoever decides, whoever looks after it all.
BUILT_IN: Mapping[str, Rule] = {
    "initiator": Rule(
        match=Match(
            events=(
                Kind.PARTIALLY_SUCCEEDED,
                Kind.FAILED,
                Kind.INVALID,
                Kind.RECOVERED,
                Kind.DEADLINE_AT_RISK,
            )
        ),
        to=("initiator",),
    ),
    "reviewers": Rule(
        match=Match(events=(Kind.REVIEW_WANTED, Kind.REVIEW_EXPIRING)), to=("reviewers",), group_seconds=0
    ),
    "administrators": Rule(
        match=Match(
            events=(
                Kind.FIRST_FAILURE,
                Kind.RECOVERED,
                Kind.SCHEDULE_STALE,
                Kind.MISS_PREDICTED,
                Kind.SCHEDULE_FRESH,
            )
        ),
        to=("administrators",),
        group_seconds=300,
    ),
}


def of_event(event: Event) -> Iterable[tuple[str, Rule]]:
    """The task's own rules, by name. One that can't be read counts for nothing: the API server has checked it."""
    for number, wish in enumerate(event.notify):
        if (rule := _own(wish)) is not None and rule.match.fits(event):
            yield f"task/{number}", rule


def _own(wish: Mapping[str, Any]) -> Rule | None:
    try:
        wished = TaskNotification.model_validate(wish)
    except ValidationError:
        return None
    return Rule(match=Match(events=tuple(Kind(kind) for kind in wished.on)), to=wished.to)


def is_mail(text: str) -> bool:
    """Whether a text is one plain mail address: nothing that could become a second one or a header."""
    return re.fullmatch(MAIL, text) is not None


def is_phone(text: str) -> bool:
    """Whether a text is a telephone number, without spaces."""
    return re.fullmatch(PHONE, text) is not None


__all__ = ["BUILT_IN", "Match", "Recipient", "Rule", "TaskNotification", "is_mail", "is_phone", "of_event"]
