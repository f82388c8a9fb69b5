"""The entry: what is known of tasks, queues and endpoints, and a pass over it. No I/O, no clock."""

from dataclasses import replace

from asynctask.api.reasons import Reason
from asynctask.core.admission.book import Book
from asynctask.core.admission.model import (
    Decisions,
    EndpointKey,
    EndpointLimits,
    Gate,
    Key,
    Queue,
    Refusal,
    Running,
    Task,
    Usage,
)
from asynctask.core.admission.passes import Pass
from asynctask.core.admission.rates import StartRate
from asynctask.core.admission.refusals import found, refusal


class AdmissionState:
    """Changes are told by the methods, in any order and as often as one likes; `admit` decides.

    Nothing in here is the only copy: a new one, told of the tasks that run and those that wait, goes on. What it then
    has forgotten is only patience: how long a task has stood at the head, which room was made for whom.
    """

    def __init__(self) -> None:
        self._book = Book()
        self.passes = 0
        """How many passes had anything to do."""
        self._dirty = True
        self._next_pass: float | None = None

    def set_queue(self, queue: Queue) -> None:
        """A queue is new or has other limits. One that was never set has none."""
        known = self._book.limits.queues.get(queue.name)
        if known == queue:
            return
        self._book.limits.queues[queue.name] = queue
        if known is None or known.start_rate_per_minute != queue.start_rate_per_minute:
            self._set_rate(queue)
        self._anew()

    def _set_rate(self, queue: Queue) -> None:
        known = self._book.rates.pop(queue.name, None)
        if queue.start_rate_per_minute is not None:
            rate = self._book.rates[queue.name] = StartRate(queue.start_rate_per_minute)
            if known is not None:
                rate.follow(known)

    def remove_queue(self, name: str) -> None:
        """The queue's limits and gate are no more; who waits in it waits on, without them."""
        self._book.limits.queues.pop(name, None)
        self._book.gates.pop(name, None)
        self._book.rates.pop(name, None)
        self._anew()

    def set_gate(self, queue: str, gate: Gate | None) -> None:
        """Nothing of the queue starts, whatever its limits; None: open. What runs is not touched."""
        if self._book.gates.get(queue) == gate:
            return
        if gate is None:
            del self._book.gates[queue]
        else:
            self._book.gates[queue] = gate
        self._anew()

    def set_endpoint(self, endpoint: EndpointKey, limits: EndpointLimits | None) -> None:
        """An endpoint bears this much from now on; None: there is no limit."""
        if self._book.limits.endpoints.get(endpoint) == limits:
            return
        if limits is None:
            del self._book.limits.endpoints[endpoint]
        else:
            self._book.limits.endpoints[endpoint] = limits
        self._anew()

    def _anew(self) -> None:
        self._book.unpark_behind_waiting()
        self._dirty = True

    def submit(self, task: Task) -> None:
        """The task waits, or waits with other values than before. It is no longer counted as running.

        A task whose own (not its queue's) window is closed, or that waits for something else of its own, is not
        submitted.
        """
        if self._book.waiting(task.key) == task:
            return
        self.ended(task.key)
        self.withdraw(task.key)
        self._book.enqueue(task)
        self._dirty = self._dirty or not self._is_answered(task)

    def _is_answered(self, task: Task) -> bool:
        """Whether what the last pass found for others goes for this one, too: a flood of tasks costs one pass."""
        line = self._book.lines[task.queue]
        if task.key in self._book.fresh or self._book.limits.queue(task.queue).preemption.enabled:
            return False
        if line.stop is not None:
            return line.stop.needed is None or self._book.limits.blocked_by_use(task, self._book.taken)
        group = line.group(task)
        block = found(self._book, task, group, self.passes) if group is not None else None
        return block is not None and block.reason is not Reason.ROOM_RESERVED

    def withdraw(self, key: Key) -> None:
        """The task waits no more. Nothing happens if it doesn't wait."""
        queue = self._book.queue_of.get(key)
        if queue is None:
            return
        keeps_room = key in self._book.stuck.get(queue, ()) or key in self._book.claims.get(queue, ())
        if keeps_room or key in self._book.locks.wanting():
            self._dirty = True
        self._book.dequeue(key)
        self._book.unpark_behind(key)

    def started(self, running: Running) -> None:
        """The task holds a place, whoever admitted it.

        Told again, the values are taken over (start, checkpoint, priority).
        """
        key = running.task.key
        known = self._book.running.get(key)
        if known == running:
            return
        if known is not None and known.task == running.task:
            self._book.running[key] = running
            self._leaves(running)
            self._dirty = self._dirty or self._book.limits.queue(running.task.queue).preemption.enabled
            return
        leaving = self._book.leaving.get(key)
        self.withdraw(key)
        self._book.release(key)
        self._book.hold(running)
        if leaving is not None:
            self._book.leaving[key] = leaving
        self._leaves(running)
        if known is None and (rate := self._book.rates.get(running.task.queue)) is not None:
            rate.recall(running.started)
        self._dirty = True

    def _leaves(self, running: Running) -> None:
        """Whoever told it to go, for whom, before a restart: it does."""
        if running.is_leaving:
            self._book.leaving.setdefault(running.task.key, running.task.key)

    def checkpointed(self, key: Key, at: float) -> None:
        """A running task has saved a checkpoint."""
        running = self._book.running.get(key)
        if running is not None:
            self._book.running[key] = replace(running, checkpoint=at)

    def ended(self, key: Key) -> None:
        """The task holds no place any more: it is over, paused, backs off, or has been displaced and is gone."""
        if self._book.release(key) is not None:
            self._dirty = True

    def recall_displacement(self, queue: str, at: float) -> None:
        """After a restart: a task of the queue was displaced then; counts against the budget of the hour."""
        self._book.recall_displacement(queue, at)

    def admit(self, now: float) -> Decisions:
        """One pass over everything that waits. Cheap when nothing changed since the last one."""
        if not self._dirty and (self._next_pass is None or now < self._next_pass):
            return Decisions(next_pass=self._next_pass)
        self.passes += 1
        self._dirty = False
        decisions = Pass(self._book, now, self.passes).run()
        self._next_pass = decisions.next_pass
        return decisions

    def refusal(self, key: Key, now: float) -> Refusal | None:
        """Why the task waits, as of the last pass; None if it doesn't. `ahead` is reckoned once a second at most."""
        task = self._book.waiting(key)
        return None if task is None else refusal(self._book, task, self.passes, now)

    def is_running(self, key: Key) -> bool:
        """Whether the task holds a place."""
        return key in self._book.running

    def is_waiting(self, key: Key) -> bool:
        """Whether the task waits for one."""
        return key in self._book.queue_of

    def displaced_by(self, key: Key) -> Key | None:
        """For whom a running task has been told to make room; None when it has not."""
        return self._book.leaving.get(key)

    def usage(self, queue: str, now: float) -> Usage:
        """How full the queue is."""
        return self._book.usage(queue, now)

    def queues(self) -> set[str]:
        """The queues that anything runs or waits in."""
        return {*self._book.lines, *(queue for queue, members in self._book.members.items() if members)}
