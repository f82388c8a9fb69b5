"""What a list of tasks is asked for, and where a page of it ends: the same for the cluster and for the archive.

Newest first, by submit time; tasks of one moment by their uid, also downwards. So the place in the list is a key that
never moves, whatever is added or ends meanwhile, and a page begins where the one before it ended.
"""

import base64
import binascii
import hashlib
import heapq
import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from asynctask.core.statuses import TaskStatus

R = TypeVar("R")

Place = tuple[int, str]
"""Submit time in microseconds since the epoch, and uid."""


class Traits(Protocol):
    """All of a task that a filter looks at."""

    @property
    def namespace(self) -> str:
        """Its namespace."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def type(self) -> str:
        """Its TaskType; empty with stages of its own."""

    @property
    def status(self) -> TaskStatus:
        """Its state."""

    @property
    def priority(self) -> int:
        """The priority in force."""

    @property
    def queue(self) -> str:
        """Its TaskQueue."""

    @property
    def owner(self) -> str:
        """Who submitted it."""

    @property
    def submitted(self) -> int:
        """When, in microseconds since the epoch."""

    @property
    def schedule(self) -> str:
        """The TaskSchedule that made it."""

    @property
    def message(self) -> str:
        """Its state in a sentence."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks are wanted; what is empty asks for nothing."""

    namespaces: frozenset[str] | None = None
    """None: all. Empty: the list is empty."""
    types: frozenset[str] = frozenset()
    statuses: frozenset[TaskStatus] = frozenset()
    priorities: frozenset[int] = frozenset()
    queues: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    schedules: frozenset[str] = frozenset()
    since: int | None = None
    """Submitted at or after this, in microseconds since the epoch."""
    until: int | None = None
    """Submitted before this."""
    text: str = ""
    """Part of the name, the type or the message, in any case."""
    hidden_types: frozenset[str] = frozenset()
    """Types that are left out unless they are asked for by name."""

    def takes(self, task: Traits) -> bool:
        """Whether the task is one of them."""
        return all(check(task) for check in self.checks())

    def checks(self) -> tuple[Callable[[Traits], bool], ...]:
        """What is asked for, each by itself, so that a filter that asks for little costs little."""
        text, since, until, hidden = self.text.casefold(), self.since, self.until, self.hidden_types
        namespaces, types, statuses, priorities = self.namespaces, self.types, self.statuses, self.priorities
        queues, owners, schedules = self.queues, self.owners, self.schedules
        asked: list[Callable[[Traits], bool]] = []
        if namespaces is not None:
            asked.append(lambda task: task.namespace in namespaces)
        if types:
            asked.append(lambda task: task.type in types)
        elif hidden:
            asked.append(lambda task: task.type not in hidden)
        if statuses:
            asked.append(lambda task: task.status in statuses)
        if priorities:
            asked.append(lambda task: task.priority in priorities)
        if queues:
            asked.append(lambda task: task.queue in queues)
        if owners:
            asked.append(lambda task: task.owner in owners)
        if schedules:
            asked.append(lambda task: task.schedule in schedules)
        if since is not None:
            asked.append(lambda task: task.submitted >= since)
        if until is not None:
            asked.append(lambda task: task.submitted < until)
        if text:
            asked.append(lambda task: text in f"{task.name}\n{task.type}\n{task.message}".casefold())
        return tuple(asked)

    @property
    def digest(self) -> bytes:
        """What marks the cursors of this list: those of another list are refused, for they would skip rows."""
        asked = (
            *(sorted(part) for part in (self.types, self.statuses, self.priorities, self.queues, self.owners)),
            sorted(self.schedules),
            self.since,
            self.until,
            self.text,
        )
        return hashlib.sha256(repr(asked).encode()).digest()


class BrokenCursor(ValueError):
    """Not a cursor of this list."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: right after this place."""

    place: Place
    is_live_only: bool = False
    """The list was begun while the archive was away: its next pages show the cluster alone too."""

    def encoded(self, digest: bytes) -> str:
        """An opaque text."""
        submitted, uid = self.place
        body = _BODY.pack(_VERSION, self.is_live_only, submitted, uuid.UUID(uid).bytes)
        return base64.urlsafe_b64encode(body + _mark(body, digest)).rstrip(b"=").decode()


_VERSION = 1
_BODY = struct.Struct(">B?q16s")
_MARK_BYTES = 6


def _mark(body: bytes, digest: bytes) -> bytes:
    return hashlib.sha256(body + digest).digest()[:_MARK_BYTES]


def decoded(text: str, digest: bytes) -> Cursor:
    """The cursor that a text stands for. Raises BrokenCursor."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenCursor(text[:64]) from error
    if len(raw) != _BODY.size + _MARK_BYTES:
        raise BrokenCursor(text[:64])
    body, mark = raw[: _BODY.size], raw[_BODY.size :]
    if mark != _mark(body, digest):
        raise BrokenCursor(text[:64])
    version, is_live_only, submitted, uid = _BODY.unpack(body)
    if version != _VERSION:
        raise BrokenCursor(text[:64])
    return Cursor((submitted, str(uuid.UUID(bytes=uid))), is_live_only)


def merged(live: Sequence[R], archived: Sequence[R], place: Callable[[R], Place], limit: int) -> list[R]:
    """The first `limit` of two lists, each newest first, as one. A task that is in both is the live one.

    Right as long as each list holds its first `limit` rows, and `live` was read before `archived`: a task that left the
    cluster in between is then in both, and never in neither.
    """
    found: list[R] = []
    last: Place | None = None
    for row in heapq.merge(live, archived, key=place, reverse=True):  # stable: of equals, the live one comes first
        if len(found) == limit:
            break
        here = place(row)
        if here != last:
            found.append(row)
            last = here
    return found


def first(rows: Iterable[R], place: Callable[[R], Place], limit: int, after: Place | None = None) -> list[R]:
    """The newest `limit` of rows in any order, after a place."""
    wanted = rows if after is None else (row for row in rows if place(row) < after)
    return heapq.nlargest(limit, wanted, key=place)
