"""What waits to be written, in bounded memory however long the database is away.

Each object waits once, as its newest state. `HELD_BYTES` of states are held at most. Those of objects that are still in
the cluster are let go first, and read again when their turn comes; what has left the cluster can't be, and goes last.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from asynctask.gateway.archiver.objects import Object

HELD_BYTES = 24 << 20


@dataclass(slots=True)
class Waiting:
    """One object that waits."""

    kind: str
    """`tasks` or `stages`."""
    uid: str
    namespace: str
    name: str
    state: Object | None = None
    """None: to be read again, or if it is gone, lost but for what was written before."""
    gone_time: int | None = None
    digest: int = 0

    @property
    def size(self) -> int:
        return self.state.size if self.state else 0


class Pending:
    """The queue of what waits, oldest first."""

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._most = held_bytes
        self._held = 0
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._some = asyncio.Event()
        self.let_go = 0
        """States of objects that are gone which had to be let go."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, uid: object) -> bool:
        return uid in self._waiting

    def put(self, new: Waiting) -> None:
        """A newer state of an object."""
        old = self._waiting.get(new.uid)
        if old:
            self._held -= old.size
            new.state = new.state or old.state
            new.gone_time = new.gone_time or old.gone_time
        self._waiting[new.uid] = new
        self._held += new.size
        if self._held > self._most:
            self._lighten()
        self._some.set()

    def put_back(self, batch: list[Waiting]) -> None:
        """A batch could not be written: it comes first again, unless newer states came meanwhile."""
        for old in reversed(batch):
            new = self._waiting.get(old.uid)
            if new is None:
                self._waiting[old.uid] = old
                self._held += old.size
            elif new.state is None and old.state:
                new.state = old.state
                self._held += new.size
            self._waiting.move_to_end(old.uid, last=False)
        if self._held > self._most:
            self._lighten()
        self._some.set()

    def take(self, most: int) -> list[Waiting]:
        """The oldest, out of the queue."""
        batch: list[Waiting] = []
        while self._waiting and len(batch) < most:
            _, item = self._waiting.popitem(last=False)
            self._held -= item.size
            batch.append(item)
        if not self._waiting:
            self._some.clear()
        return batch

    async def some(self) -> None:
        """Return once something waits."""
        await self._some.wait()

    def _lighten(self) -> None:
        """Let states go, newest first, until three quarters are left: those that can be read again, then the others."""
        for can_be_lost in (False, True):
            for item in reversed(self._waiting.values()):
                if self._held <= self._most * 3 // 4:
                    return
                if item.state is None or (item.gone_time is not None) != can_be_lost:
                    continue
                self._held -= item.size
                item.state = None
                self.let_go += can_be_lost
