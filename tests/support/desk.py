"""The shell around admission, with a clock and alarms of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asynctask.adapters.store import Key
from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Gate, Preemption, Queue, Running, Task
from asynctask.core.facts import Admission, Displacement
from asynctask.core.overlap import Location
from asynctask.scheduling import Scheduler

T = 1_000_000.0
PHOTOS = Location(("team", "claim:photos"), ("2030",), "Write")
PREEMPTS = {"max_running": 1, "preemption": Preemption(enabled=True, min_runtime_seconds=0)}


@dataclass
class Alarm:
    """A timer that the test fires."""

    seconds: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Desk:
    """A scheduler with a clock and an alarm of the test's own."""

    woken: list[str] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    now: float = T

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            lambda key: self.woken.append(key[1]), clock=lambda: self.now, call_later=self._call_later
        )

    def _call_later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        self.alarms.append(Alarm(seconds, call))
        return self.alarms[-1]

    def queue(self, name: str = "q", *, gate: Gate | None = None, drained: str = "", **limits: Any) -> None:
        """The only queue that there is has these limits from now on."""
        stop = {name: Displacement(Reason.QUEUE_SUSPENDED, drained)} if drained else {}
        self.scheduler.set_queues([Queue(name, **limits)], {name: gate} if gate else {}, stop)

    def ask(self, name: str, priority: int = 3, at: float = T, queue: str = "q", **more: Any) -> Admission:
        return self.scheduler.ask(wants(name, priority, at, queue, **more))

    def admitted(self, *names: str, **more: Any) -> list[str]:
        return [name for name in names if self.ask(name, **more).admitted]

    def run(self, name: str, priority: int = 3, started: float = T - 3600, **more: Any) -> None:
        """It is admitted, and its Job has started then."""
        task = wants(name, priority, **more)
        self.scheduler.ask(task)
        self.scheduler.hold(Running(task, started, started + 1))

    def release(self, name: str) -> list[str]:
        """It ends; returns who is woken."""
        self.woken.clear()
        self.scheduler.release(key(name))
        return list(self.woken)

    def later(self, seconds: float) -> list[str]:
        """Time passes, and alarms that are due by then ring; returns who is woken."""
        self.woken.clear()
        until = self.now + seconds
        while due := [alarm for alarm in self.alarms if not alarm.cancelled and self.now + alarm.seconds <= until]:
            first = min(due, key=lambda alarm: alarm.seconds)
            self.now += first.seconds
            first.cancelled = True
            for alarm in self.alarms:
                alarm.seconds -= first.seconds
            first.call()
        for alarm in self.alarms:
            alarm.seconds -= until - self.now
        self.now = until
        return list(self.woken)


def key(name: str, namespace: str = "team") -> Key:
    return (namespace, name)


def wants(name: str, priority: int = 3, at: float = T, queue: str = "q", namespace: str = "team", **more: Any) -> Task:
    return Task(key(name, namespace), queue, at, priority, **more)
