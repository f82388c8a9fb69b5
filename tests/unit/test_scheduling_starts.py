"""The shell around admission: what a start of the operator needs, and what time brings."""

from typing import Any

import pytest
from support.desk import PHOTOS, PREEMPTS, Desk, T, key, wants

from asynctask import scheduling
from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Gate, Running

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


def test_who_waits_without_asking_for_a_place_is_counted_with_its_reason(desk: Desk) -> None:
    desk.queue(max_running=1)
    for name in ("asks", "runs", "goes"):
        desk.scheduler.elsewhere(key(name), "q", "OutsideWindow")
    desk.scheduler.elsewhere(key("goes"), "q", "DependencyPending")
    assert desk.scheduler.reasons() == {("q", "OutsideWindow"): 2, ("q", "DependencyPending"): 1}
    desk.run("runs")
    desk.ask("asks")
    desk.release("goes")
    assert desk.scheduler.reasons() == {("q", "QueueFull"): 1}


def test_nothing_is_kept_of_tasks_that_are_gone(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    desk.run("a", 5)
    desk.ask("b", 1)
    desk.release("a")
    desk.release("b")
    desk.scheduler.elsewhere(key("a"), "q", "OutsideWindow")
    desk.release("a")
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
