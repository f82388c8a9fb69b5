"""Everything that is known between passes."""

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

from asynctask.core.admission.ageing import waiting_class
from asynctask.core.admission.ledger import NOTHING, Ledger, Limits, Pool
from asynctask.core.admission.lines import Line
from asynctask.core.admission.lockwaits import LockWaits
from asynctask.core.admission.model import Gate, Key, Running, Task, Usage
from asynctask.core.admission.rates import StartRate

HOUR = 3600.0


@dataclass(slots=True)
class Stuck:
    """A task that was first in line for a pool and did not fit."""

    since: float
    pools: set[Pool] = field(default_factory=set)


class Book:
    """The running and the waiting, with sums and indexes over them. `state` writes in it, a pass reads and admits."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.gates: dict[str, Gate] = {}
        self.rates: dict[str, StartRate] = {}
        self.lines: dict[str, Line] = {}
        self.queue_of: dict[Key, str] = {}
        """Of those that wait."""
        self.running: dict[Key, Running] = {}
        self.members: dict[str, dict[Key, None]] = {}
        """The running, by queue."""
        self.taken = Ledger()
        self.kept = Ledger()
        """What the last pass kept free."""
        self.locks = LockWaits()
        self.fresh: dict[Key, None] = {}
        """They wait and would not wait for a lock, and have not been asked yet."""
        self.stuck: dict[str, dict[Key, Stuck]] = {}
        """By queue."""
        self.claims: dict[str, dict[Key, tuple[Key, ...]]] = {}
        """By queue: for whom room is being made, and who makes it."""
        self.leaving: dict[Key, Key] = {}
        """Who makes room, and for whom."""
        self.displacements: dict[str, deque[float]] = {}
        """By queue: when tasks were displaced, within the last hour."""

    def waiting(self, key: Key) -> Task | None:
        """The task, if it waits."""
        queue = self.queue_of.get(key)
        return self.lines[queue].tasks[key] if queue is not None else None

    def urgency(self, task: Task, now: float) -> int:
        """The class of a task that waits."""
        return waiting_class(task, now, self.limits.queue(task.queue).promote_after_seconds)

    def share(self, queue: str, namespace: str) -> float:
        """What a namespace runs, by its weight."""
        count = self.taken.by_namespace.get((queue, namespace), 0)
        return count / self.limits.queue(queue).weights.get(namespace, 1) if count else 0.0

    def running_by_namespace(self, queue: str) -> dict[str, int]:
        """Tasks of the queue that run."""
        return {namespace: count for (name, namespace), count in self.taken.by_namespace.items() if name == queue}

    def enqueue(self, task: Task) -> None:
        """The task waits."""
        self.queue_of[task.key] = task.queue
        self.lines.setdefault(task.queue, Line()).add(task)
        if task.overlap_policy != "Wait" and task.locations:
            self.fresh[task.key] = None

    def dequeue(self, key: Key) -> Task | None:
        """The task waits no more."""
        queue = self.queue_of.pop(key, None)
        if queue is None:
            return None
        line = self.lines[queue]
        task = line.tasks[key]
        line.remove(key)
        if not line.tasks:
            del self.lines[queue]
        self.fresh.pop(key, None)
        self.locks.forget(key)
        self.stuck.get(queue, {}).pop(key, None)
        self.drop_claim(queue, key)
        return task

    def hold(self, running: Running) -> None:
        """The task has a place."""
        task = running.task
        self.running[task.key] = running
        self.members.setdefault(task.queue, {})[task.key] = None
        self.taken.hold(task)
        self.locks.held.hold(task.key, task.locations)

    def release(self, key: Key) -> Task | None:
        """The task has no place any more."""
        running = self.running.pop(key, None)
        if running is None:
            return None
        task = running.task
        del self.members[task.queue][key]
        self.taken.release(task)
        self.locks.held.release(key)
        self.leaving.pop(key, None)
        self.unpark_behind(key)
        return task

    def unpark_behind(self, holder: Key) -> None:
        """Who waited for this one's locks may be looked at again."""
        for key in self.locks.unpark_behind(holder):
            task = self.waiting(key)
            if task is not None:
                self.lines[task.queue].enter(task)

    def unpark_behind_waiting(self) -> None:
        """A queue opened or closed, or limits are others: who goes first is asked anew."""
        for key in self.locks.wanting():
            self.unpark_behind(key)

    def drop_claim(self, queue: str, key: Key) -> None:
        """No room is made for the task any more. Who was told to go goes."""
        claimed = self.claims.get(queue, {}).pop(key, None) is not None
        if claimed and (line := self.lines.get(queue)) is not None:
            line.rejoin(key)

    def claim(self, task: Task, victims: tuple[Key, ...]) -> None:
        """Room is made for the task."""
        self.claims.setdefault(task.queue, {})[task.key] = victims
        self.lines[task.queue].set_apart(task)

    def displaced_within_hour(self, queue: str, now: float) -> deque[float]:
        """When tasks of the queue were displaced, oldest first."""
        times = self.displacements.setdefault(queue, deque())
        while times and times[0] <= now - HOUR:
            times.popleft()
        return times

    def recall_displacement(self, queue: str, at: float) -> None:
        """A task of the queue was displaced then."""
        insort(self.displacements.setdefault(queue, deque()), at)

    def usage(self, queue: str, now: float) -> Usage:
        """How full the queue is."""
        line = self.lines.get(queue)
        taken = self.taken.queues.get(queue, NOTHING)
        return Usage(
            running=taken.places,
            cpu_milli=taken.cpu_milli,
            memory_bytes=taken.memory_bytes,
            waiting=len(line.tasks) if line else 0,
            waiting_by_priority=tuple(sorted(line.by_priority.items())) if line else (),
            waiting_since=line.waiting_since() if line else None,
            displaced_last_hour=len(self.displaced_within_hour(queue, now)),
        )
