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
from typing import TypeVar

from asynctask.core.statuses import TaskStatus

R = TypeVar("R")

Place = tuple[int, str]
"""Submit time in microseconds since the epoch, and uid."""


@dataclass(frozen=True, slots=True)
class Traits:
    """All of a task that a filter looks at."""

    namespace: str
    name: str
    type: str
    status: TaskStatus
    priority: int
    queue: str
    owner: str
    submitted: int
    """Microseconds since the epoch."""
    schedule: str = ""


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
    """Part of the name, in any case."""
    hidden_types: frozenset[str] = frozenset()
    """Types that are left out unless they are asked for by name."""

    def takes(self, task: Traits) -> bool:
        """Whether the task is one of them."""
        return (
            (self.namespaces is None or task.namespace in self.namespaces)
            and (task.type in self.types if self.types else task.type not in self.hidden_types)
            and (not self.statuses or task.status in self.statuses)
            and (not self.priorities or task.priority in self.priorities)
            and (not self.queues or task.queue in self.queues)
            and (not self.owners or task.owner in self.owners)
            and (not self.schedules or task.schedule in self.schedules)
            and (self.since is None or task.submitted >= self.since)
            and (self.until is None or task.submitted < self.until)
            and (not self.text or self.text.casefold() in task.name.casefold())
        )

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
