"""Who may run: the most urgent first, then who came first; limits; places given back."""

import pytest

from asynctask import scheduling
from asynctask.adapters.store import Key
from asynctask.scheduling import Request, Scheduler


class Queues(dict[str, int | None]):
    """Limits by queue; one that is not named has none."""

    def limit(self, queue: str) -> int | None:
        return self.get(queue)


def key(name: str) -> Key:
    return ("team", name)


def wants(name: str, priority: int = 3, at: str = "2030-01-01T00:00:00", queue: str = "q") -> Request:
    return Request(key(name), queue, priority, at)


def admitted(scheduler: Scheduler, *requests: Request) -> list[str]:
    return [request.key[1] for request in requests if scheduler.ask(request).admitted]


def test_without_a_limit_all_run() -> None:
    scheduler = Scheduler(Queues().limit)
    assert len(admitted(scheduler, *(wants(str(n)) for n in range(100)))) == 100


def test_a_limit_holds_back() -> None:
    scheduler = Scheduler(Queues(q=2).limit)
    assert admitted(scheduler, wants("a"), wants("b"), wants("c")) == ["a", "b"]
    assert (scheduler.running("q"), scheduler.waiting("q")) == (2, 1)


def test_a_limit_of_zero_holds_all_back() -> None:
    assert admitted(Scheduler(Queues(q=0).limit), wants("a")) == []


def test_a_refusal_says_why_and_how_many_are_ahead() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("a"))
    scheduler.ask(wants("b"))
    answer = scheduler.ask(wants("c"))
    assert (answer.reason, answer.message) == (
        "QueueFull", "waiting in queue q: 1 of 1 run, 1 ahead of it when this was written")  # fmt: skip


def test_a_free_place_goes_to_the_most_urgent_then_to_who_came_first() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("first"))
    for request in (
        wants("late-3", 3, "2030-01-02"), wants("early-3", 3, "2030-01-01"), wants("late-1", 1, "2030-01-03"),
        wants("early-5", 5, "2029-01-01"),
    ):  # fmt: skip
        assert not scheduler.ask(request).admitted
    order, current = [], "first"
    while got := scheduler.release(key(current)):
        (found,) = got
        current = found[1]
        order.append(current)
    assert order == ["late-1", "early-3", "late-3", "early-5"]


def test_of_equals_the_name_decides_so_that_two_replicas_agree() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("first"))
    for name in "cab":
        scheduler.ask(wants(name))
    assert scheduler.release(key("first")) == [key("a")]


def test_a_changed_priority_counts() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("first"))
    scheduler.ask(wants("a", 3))
    scheduler.ask(wants("b", 4))
    scheduler.ask(wants("b", 1))
    assert scheduler.waiting("q") == 2
    assert scheduler.release(key("first")) == [key("b")]
    assert scheduler.release(key("b")) == [key("a")]


def test_a_changed_queue_counts() -> None:
    scheduler = Scheduler(Queues(q=0, other=1).limit)
    scheduler.ask(wants("a"))
    assert scheduler.ask(wants("a", queue="other")).admitted
    assert scheduler.waiting("q") == 0


def test_who_waits_no_more_is_passed_over() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    for name in "abc":
        scheduler.ask(wants(name))
    assert scheduler.release(key("b")) == []
    assert scheduler.release(key("a")) == [key("c")]
    assert scheduler.waiting("q") == 0


def test_a_place_is_given_back_once() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("a"))
    scheduler.release(key("a"))
    scheduler.release(key("a"))
    assert scheduler.running("q") == 0
    assert admitted(scheduler, wants("b"), wants("c")) == ["b"]


def test_what_runs_already_is_counted_even_beyond_the_limit() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    for name in "ab":
        scheduler.hold(key(name), "q")
        scheduler.hold(key(name), "q")
    assert scheduler.running("q") == 2
    scheduler.ask(wants("c"))
    assert scheduler.release(key("a")) == []
    assert scheduler.release(key("b")) == [key("c")]


def test_a_raised_limit_lets_more_run_in_order() -> None:
    queues = Queues(q=0)
    scheduler = Scheduler(queues.limit)
    for name, priority in (("a", 5), ("b", 1), ("c", 3)):
        scheduler.ask(wants(name, priority))
    queues["q"] = 2
    assert scheduler.admit_all() == [key("b"), key("c")]


def test_whoever_asks_first_after_a_raised_limit_all_that_fit_are_let_in() -> None:
    queues = Queues(q=0)
    scheduler = Scheduler(queues.limit)
    for name in "abc":
        scheduler.ask(wants(name))
    queues["q"] = 2
    assert not scheduler.ask(wants("c")).admitted
    assert scheduler.is_admitted(key("a")) or scheduler.admit("q") == [key("a"), key("b")]
    assert scheduler.is_admitted(key("b"))


def test_a_lowered_limit_ends_nothing() -> None:
    queues = Queues(q=2)
    scheduler = Scheduler(queues.limit)
    for name in "abc":
        scheduler.ask(wants(name))
    queues["q"] = 1
    assert scheduler.running("q") == 2
    assert scheduler.release(key("a")) == []
    assert scheduler.release(key("b")) == [key("c")]


def test_queues_do_not_touch_each_other() -> None:
    scheduler = Scheduler(Queues(q=1, other=1).limit)
    assert admitted(scheduler, wants("a"), wants("b", queue="other"), wants("c")) == ["a", "b"]
    assert scheduler.queues() == {"q", "other"}
    assert scheduler.release(key("b")) == []
    assert scheduler.running("q") == 1


def test_nothing_is_kept_of_queues_that_are_empty() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.ask(wants("a"))
    scheduler.ask(wants("b"))
    scheduler.release(key("a"))
    scheduler.release(key("b"))
    assert scheduler.queues() == set()


def test_after_a_start_the_most_urgent_goes_first_whoever_asks_first() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    names = ["least", "ended", "most"]
    scheduler.expect((key(name), "q") for name in names)
    assert not scheduler.ask(wants("least", 5)).admitted
    assert scheduler.seen(key("least")) == []
    assert scheduler.seen(key("ended")) == []
    assert not scheduler.ask(wants("most", 1)).admitted
    assert scheduler.seen(key("most")) == [key("most")]
    assert scheduler.release(key("most")) == [key("least")]


def test_who_waited_before_a_start_keeps_its_turn_without_asking() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.hold(key("running"), "q")
    for request in (wants("running", 1), wants("least", 5), wants("most", 1)):
        scheduler.recall(request)
    assert scheduler.waiting("q") == 2
    assert scheduler.release(key("running")) == [key("most")]
    assert scheduler.ask(wants("most", 1)).admitted


def test_who_waited_before_a_start_may_ask_with_another_priority() -> None:
    scheduler = Scheduler(Queues(q=0).limit)
    scheduler.recall(wants("a", 5))
    scheduler.ask(wants("a", 1))
    assert scheduler.waiting("q") == 1


def test_after_a_start_a_queue_without_a_limit_admits_at_once() -> None:
    scheduler = Scheduler(Queues(q=1).limit)
    scheduler.expect([(key("a"), "free"), (key("b"), "free"), (key("c"), "q")])
    assert scheduler.ask(wants("a", queue="free")).admitted
    assert not scheduler.ask(wants("c")).admitted


class Counted(tuple):  # type: ignore[type-arg]
    """An order that counts how often it is compared."""

    comparisons = 0

    def __lt__(self, other: object) -> bool:
        Counted.comparisons += 1
        return tuple.__lt__(self, other)  # type: ignore[operator]


def test_ten_thousand_that_wait_and_ask_again_and_again_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(scheduling, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Request, "order", property(lambda self: Counted((self.priority, self.submitted, self.key))))
    scheduler = Scheduler(Queues(q=10).limit)
    requests = [wants(f"{n:05}", priority=1 + n % 5, at=f"2030-{n:05}") for n in range(10_000)]
    Counted.comparisons = 0
    for request in requests:
        scheduler.ask(request)
    first = Counted.comparisons
    for request in requests:
        scheduler.ask(request)
    assert first < 200_000  # about log2(10,000) each
    assert Counted.comparisons - first < 50_000  # asking again costs next to nothing
    Counted.comparisons = 0
    for _ in range(1000):
        running = next(iter(scheduler._holders))  # who runs is nobody's business but ours
        assert len(scheduler.release(running)) == 1
    assert Counted.comparisons < 60_000
