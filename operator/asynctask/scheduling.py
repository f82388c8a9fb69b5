"""Who may run: one pass over the waiting tasks of a queue, most urgent first, whenever a place is free."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from asynctask.adapters.store import Key
from asynctask.api.reasons import Reason
from asynctask.core.facts import Admission

POSITIONS_SECONDS = 1.0

Order = tuple[int, str, Key]
"""Priority, then submit time (RFC 3339, so that text order is time order), then name."""


@dataclass(frozen=True, slots=True)
class Request:
    """A task that wants to run."""

    key: Key
    queue: str
    priority: int
    submitted: str

    @property
    def order(self) -> Order:
        """Smaller goes first."""
        return (self.priority, self.submitted, self.key)


class Scheduler:
    """Keeps no state of its own: who runs is told by the Jobs that there are, who waits asks again after a restart."""

    def __init__(self, max_running: Callable[[str], int | None], wake: Callable[[Key], None] = lambda _: None) -> None:
        self._max_running = max_running
        self._wake = wake
        self._holders: dict[Key, str] = {}
        self._running: dict[str, int] = {}
        self._waiting: dict[str, dict[Key, Request]] = {}
        self._heaps: dict[str, list[Order]] = {}
        self._positions: dict[str, tuple[float, dict[Key, int]]] = {}
        self._unseen: dict[str, set[Key]] = {}

    def is_admitted(self, key: Key) -> bool:
        """Whether the task holds a place."""
        return key in self._holders

    def hold(self, key: Key, queue: str) -> None:
        """The task runs, whoever admitted it: count it."""
        self._withdraw(key)
        if key not in self._holders:
            self._holders[key] = queue
            self._running[queue] = self._running.get(queue, 0) + 1

    def ask(self, request: Request) -> Admission:
        """A place, if one is free and nobody more urgent waits for it; else why not."""
        if request.key in self._holders:
            return Admission(admitted=True)
        self._enter(request)
        for key in self.admit(request.queue):
            if key != request.key:
                self._wake(key)
        return Admission(admitted=True) if request.key in self._holders else self._refusal(request)

    def recall(self, request: Request) -> None:
        """The task waited before a start, and will ask again when it is looked at: it keeps its turn until then."""
        if request.key not in self._holders:
            self._enter(request)

    def expect(self, tasks: Iterable[tuple[Key, str]]) -> None:
        """These may ask soon: a queue with a limit admits nobody before all of its own have been `seen` once.

        After a start tasks are looked at in no order; else the first to ask would go before the most urgent.
        """
        for key, queue in tasks:
            self._unseen.setdefault(queue, set()).add(key)

    def seen(self, key: Key) -> list[Key]:
        """The task has been looked at; returns tasks that now hold a place."""
        admitted: list[Key] = []
        for queue, expected in list(self._unseen.items()):
            expected.discard(key)
            if not expected:
                del self._unseen[queue]
                admitted += self.admit(queue)
        return admitted

    def release(self, key: Key) -> list[Key]:
        """The task runs no more and waits no more; returns tasks that now hold a place and should be looked at."""
        self._withdraw(key)
        queue = self._holders.pop(key, None)
        if queue is None:
            return []
        self._running[queue] -= 1
        return self.admit(queue)

    def admit(self, queue: str) -> list[Key]:
        """Fill the free places of a queue with the most urgent that wait; returns them."""
        admitted: list[Key] = []
        if queue in self._unseen and self._max_running(queue) is not None:
            return admitted
        while self._free(queue) > 0 and (key := self._head(queue)):
            self.hold(key, queue)
            admitted.append(key)
        return admitted

    def admit_all(self, queues: Iterable[str] | None = None) -> list[Key]:
        """The same for all queues: after a limit changed."""
        return [key for queue in list(queues or self._waiting) for key in self.admit(queue)]

    def running(self, queue: str) -> int:
        """Tasks that hold a place."""
        return self._running.get(queue, 0)

    def waiting(self, queue: str) -> int:
        """Tasks that wait for one."""
        return len(self._waiting.get(queue, ()))

    def queues(self) -> set[str]:
        """The queues that anything runs or waits in."""
        return {queue for queue, count in self._running.items() if count} | {q for q, w in self._waiting.items() if w}

    def _free(self, queue: str) -> float:
        limit = self._max_running(queue)
        return float("inf") if limit is None else limit - self.running(queue)

    def _head(self, queue: str) -> Key | None:
        heap, waiting = self._heaps.get(queue, []), self._waiting.get(queue, {})
        while heap:
            request = waiting.get(heap[0][2])
            if request is not None and request.order == heap[0]:
                return request.key
            heapq.heappop(heap)
        return None

    def _enter(self, request: Request) -> None:
        waiting = self._waiting.setdefault(request.queue, {})
        if waiting.get(request.key) != request:
            self._withdraw(request.key)
            waiting[request.key] = request
            heapq.heappush(self._heaps.setdefault(request.queue, []), request.order)

    def _withdraw(self, key: Key) -> None:
        for waiting in self._waiting.values():
            waiting.pop(key, None)

    def _refusal(self, request: Request) -> Admission:
        limit = self._max_running(request.queue)
        position = self._position(request)
        message = (
            f"waiting in queue {request.queue}: {self.running(request.queue)} of {limit} run, {position} ahead of it"
            " when this was written"
        )
        return Admission(reason=Reason.QUEUE_FULL, message=message)

    def _position(self, request: Request) -> int:
        """How many wait ahead. Reckoned at most once a second for a whole queue."""
        when, positions = self._positions.get(request.queue, (float("-inf"), {}))
        if monotonic() - when > POSITIONS_SECONDS:
            ordered = sorted(item.order for item in self._waiting.get(request.queue, {}).values())
            positions = {order[2]: index for index, order in enumerate(ordered)}
            self._positions[request.queue] = (monotonic(), positions)
        return positions.get(request.key, len(positions))
