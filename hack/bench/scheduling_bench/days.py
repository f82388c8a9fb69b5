"""A day in simulated time: once a second the core is told what has changed, and asked."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from time import perf_counter, thread_time

from asynctask.adapters import memory
from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Gate, Key, Running, Task
from asynctask.core.admission.state import AdmissionState

from .estate import CLOSING, DAY, HOUR, NIGHTLY, OPENING, QUEUES, Arrival, endpoints

CHECKPOINT_SECONDS, GRACE_SECONDS, SAMPLE_SECONDS = 60, 10, 60
GIVE_UP = 10 * DAY


@dataclass
class Figures:
    """What came of it."""

    waits: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds from submit to first start, by priority; of a queue with a window, within the window that it began in."""
    longest: tuple[float, str] = (0.0, "")
    displaced: int = 0
    finished_after: float = 0.0
    place_seconds: Counter[str] = field(default_factory=Counter)
    """By queue, within the day, as are the others."""
    room_seconds: Counter[str] = field(default_factory=Counter)
    busy_place_seconds: Counter[str] = field(default_factory=Counter)
    """Of the samples in which as many waited as may run."""
    busy_room_seconds: Counter[str] = field(default_factory=Counter)
    served: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Place-seconds by queue and namespace, of the samples in which all namespaces waited."""
    most_waiting: int = 0
    passes: int = 0
    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    waiting_at_pass: list[int] = field(default_factory=list)
    unexplained: int = 0


class Day:
    """Lives through the arrivals until all have ended."""

    def __init__(self, arrivals: list[Arrival], say: Callable[[str], None]) -> None:
        self.state = AdmissionState()
        for queue in QUEUES:
            self.state.set_queue(queue)
        for key, limits in endpoints().items():
            self.state.set_endpoint(key, limits)
        self._say = say
        self._arrivals = arrivals
        self._next = 0
        self._tasks: dict[Key, Task] = {}
        self._left: dict[Key, float] = {arrival.task.key: arrival.seconds for arrival in arrivals}
        self._running: dict[Key, Running] = {}
        self._ends: list[tuple[float, Key, float]] = []
        self._waiting: dict[str, Counter[str]] = {queue.name: Counter() for queue in QUEUES}
        self._started: set[Key] = set()
        self._is_open = False
        self.figures = Figures()

    def live(self) -> Figures:
        """All of it."""
        now = 0
        wake: float | None = None
        memory.collect_seldom()  # as the operator does
        memory.settle()  # the day to come is no part of what a pass may have to look through
        while self._next < len(self._arrivals) or self._running or any(sum(w.values()) for w in self._waiting.values()):
            if now % HOUR == 0:
                waiting = sum(sum(counts.values()) for counts in self._waiting.values())
                self._say(f"{now // HOUR:3} h: {len(self._running)} run, {waiting} wait")
            self._gate(now)
            self._arrive(now)
            self._end(now)
            if now % SAMPLE_SECONDS == 0:
                self._checkpoint(now)
                if now < DAY:
                    self._sample(now)
            wake = self._pass(now)
            self._explain(now)
            now = self._later(now, wake)
            if now > GIVE_UP:
                raise RuntimeError("tasks wait for ever")
        self.figures.finished_after = now
        return self.figures

    def _opened_at(self, now: int) -> float:
        """When the window opened that is open now."""
        return now - now % DAY + OPENING

    def _later(self, now: int, wake: float | None) -> int:
        """The next second that something happens in; at least every sampling."""
        moments = [now - now % SAMPLE_SECONDS + SAMPLE_SECONDS]
        if self._next < len(self._arrivals):
            moments.append(int(self._arrivals[self._next].task.submitted))
        if self._ends:
            moments.append(int(self._ends[0][0]) + 1)
        if wake is not None:
            moments.append(int(wake) + 1)
        return max(now + 1, min(moments))

    def _gate(self, now: int) -> None:
        is_open = OPENING <= now % DAY < CLOSING
        if is_open and not self._is_open:
            self._age_nobody(now)
        self._is_open = is_open
        self.state.set_gate(NIGHTLY, None if is_open else Gate(Reason.OUTSIDE_WINDOW, "22:00-06:00"))

    def _age_nobody(self, now: int) -> None:
        """The window opens: who waited for that asks now, as old as if it had come now or had been away."""
        closed = now - now % DAY + CLOSING - DAY
        for key, task in self._tasks.items():
            if task.queue == NIGHTLY and key not in self._running:
                shut = task.shut_seconds + now - max(task.submitted, closed)
                self._tasks[key] = replace(task, shut_seconds=shut)
                self.state.submit(self._tasks[key])

    def _arrive(self, now: int) -> None:
        while self._next < len(self._arrivals) and self._arrivals[self._next].task.submitted <= now:
            self._wait(self._arrivals[self._next].task)
            self._next += 1

    def _wait(self, task: Task) -> None:
        self._tasks[task.key] = task
        self._waiting[task.queue][task.namespace] += 1
        self.state.submit(task)

    def _end(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, key, started = heappop(self._ends)
            running = self._running.get(key)
            if running is None or running.started != started:
                continue
            del self._running[key]
            worked = now - running.started
            self._left[key] -= worked
            if self._left[key] <= 0 or self.state.displaced_by(key) is None:
                self.state.ended(key)
                del self._tasks[key]
                continue
            lost = worked % CHECKPOINT_SECONDS
            self._left[key] += lost
            task = self._tasks[key]
            self._wait(replace(task, away_seconds=task.away_seconds + worked))

    def _checkpoint(self, now: int) -> None:
        for key, running in self._running.items():
            if running.task.queue == "default" and now - running.started >= CHECKPOINT_SECONDS:
                self.state.checkpointed(key, now)

    def _pass(self, now: int) -> float | None:
        waiting = sum(sum(counts.values()) for counts in self._waiting.values())
        before = self.state.passes
        wall, cpu = perf_counter(), thread_time()
        decisions = self.state.admit(float(now))
        cpu, wall = thread_time() - cpu, perf_counter() - wall
        figures = self.figures
        if self.state.passes != before:
            figures.passes += 1
            figures.cpu_ms.append(cpu * 1000)
            figures.wall_ms.append(wall * 1000)
            figures.waiting_at_pass.append(waiting)
        figures.most_waiting = max(figures.most_waiting, waiting)
        for key in decisions.admitted:
            task = self._tasks[key]
            self._waiting[task.queue][task.namespace] -= 1
            self._running[key] = Running(task, float(now))
            heappush(self._ends, (now + self._left[key], key, float(now)))
            if key not in self._started:
                self._started.add(key)
                wait = now - max(task.submitted, self._opened_at(now) if task.queue == NIGHTLY else 0)
                figures.waits[task.priority].append(wait)
                if wait > figures.longest[0]:
                    figures.longest = (wait, f"{task.queue}, priority {task.priority}")
        for displacement in decisions.displaced:
            for victim in displacement.victims:
                figures.displaced += 1
                heappush(self._ends, (now + GRACE_SECONDS, victim, self._running[victim].started))
        return decisions.next_pass

    def _sample(self, now: int) -> None:
        figures = self.figures
        counts = Counter((running.task.queue, running.task.namespace) for running in self._running.values())
        for queue in QUEUES:
            if queue.name == NIGHTLY and not OPENING <= now % DAY < CLOSING:
                continue
            of_queue = {space: count for (name, space), count in counts.items() if name == queue.name}
            used, room = sum(of_queue.values()) * SAMPLE_SECONDS, (queue.max_running or 0) * SAMPLE_SECONDS
            figures.place_seconds[queue.name] += used
            figures.room_seconds[queue.name] += room
            waiting = self._waiting[queue.name]
            if sum(waiting.values()) >= (queue.max_running or 0):
                figures.busy_place_seconds[queue.name] += used
                figures.busy_room_seconds[queue.name] += room
            if all(waiting[space] for space in queue.weights):
                for space in queue.weights:
                    figures.served[queue.name][space] += of_queue.get(space, 0) * SAMPLE_SECONDS

    def _explain(self, now: int) -> None:
        """Once an hour everybody is asked why they wait."""
        if now % HOUR:
            return
        for key in self._tasks:
            if self.state.is_waiting(key):
                refusal = self.state.refusal(key, float(now))
                if refusal is None or refusal.reason is Reason.QUEUED:
                    self.figures.unexplained += 1
