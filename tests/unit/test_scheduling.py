"""The shell around admission: who is woken when, what a start needs, and what tasks are told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from asynctask import scheduling
from asynctask.adapters.store import Key
from asynctask.api.reasons import Reason
from asynctask.core.admission.model import (
    EndpointLimits,
    EndpointUse,
    Gate,
    Preemption,
    Queue,
    Running,
    Task,
)
from asynctask.core.facts import Admission, Displacement
from asynctask.core.overlap import Location
from asynctask.scheduling import Scheduler

T = 1_000_000.0


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
        self.now = until
        return list(self.woken)


def key(name: str, namespace: str = "team") -> Key:
    return (namespace, name)


def wants(name: str, priority: int = 3, at: float = T, queue: str = "q", namespace: str = "team", **more: Any) -> Task:
    return Task(key(name, namespace), queue, at, priority, **more)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("asynctask.scheduling.scheduler.perf_counter", lambda: 0.0)  # passes cost nothing here
    return Desk()


# -- places


def test_without_a_queue_of_its_name_all_run(desk: Desk) -> None:
    assert len(desk.admitted(*map(str, range(100)))) == 100


def test_a_limit_holds_back_and_a_free_place_goes_to_the_most_urgent_then_to_who_came_first(desk: Desk) -> None:
    desk.queue(max_running=1)
    assert desk.admitted("first", "second") == ["first"]
    for name, priority, at in (("late-3", 3, T + 2), ("early-3", 3, T + 1), ("late-1", 1, T + 3), ("old-5", 5, T - 9)):
        assert not desk.ask(name, priority, at).admitted
    order, running = [], "first"
    while woken := desk.release(running):
        (running,) = woken
        order.append(running)
    assert order == ["late-1", "second", "early-3", "late-3", "old-5"]


def test_who_asks_again_is_told_the_same_and_changes_nothing(desk: Desk) -> None:
    desk.queue(max_running=1)
    assert desk.ask("a").admitted
    assert desk.ask("a").admitted
    first = desk.ask("b")
    assert (first.reason, first.queue) == ("QueueFull", "q")
    assert desk.ask("b") == first
    assert desk.scheduler.usage("q").waiting == 1


def test_a_changed_priority_or_queue_counts(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.ask("first")
    desk.ask("a", 3)
    desk.ask("b", 4)
    desk.ask("b", 1)
    assert desk.release("first") == ["b"]
    assert desk.ask("a", queue="other").admitted
    assert desk.scheduler.usage("q").waiting == 0


def test_who_waits_no_more_is_passed_over(desk: Desk) -> None:
    desk.queue(max_running=1)
    for name in "abc":
        desk.ask(name)
    assert desk.release("b") == []
    assert desk.release("a") == ["c"]
    assert desk.release("a") == []


def test_what_runs_is_counted_even_beyond_the_limit(desk: Desk) -> None:
    desk.queue(max_running=1)
    for name in "ab":
        desk.scheduler.hold(Running(wants(name), T))
        desk.scheduler.hold(Running(wants(name), T))
    assert desk.scheduler.usage("q").running == 2
    desk.ask("c")
    assert desk.release("a") == []
    assert desk.release("b") == ["c"]


def test_a_raised_limit_wakes_those_that_now_fit(desk: Desk) -> None:
    desk.queue(max_running=0)
    for name, priority in (("a", 5), ("b", 1), ("c", 3)):
        desk.ask(name, priority)
    desk.queue(max_running=2)
    assert desk.woken == ["b", "c"]
    desk.queue(max_running=1)
    assert desk.scheduler.usage("q").running == 2


def test_a_queue_that_is_deleted_limits_nobody(desk: Desk) -> None:
    desk.queue(max_running=0)
    desk.ask("a")
    desk.scheduler.set_queues([], {}, {})
    assert desk.woken == ["a"]


def test_a_suspended_queue_starts_nothing_and_what_runs_goes_on(desk: Desk) -> None:
    desk.run("running")
    desk.queue(gate=Gate(Reason.QUEUE_SUSPENDED, "suspend"))
    assert desk.ask("a").reason == Reason.QUEUE_SUSPENDED
    assert desk.scheduler.answer(key("running")).admitted
    desk.queue()
    assert desk.woken == ["a"]


def test_a_queue_suspended_with_all_that_runs_has_that_yield(desk: Desk) -> None:
    desk.run("running")
    desk.queue(gate=Gate(Reason.QUEUE_SUSPENDED, "suspend"), drained="queue q being suspended")
    assert desk.woken == ["running"]
    answer = desk.scheduler.answer(key("running"))
    assert (answer.admitted, answer.displacement) == (
        False, Displacement(Reason.QUEUE_SUSPENDED, "queue q being suspended"))  # fmt: skip
    desk.scheduler.hold(Running(wants("just-begun"), T))
    assert desk.scheduler.answer(key("just-begun")).displacement
    assert not desk.ask("running").admitted
    assert desk.scheduler.answer(key("running")).displacement is None
    desk.queue()
    assert "running" in desk.woken


def test_a_queue_no_longer_suspended_leaves_alone_what_has_not_stopped_yet(desk: Desk) -> None:
    desk.run("running")
    desk.queue(gate=Gate(Reason.QUEUE_SUSPENDED, "suspend"), drained="queue q being suspended")
    desk.queue()
    assert desk.scheduler.answer(key("running")).admitted


def test_an_endpoint_that_bears_more_wakes_who_waits_for_it(desk: Desk) -> None:
    share = ("team", "photos")
    desk.scheduler.set_endpoints({share: EndpointLimits(streams=1)})
    uses = {"endpoints": (EndpointUse(share),)}
    assert desk.admitted("a", "b", **uses) == ["a"]
    assert desk.scheduler.answer(key("b")).resource == "photos"
    desk.scheduler.set_endpoints({})
    assert desk.woken == ["b"]


# -- pushing out

PREEMPTS = {"max_running": 1, "preemption": Preemption(enabled=True, min_runtime_seconds=0)}


def test_an_urgent_task_has_a_lesser_one_yield_and_starts_when_that_is_gone(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    counted: list[str] = []
    desk.scheduler.on_displaced = counted.append
    desk.run("lesser", 5)
    desk.woken.clear()
    assert not desk.ask("urgent", 1).admitted
    assert desk.woken == ["lesser"]
    answer = desk.scheduler.answer(key("lesser"))
    assert answer.displacement == Displacement(Reason.DISPLACED, "task urgent of priority 1")
    desk.woken.clear()
    assert not desk.ask("lesser", 5).admitted  # its pod is gone, it waits again
    assert desk.woken == ["urgent"]
    assert desk.scheduler.answer(key("urgent")).admitted
    assert counted == ["q"]
    assert desk.release("urgent") == ["lesser"]


def test_of_tasks_in_other_namespaces_only_the_priority_is_told(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    desk.run("lesser", 5)
    desk.ask("urgent", 1, namespace="secret")
    displacement = desk.scheduler.answer(key("lesser")).displacement
    assert displacement == Displacement(Reason.DISPLACED, "a task of priority 1")


def test_the_budget_of_an_hour_survives_a_restart(desk: Desk) -> None:
    desk.queue(max_running=1, preemption=Preemption(enabled=True, min_runtime_seconds=0, max_per_hour=1))
    desk.scheduler.recall_displacement("q", T - 600)
    desk.run("lesser", 5)
    desk.woken.clear()
    desk.ask("urgent", 1)
    assert desk.woken == []


# -- locks

PHOTOS = Location(("team", "claim:photos"), ("2030",), "Write")


def test_who_would_write_where_another_writes_waits_and_is_told_for_whom(desk: Desk) -> None:
    desk.ask("a", locations=(PHOTOS,))
    answer = desk.ask("b", locations=(PHOTOS,))
    assert (answer.admitted, answer.reason, answer.holder, answer.is_overlap) == (False, "LocationLocked", "a", False)
    assert desk.release("a") == ["b"]


@pytest.mark.parametrize(("namespace", "holder"), [("team", "a"), ("other", "")])
def test_who_will_not_wait_is_told_so_and_by_name_only_at_home(desk: Desk, namespace: str, holder: str) -> None:
    desk.ask("a", locations=(PHOTOS,), namespace=namespace)
    answer = desk.ask("b", locations=(PHOTOS,), overlap_policy="Skip")
    assert (answer.is_overlap, answer.holder) == (True, holder)
    assert ("task a uses /2030" in answer.message) == (namespace == "team")
    assert desk.ask("b", locations=(PHOTOS,), overlap_policy="Skip").is_overlap


def test_the_holder_in_another_namespace_is_not_named(desk: Desk) -> None:
    desk.ask("a", locations=(PHOTOS,), namespace="secret")
    answer = desk.ask("b", locations=(PHOTOS,))
    assert answer.holder == ""
    assert "secret" not in answer.message


# -- a start


def test_after_a_start_nobody_is_admitted_before_what_runs_has_been_looked_at(desk: Desk) -> None:
    desk.scheduler.hold(Running(wants("running", queue="q"), T))
    desk.scheduler.expect([key("running")], [])
    assert not desk.ask("a", locations=(PHOTOS,)).admitted
    desk.scheduler.hold(Running(wants("running", locations=(PHOTOS,)), T))
    desk.scheduler.seen(key("running"))
    assert desk.woken == []
    assert desk.scheduler.answer(key("a")).holder == "running"
    assert desk.ask("b").admitted


def test_after_a_start_the_most_urgent_goes_first_whoever_asks_first(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.scheduler.expect([], [(key(name), "q") for name in ("least", "ended", "most")])
    assert not desk.ask("least", 5).admitted
    for name in ("least", "ended"):
        desk.scheduler.seen(key(name))
    assert not desk.ask("most", 1).admitted
    desk.scheduler.seen(key("most"))
    assert desk.woken == ["most"]


def test_after_a_start_a_queue_without_limits_admits_at_once(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.scheduler.expect([], [(key("a"), "free"), (key("b"), "free"), (key("c"), "q")])
    assert desk.ask("a", queue="free").admitted
    assert not desk.ask("c").admitted


def test_who_waited_before_a_start_keeps_its_turn_but_starts_only_once_it_has_been_looked_at(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.scheduler.hold(Running(wants("running", 1), T))
    for name, priority in (("running", 1), ("least", 5), ("most", 1)):
        desk.scheduler.recall(wants(name, priority))
    assert desk.scheduler.usage("q").waiting == 2
    assert desk.release("running") == ["most"]
    assert not desk.scheduler.answer(key("most")).admitted
    assert desk.ask("most", 1).admitted


def test_who_waited_before_a_start_may_ask_with_another_priority(desk: Desk) -> None:
    desk.queue(max_running=0)
    desk.scheduler.recall(wants("a", 5))
    desk.ask("a", 1)
    assert desk.scheduler.usage("q").waiting_by_priority == ((1, 1),)


# -- time


def test_starts_are_spread_at_the_rate_of_the_queue(desk: Desk) -> None:
    desk.queue(start_rate_per_minute=30)
    names = [f"{n:02}" for n in range(40)]
    started = desk.admitted(*names)
    assert len(started) <= 2
    for _ in range(4):
        started += desk.later(15)
    assert 28 <= len(started) <= 31
    assert started == names[: len(started)]


def test_first_asked_is_remembered_while_it_waits_and_no_longer(desk: Desk) -> None:
    desk.queue(max_running=0)
    assert desk.scheduler.first_asked(key("a")) == T
    desk.ask("a", at=T - 100, away_seconds=90.0)
    desk.later(60)
    assert desk.scheduler.first_asked(key("a")) == T - 10
    desk.release("a")
    assert desk.scheduler.first_asked(key("a")) == T + 60


def test_costly_passes_take_a_fifth_of_the_time_at_most(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("asynctask.scheduling.scheduler.monotonic", lambda: clock[0])
    monkeypatch.setattr("asynctask.scheduling.scheduler.perf_counter", lambda: clock[0])
    passes: list[float] = []
    admit = desk.scheduler._state.admit

    def slow(now: float) -> Any:
        passes.append(clock[0])
        clock[0] += 0.02
        return admit(now)

    monkeypatch.setattr(desk.scheduler._state, "admit", slow)
    desk.queue(max_running=1)
    for name in "abcdef":
        desk.ask(name)
    assert len(passes) == 1
    assert [alarm.seconds for alarm in desk.alarms] == [pytest.approx(0.08)]
    clock[0] += 0.08
    desk.later(0.1)
    assert desk.woken == ["a"]


def test_why_tasks_wait_is_counted_by_queue(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.admitted("a", "b", "c")
    desk.queue(max_running=1, gate=Gate(Reason.QUEUE_SUSPENDED, "suspend"))
    assert desk.scheduler.reasons() == {("q", "QueueSuspended"): 2}


def test_nothing_is_kept_of_tasks_that_are_gone(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    desk.run("a", 5)
    desk.ask("b", 1)
    desk.release("a")
    desk.release("b")
    kept = {name: value for name, value in vars(desk.scheduler).items() if isinstance(value, dict | set)}
    assert not any(key(name) in value for name in "ab" for value in kept.values())
    assert desk.scheduler.queues() == set()
    assert scheduling.__all__ == ["Scheduler"]


def test_who_waits_for_something_of_another_kind_is_found_a_few_at_a_time(desk: Desk) -> None:
    desk.queue(max_running=0)
    names = [f"{n:02}" for n in range(30)]
    for name in names:
        desk.ask(name)
        desk.scheduler.told(key(name), "QueueFull")
    assert desk.scheduler.with_news(20) == []
    desk.queue(max_running=0, start_rate_per_minute=1)
    assert desk.scheduler.with_news(20) == []
    desk.queue(max_running=0, gate=Gate(Reason.QUEUE_SUSPENDED, "suspend"))
    first = desk.scheduler.with_news(20)
    for found in first:
        desk.scheduler.told(found, "QueueSuspended")
    second = desk.scheduler.with_news(20)
    assert sorted(first + second) == [key(name) for name in names]
