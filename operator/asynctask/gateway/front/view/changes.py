"""Tells listeners what changed. Each has room for so many changes: one that is slow loses them and is told so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from asynctask.gateway.front.view.rows import KindName, Row

ROOM = 20_000


class Change(msgspec.Struct, frozen=True, gc=False):
    """One object came, became different, or went."""

    kind: KindName
    row: Row | None
    """As it is now; None: it is gone."""
    before: Row | None = None
    """As it was; None: it is new here."""

    @property
    def known(self) -> Row:
        """The newest row that there is of it."""
        row = self.row or self.before
        if row is None:
            raise ValueError("a change of nothing")
        return row


@dataclass(frozen=True)
class Batch:
    """What has come since the last one."""

    changes: tuple[Change, ...]
    is_reset: bool = False
    """Changes were lost: look at everything anew, then go on with these."""


class Listener:
    """One who wants to hear. Nobody waits for it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._changes: deque[Change] = deque()
        self._is_lost = False
        self._come = asyncio.Event()

    def put(self, change: Change) -> None:
        """Take a change in, or all is lost."""
        if len(self._changes) >= self._room:
            self._changes.clear()
            self._is_lost = True
        self._changes.append(change)
        self._come.set()

    async def next(self) -> Batch:
        """Wait for changes, and take all there are."""
        await self._come.wait()
        self._come.clear()
        batch = Batch(tuple(self._changes), self._is_lost)
        self._changes.clear()
        self._is_lost = False
        return batch

    async def __aiter__(self) -> AsyncIterator[Batch]:
        while True:
            yield await self.next()


class Changes:
    """The listeners."""

    def __init__(self) -> None:
        self._listeners: dict[Listener, frozenset[KindName] | None] = {}

    @contextmanager
    def listen(self, *kinds: KindName, room: int = ROOM) -> Iterator[Listener]:
        """Hear of changes of these kinds, of all if none is named, until the end of the block."""
        listener = Listener(room)
        self._listeners[listener] = frozenset(kinds) or None
        try:
            yield listener
        finally:
            del self._listeners[listener]

    def tell(self, change: Change) -> None:
        """Tell all who want to hear."""
        for listener, kinds in self._listeners.items():
            if kinds is None or change.kind in kinds:
                listener.put(change)
