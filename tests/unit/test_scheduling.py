"""The shell around admission: who is woken when, and what tasks are told."""

import pytest
from support.desk import PHOTOS, PREEMPTS, Desk, T, key, wants

from asynctask.api.reasons import Reason
from asynctask.core.admission.model import EndpointLimits, EndpointUse, Gate, Preemption, Running
from asynctask.core.facts import Displacement

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


def test_one_that_may_be_pushed_out_from_now_on_is(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    desk.run("kept", 5, preemptible=False)
    assert not desk.ask("urgent", 1).admitted
    assert desk.scheduler.answer(key("kept")).displacement is None
    desk.scheduler.hold(Running(wants("kept", 5), T - 3600, T - 3599))
    assert desk.scheduler.answer(key("kept")).displacement


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


def test_who_was_pushed_out_before_a_restart_and_still_stops_is_not_pushed_out_again(desk: Desk) -> None:
    desk.queue(**PREEMPTS)
    counted: list[str] = []
    desk.scheduler.on_displaced = counted.append
    desk.scheduler.recall_displacement("q", T - 2)
    pushed = Displacement(Reason.DISPLACED, "task urgent of priority 1")
    desk.scheduler.hold(Running(wants("lesser", 5, queue="q"), T - 3600, is_leaving=True), pushed)
    assert not desk.ask("urgent", 1).admitted
    assert desk.scheduler.answer(key("lesser")).displacement == pushed
    assert (counted, desk.scheduler.usage("q").displaced_last_hour) == ([], 1)
    assert not desk.ask("lesser", 5).admitted  # its pod is gone
    assert desk.scheduler.answer(key("urgent")).admitted


def test_who_leaves_makes_room_and_nobody_else_is_pushed_out_for_it(desk: Desk) -> None:
    desk.queue(**{**PREEMPTS, "max_running": 2})
    desk.run("stays", 5)
    desk.scheduler.hold(Running(wants("leaves", 5, queue="q"), T - 3600, is_leaving=True))
    desk.woken.clear()
    assert not desk.ask("urgent", 1).admitted
    assert desk.woken == []
    assert desk.release("leaves") == ["urgent"]


# -- locks


def test_what_is_left_of_a_deleted_task_holds_its_lock_and_its_place_until_it_is_gone(desk: Desk) -> None:
    desk.queue(max_running=1)
    desk.run("a", locations=(PHOTOS,))
    desk.ask("b", locations=(PHOTOS,), queue="other")
    desk.ask("c")
    desk.woken.clear()
    desk.scheduler.leave_behind(key("a"), key("a (deleted)"))
    assert desk.woken == []
    assert desk.scheduler.are_remains(key("a (deleted)"))
    assert not desk.ask("a", locations=(PHOTOS,)).admitted  # another of its name
    desk.run("a", queue="free")
    desk.scheduler.leave_behind(key("a"), key("a (deleted)"))
    assert desk.scheduler.answer(key("a")).admitted, "the new one keeps its own"
    assert desk.scheduler.usage("q").running == 1
    assert set(desk.release("a (deleted)")) == {"b", "c"}
    assert not desk.scheduler.are_remains(key("a (deleted)"))


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
