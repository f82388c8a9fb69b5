"""Who waits for a lock, and for whom: nobody is asked again before the one that stood in the way has gone.

A writer must not starve behind readers that overlap each other for ever. So who has waited for a lock longer than
`head_of_line_seconds` wants it for good: whoever comes later and isn't more urgent waits for them, too. Waits of this
kind only point from later wants to earlier ones, so they never form a circle.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from asynctask.core.admission.model import Key, Task
from asynctask.core.overlap import Location, Locks


class Wait(NamedTuple):
    """A task stands aside until the holder has gone."""

    holder: Key
    location: Location


class LockWaits:
    """Locks held, locks wanted, and who waits for whom."""

    def __init__(self) -> None:
        self.held = Locks()
        self._wanted = Locks()
        self._wants: dict[Key, int] = {}
        self._count = 0
        self._waits: dict[Key, Wait] = {}
        self._behind: dict[Key, dict[Key, None]] = {}
        self._since: dict[Key, float] = {}
        self._patience: list[tuple[float, Key]] = []

    def wait(self, key: Key) -> Wait | None:
        """What the task waits for."""
        return self._waits.get(key)

    def holder(self, task: Task) -> Wait | None:
        """Who runs and holds what the task needs."""
        for owner, location in self.held.conflicts(task.locations):
            if owner != task.key:
                return Wait(owner, location)  # type: ignore[arg-type]  # owners are keys of tasks
        return None

    def claimant(self, task: Task, goes_first: Callable[[Key], bool]) -> Wait | None:
        """Who waits, wants what the task needs, and goes first."""
        own = self._wants.get(task.key, self._count + 1)
        for owner, location in self._wanted.conflicts(task.locations):
            if owner != task.key and self._wants[owner] < own and goes_first(owner):  # type: ignore[index,arg-type]
                return Wait(owner, location)  # type: ignore[arg-type]
        return None

    def park(self, task: Task, wait: Wait, now: float, patience: float) -> None:
        """The task waits for somebody."""
        self._waits[task.key] = wait
        self._behind.setdefault(wait.holder, {})[task.key] = None
        since = self._since.setdefault(task.key, now)
        if task.key not in self._wants:
            heappush(self._patience, (since + patience, task.key))

    def impatient(self, now: float) -> Iterator[Key]:
        """Who has waited long enough to want the lock for good: call `want` for them."""
        while self._patience and self._patience[0][0] <= now:
            key = heappop(self._patience)[1]
            if key in self._waits and key not in self._wants:
                yield key

    def want(self, task: Task) -> None:
        """The task wants its locks for good: who comes later waits for it."""
        if task.locations and task.key not in self._wants:
            self._count += 1
            self._wants[task.key] = self._count
            self._wanted.hold(task.key, task.locations)

    def wanting(self) -> list[Key]:
        """Who wants locks for good."""
        return list(self._wants)

    def unpark_behind(self, holder: Key) -> list[Key]:
        """Nobody waits for this one any more; returns who did."""
        behind = list(self._behind.pop(holder, ()))
        for key in behind:
            del self._waits[key]
        return behind

    def forget(self, key: Key) -> None:
        """The task waits no more (others may still wait for it)."""
        wait = self._waits.pop(key, None)
        if wait is not None:
            behind = self._behind[wait.holder]
            del behind[key]
            if not behind:
                del self._behind[wait.holder]
        self._since.pop(key, None)
        if self._wants.pop(key, None) is not None:
            self._wanted.release(key)
