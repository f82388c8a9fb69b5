"""Tells the pure core of admission what changes, lets it decide when something did, and wakes the tasks concerned.

Nothing here is the only copy. Who runs is told by the Jobs that there are, who was pushed out by their annotations,
and who waits asks again: a new replica that looks at every task once knows as much.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from time import monotonic, perf_counter, time

from asynctask.adapters.store import Key
from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Decisions, EndpointKey, EndpointLimits, Gate, Overlap, Queue, Running, Task
from asynctask.core.admission.model import Usage as Usage
from asynctask.core.admission.state import AdmissionState
from asynctask.core.facts import Admission, Displacement
from asynctask.core.waiting import is_news
from asynctask.scheduling import answers
from asynctask.scheduling.openings import Openings, Timer, Turn

CHEAP_SECONDS = 0.001
"""Passes that take no longer follow each other as they are asked for; longer ones take a fifth of the time at most."""
PAUSE_FACTOR = 4.0
MAX_PAUSE_SECONDS = 1.0
NEWS_LOOKS = 500
OPENING_SECONDS = 1.0
"""So long, at most, nothing starts after a window has opened: until all that stood before it have asked."""
WAITING_TO_START = Gate(Reason.QUEUED, "the operator, which has just started and looks at what runs")


class Scheduler:
    """Who holds a place and who waits for one."""

    def __init__(
        self,
        wake: Callable[[Key], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        self._state = AdmissionState()
        self._wake = wake
        self._clock = clock
        self._call_later = call_later
        self._tasks: dict[Key, Task] = {}
        self._running: dict[Key, Running] = {}
        self._recalled: set[Key] = set()
        self._remains: set[Key] = set()
        self._yielding: dict[Key, Displacement] = {}
        self._overlaps: dict[Key, Overlap] = {}
        self._queues: dict[str, Queue] = {}
        self._gates: dict[str, Gate] = {}
        self._drained: dict[str, Displacement] = {}
        self._endpoints: dict[EndpointKey, EndpointLimits] = {}
        self._unseen: set[Key] = set()
        self._unknown: dict[str, set[Key]] = {}
        self._told: dict[Key, str] = {}
        self._elsewhere: dict[Key, tuple[str, str]] = {}
        self._openings = Openings()
        self._opening: tuple[float, Timer] | None = None
        self._asking: Key | None = None
        self._timer: Timer | None = None
        self._due: float | None = None
        self._not_before = float("-inf")
        self.path_of: Callable[[str, Task | None], str] = lambda path, _: path
        """A path that is locked, as the users of the share that the task waits for know it."""
        self.on_pass: Callable[[float], None] = lambda _: None
        """Told how long each pass took."""
        self.on_displaced: Callable[[str], None] = lambda _: None
        """Told the queue of each task that is pushed out."""

    # -- tasks

    def answer(self, key: Key) -> Admission:
        """What holds for the task now: it has a place, has to give it back, or why it waits."""
        if displacement := self._yielding.get(key):
            return Admission(displacement=displacement)
        if self._state.is_running(key) and key not in self._recalled:
            return Admission(admitted=True)
        known = self._tasks.get(key)
        queue = known.queue if known else ""
        if overlap := self._overlaps.get(key):
            return answers.overlapping(key, queue, overlap, lambda path: self.path_of(path, known))
        refusal = self._state.refusal(key, self._clock())
        if refusal is None:
            return Admission(queue=queue)
        return answers.refused(key, refusal, lambda path: self.path_of(path, known))

    def first_asked(self, key: Key) -> float:
        """When the task asked first in this wait, or before it ran; now, if it has not."""
        known = self._tasks.get(key)
        return known.submitted + known.away_seconds if known and key not in self._recalled else self._clock()

    def ask(self, task: Task) -> Admission:
        """A place for a task that waits, if there is one; else why not."""
        key = task.key
        if self._state.is_running(key) and key not in self._yielding and key not in self._recalled:
            return Admission(admitted=True)
        self._openings.leave(key)
        self._elsewhere.pop(key, None)
        is_new = self._tasks.get(key) != task or not self._state.is_waiting(key)
        self._yielding.pop(key, None)
        self._recalled.discard(key)
        self._running.pop(key, None)
        if is_new:
            self._overlaps.pop(key, None)
            self._tasks[key] = task
            self._state.submit(task)
            self._asking = key
            try:
                self.request_pass()
            finally:
                self._asking = None
        return self.answer(key)

    def recall(self, task: Task) -> None:
        """The task waited before a start, and will ask again when it is looked at: it keeps its turn until then."""
        if not self._state.is_running(task.key):
            self._tasks[task.key] = task
            self._recalled.add(task.key)
            self._state.submit(task)

    def hold(self, running: Running, leaves: Displacement | None = None) -> None:
        """The task runs, whoever admitted it: count it. `leaves`: it has been told to give its place back, and why."""
        key = running.task.key
        if leaves:
            self._yielding.setdefault(key, leaves)
        before = self._running.get(key)
        if before == running:
            return
        self._running[key], self._tasks[key] = running, running.task
        self._recalled.discard(key)
        self._told.pop(key, None)
        self._elsewhere.pop(key, None)
        self._state.started(running)
        if (drained := self._drained.get(running.task.queue)) and key not in self._yielding:
            self._yielding[key] = drained
            self._wake(key)
        if before and before.task != running.task:  # it may be pushed out now, or leave more for others
            self.request_pass()

    def leave_behind(self, key: Key, remains: Key) -> None:
        """The task was deleted, and its pods still work: they hold what it held, under this name."""
        if remains in self._remains:
            return
        self._remains.add(remains)
        if running := self._running.get(key):
            self.hold(replace(running, task=replace(running.task, key=remains, preemptible=False), is_leaving=True))
            self.release(key)

    def are_remains(self, key: Key) -> bool:
        """Whether this is no task, but what is left of one."""
        return key in self._remains

    def before_window(self, key: Key, queue: str, turn: Turn, opens: float) -> None:
        """The task waits for its window, which opens then."""
        self._openings.stand(key, queue, turn, opens)
        self._await_opening()

    def elsewhere(self, key: Key, queue: str, reason: str) -> None:
        """The task, which has been released, asks for no place yet: it waits for its hours or for other tasks."""
        self._elsewhere[key] = (queue, reason)

    def release(self, key: Key) -> None:
        """The task runs no more and waits no more."""
        self._openings.leave(key)
        self._elsewhere.pop(key, None)
        self._remains.discard(key)
        known = self._tasks.pop(key, None)
        if known is None:
            return
        self._running.pop(key, None)
        self._yielding.pop(key, None)
        self._overlaps.pop(key, None)
        self._recalled.discard(key)
        self._told.pop(key, None)
        if self._state.is_running(key):
            self._state.ended(key)
        else:
            self._state.withdraw(key)
        self.request_pass()

    # -- a start

    def expect(self, running: Iterable[Key], unknown: Iterable[tuple[Key, str]]) -> None:
        """After a start tasks are looked at in no order. Nothing is admitted until those that run have been looked at,
        since only then is known what they hold; and into a queue with limits not before all of its own that may ask."""
        self._unseen = set(running)
        for key, queue in unknown:
            self._unknown.setdefault(queue, set()).add(key)
        self._set_gates(self._known_queues())

    def seen(self, key: Key) -> None:
        """The task has been looked at."""
        if not (self._unseen or self._unknown):
            return
        had_unseen, opened = bool(self._unseen), set()
        self._unseen.discard(key)
        for queue, keys in list(self._unknown.items()):
            keys.discard(key)
            if not keys:
                del self._unknown[queue]
                opened.add(queue)
        if had_unseen and not self._unseen:
            opened = self._known_queues()
        if opened:
            self._set_gates(opened)
            self.request_pass()

    def recall_displacement(self, queue: str, at: float) -> None:
        """A task of the queue was pushed out then: it counts against the budget of its hour."""
        self._state.recall_displacement(queue, at)

    # -- limits

    def set_queues(self, queues: Iterable[Queue], gates: dict[str, Gate], drained: dict[str, Displacement]) -> None:
        """All queues that there are; which of them start nothing for now; which have what runs stop too."""
        fresh = {queue.name: queue for queue in queues}
        for name in self._queues.keys() - fresh.keys():
            self._state.remove_queue(name)
        changed = {name for name, queue in fresh.items() if self._queues.get(name) != queue}
        for name in changed:
            self._state.set_queue(fresh[name])
        changed |= self._queues.keys() ^ fresh.keys()
        changed |= {name for name in self._gates.keys() | gates.keys() if self._gates.get(name) != gates.get(name)}
        self._queues, self._gates = fresh, dict(gates)
        self._set_gates(changed)
        if drained != self._drained:
            self._drain(drained)
        if changed:
            self.request_pass()

    def set_endpoints(self, endpoints: dict[EndpointKey, EndpointLimits]) -> None:
        """What all StorageEndpoints with limits bear now."""
        changed = {
            key for key in self._endpoints.keys() | endpoints.keys() if self._endpoints.get(key) != endpoints.get(key)
        }
        for key in changed:
            self._state.set_endpoint(key, endpoints.get(key))
        self._endpoints = dict(endpoints)
        if changed:
            self.request_pass()

    # -- figures

    def usage(self, queue: str) -> Usage:
        """How full the queue is."""
        return self._state.usage(queue, self._clock())

    def queues(self) -> set[str]:
        """The queues that anything runs or waits in."""
        return self._state.queues()

    def gate(self, queue: str) -> Gate | None:
        """Why the queue starts nothing at all for now."""
        return self._gate(queue)

    def waiting(self) -> list[Key]:
        """The tasks that wait, in no order."""
        return [key for key in self._tasks if self._state.is_waiting(key) or key in self._overlaps]

    def holders(self) -> list[Key]:
        """The tasks that hold a place."""
        return list(self._running)

    def reasons(self) -> Counter[tuple[str, str]]:
        """How many wait for which reason, by the queue that they are in or will ask."""
        now, found = self._clock(), Counter(self._elsewhere.values())
        for key in self.waiting():
            refusal = self._state.refusal(key, now)
            found[self._tasks[key].queue, str(refusal.reason if refusal else Reason.QUEUED)] += 1
        return found

    def told(self, key: Key, reason: str) -> None:
        """The task's status gives this as the reason why it waits."""
        if key in self._tasks and reason != Reason.DISPLACED:  # which stays what it says until it goes on
            self._told[key] = reason

    def with_news(self, most: int) -> list[Key]:
        """Some of the tasks that wait for another kind of thing than their status says; each call looks at others."""
        found, now = [], self._clock()
        for key in list(islice(self._told, NEWS_LOOKS)):
            reason = self._told.pop(key)
            self._told[key] = reason  # at the end of the line
            refusal = self._state.refusal(key, now)
            if refusal and key not in self._overlaps and is_news(reason, refusal.reason):
                found.append(key)
                if len(found) >= most:
                    break
        return found

    # -- passes

    def request_pass(self) -> None:
        """Have the core decide: at once while that is cheap, else as soon as the pause after the last time is over."""
        wait = self._not_before - monotonic()
        if wait <= 0 or self._call_later is None:
            self.run_pass()
        else:
            self._schedule(wait)

    def run_pass(self) -> None:
        """Decide now."""
        self._cancel()
        started = perf_counter()
        decisions = self._state.admit(self._clock())
        took = perf_counter() - started
        self.on_pass(took)
        if took > CHEAP_SECONDS:
            self._not_before = monotonic() + min(MAX_PAUSE_SECONDS, took * PAUSE_FACTOR)
        self._apply(decisions)
        if decisions.next_pass is not None:
            self._schedule(max(0.01, decisions.next_pass - self._clock(), self._not_before - monotonic()))

    def _apply(self, decisions: Decisions) -> None:
        for key in decisions.admitted:
            self._tell(key)
        for displacement in decisions.displaced:
            by = self._tasks.get(displacement.by)
            for victim in displacement.victims:
                self._yielding[victim] = answers.displaced(victim, displacement.by, by.priority if by else 1)
                self.on_displaced(self._tasks[victim].queue)
                self._tell(victim)
        for overlap in decisions.overlapping:
            self._overlaps[overlap.key] = overlap
            self._tell(overlap.key)

    def _tell(self, key: Key) -> None:
        if key != self._asking:
            self._wake(key)

    def _schedule(self, seconds: float) -> None:
        due = monotonic() + seconds
        if self._call_later is None or (self._due is not None and self._due <= due):
            return
        self._cancel()
        self._due = due
        self._timer = self._call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._timer = self._due = None
        self.request_pass()

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._due = None

    def _await_opening(self) -> None:
        moment = self._openings.next()
        if self._opening and self._opening[0] != moment:
            self._opening[1].cancel()
            self._opening = None
        if moment is not None and self._opening is None and self._call_later:
            self._opening = moment, self._call_later(max(0.0, moment - self._clock()), self._opens)

    def _opens(self) -> None:
        """Have those that stood before a window asked, and start none of them before."""
        self._opening = None
        opened = self._openings.take(self._clock())
        for key, queue in opened:
            self._unknown.setdefault(queue, set()).add(key)
        self._set_gates({queue for _, queue in opened})
        for key, _ in opened:
            self._wake(key)
        if opened and self._call_later:
            self._call_later(OPENING_SECONDS, lambda: self._start_with_those_that_asked(opened))
        self._await_opening()

    def _start_with_those_that_asked(self, opened: Iterable[tuple[Key, str]]) -> None:
        for key, _ in opened:
            self.seen(key)

    def _known_queues(self) -> set[str]:
        return self._queues.keys() | self._state.queues() | self._unknown.keys()

    def _set_gates(self, queues: Iterable[str]) -> None:
        for name in queues:
            self._state.set_gate(name, self._gate(name))

    def _gate(self, queue: str) -> Gate | None:
        if gate := self._gates.get(queue):
            return gate
        if self._unseen or (queue in self._unknown and queue in self._queues):
            return WAITING_TO_START
        return None

    def _drain(self, drained: dict[str, Displacement]) -> None:
        before, self._drained = self._drained, dict(drained)
        for key, running in self._running.items():
            queue = running.task.queue
            if (why := drained.get(queue)) and key not in self._yielding:
                self._yielding[key] = why
                self._wake(key)
            elif queue not in drained and queue in before and self._yielding.get(key) == before[queue]:
                del self._yielding[key]
                self._wake(key)
