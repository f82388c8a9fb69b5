"""Who may run: order, limits, shares, rates, room kept for those that don't fit, locks."""

from bisect import bisect_left

import pytest
from support.waiting import Scene, key, names, uses, wants

from asynctask.api.reasons import Reason
from asynctask.core.admission.ledger import Block, Ledger, Limits
from asynctask.core.admission.lines import Line
from asynctask.core.admission.model import EndpointLimits, Gate, Queue, Running, Task
from asynctask.core.admission.state import AdmissionState

NAS = ("team", "nas")


def many(count: int) -> list[str]:
    return [f"t{index:04}" for index in range(count)]


# order


def test_without_limits_all_run() -> None:
    assert len(Scene().waits(*(wants(name) for name in many(100))).admits()) == 100


def test_the_most_urgent_goes_first_then_who_came_first() -> None:
    scene = Scene(max_running=3).waits(
        wants("late", 3, 20), wants("urgent", 1, 30), wants("early", 3, 10), wants("5", 5, 1)
    )
    assert scene.admits(40) == ["urgent", "early", "late"]


def test_the_most_urgent_task_goes_first_after_each_end() -> None:
    scene = Scene(max_running=1).runs(wants("a")).waits(wants("b", 3), wants("c", 2))
    assert scene.admits() == []
    assert scene.ends("a").admits() == ["c"]
    assert scene.ends("c").admits() == ["b"]


def test_waiting_makes_more_urgent() -> None:
    scene = Scene(max_running=1, promote_after_seconds=100).runs(wants("x"))
    scene.waits(wants("old", 5, at=0), wants("new", 3, at=150))
    assert scene.ends("x").admits(199) == ["new"]
    scene.waits(wants("newest", 3, at=180))
    assert scene.ends("new").admits(201) == ["old"]


def test_waiting_makes_nobody_more_urgent_than_the_most_urgent() -> None:
    scene = Scene(max_running=2, promote_after_seconds=100).runs(wants("greedy/x")).runs(wants("greedy/y"))
    scene.waits(wants("greedy/old", 5, at=0), wants("modest/new", 1, at=900))
    assert scene.ends("greedy/x").admits(1000) == ["modest/new"], "within the class fairness goes before age"


def test_time_away_is_no_waiting() -> None:
    scene = Scene(max_running=1, promote_after_seconds=100).runs(wants("x"))
    scene.waits(wants("displaced", 5, at=0, away_seconds=6000), wants("new", 4, at=6000))
    assert scene.ends("x").admits(6050) == ["new"]


def test_priority_decides_when_a_window_opens_whoever_stood_there_longer() -> None:
    scene = Scene(max_running=1, promote_after_seconds=100).runs(wants("x"))
    scene.waits(wants("of-noon", 5, at=0, shut_seconds=36000), wants("of-night", 2, at=35000, shut_seconds=1000))
    assert scene.ends("x").admits(36000) == ["of-night"]
    assert scene.state.usage("q", 36000).waiting_since == 0


def test_who_waited_for_a_window_ages_from_its_opening() -> None:
    scene = Scene(max_running=1, promote_after_seconds=100).runs(wants("x"))
    scene.waits(wants("of-noon", 3, at=0, shut_seconds=36000), wants("new", 2, at=36150))
    assert scene.ends("x").admits(36099) == ["new"]
    scene.waits(wants("newer", 2, at=36160))
    assert scene.ends("new").admits(36160) == ["of-noon"]


def test_all_who_stood_before_a_window_are_asked_together() -> None:
    line = Line()
    for minute in range(600):
        line.add(wants(f"t{minute}", at=60 * minute, shut_seconds=60 * (600 - minute)))
    assert len(line.groups) == 1


def test_a_changed_priority_counts_at_once() -> None:
    scene = Scene(max_running=1).runs(wants("x")).waits(wants("a", at=1), wants("b", at=2))
    scene.admits(3)
    assert scene.waits(wants("b", 1, at=2)).ends("x").admits(4) == ["b"]


def test_who_is_withdrawn_does_not_start() -> None:
    scene = Scene(max_running=1).waits(wants("a", 1), wants("b"))
    scene.state.withdraw(key("a"))
    assert scene.admits() == ["b"]


def test_of_equals_the_namespace_goes_first_that_runs_least_for_its_weight() -> None:
    scene = Scene(max_running=8, weights={"big": 3}).waits(
        *(wants(f"big/{n}", at=n) for n in range(9)), *(wants(f"small/{n}", at=100 + n) for n in range(9))
    )
    admitted = scene.admits(200)
    assert [name.split("/")[0] for name in admitted].count("big") == 6


def test_urgency_goes_before_fairness() -> None:
    scene = Scene(max_running=3).waits(*(wants(f"a/{n}", 2) for n in range(3)), wants("b/x", 3))
    assert scene.admits() == ["a/0", "a/1", "a/2"]


# limits


@pytest.mark.parametrize(
    ("limits", "first", "second", "reason"),
    [
        ({"max_running": 1}, {}, {}, "QueueFull"),
        ({"max_running": 0}, {}, {}, "QueueFull"),
        ({"max_running_per_namespace": 1}, {}, {}, "NamespaceLimitReached"),
        ({"max_running_per_type": 1}, {"type": "backup"}, {"type": "backup"}, "TypeLimitReached"),
        ({"cpu_milli": 1000}, {"cpu_milli": 600}, {"cpu_milli": 600}, "QueueQuotaExceeded"),
        ({"memory_bytes": 100}, {"memory_bytes": 60}, {"memory_bytes": 60}, "QueueQuotaExceeded"),
        ({"memory_bytes": 100}, {}, {"memory_bytes": 160}, "RequestTooLarge"),
    ],
)  # fmt: skip
def test_a_limit_holds_back_and_says_so(
    limits: dict[str, int], first: dict[str, object], second: dict[str, object], reason: str
) -> None:
    scene = Scene(**limits).waits(wants("a", at=0, **first), wants("b", at=1, **second))
    assert "b" not in scene.admits(2)
    assert scene.why("b") == reason


def test_limits_of_a_namespace_and_a_type_leave_the_others_alone() -> None:
    scene = Scene(max_running_per_namespace=1, max_running_per_type=2)
    scene.waits(*(wants(f"{space}/{n}", at=n, type="x") for space in "abc" for n in range(2)), wants("d/y", type="y"))
    assert sorted(scene.admits(9)) == ["a/0", "b/0", "d/y"]


def test_queues_do_not_count_for_each_other() -> None:
    scene = Scene(max_running=1).limit("other", max_running=1)
    assert scene.waits(wants("a"), wants("b", queue="other")).admits() == ["b", "a"]


def test_a_raised_limit_lets_more_in() -> None:
    scene = Scene(max_running=1).waits(wants("a"), wants("b"))
    assert scene.admits() == ["a"]
    assert scene.limit(max_running=2).admits() == ["b"]


def test_streams_of_an_endpoint_are_shared_by_all_queues() -> None:
    scene = Scene()
    scene.state.set_endpoint(NAS, EndpointLimits(streams=3))
    scene.waits(wants("a", 2, endpoints=(uses(streams=2),)), wants("b", 1, queue="p", endpoints=(uses(streams=2),)))
    assert scene.admits() == ["b"]
    assert scene.why("a") == "EndpointBusy"
    assert scene.ends("b").admits() == ["a"]


def test_a_task_waits_for_the_bandwidth_that_it_needs_at_least() -> None:
    scene = Scene()
    scene.state.set_endpoint(NAS, EndpointLimits(megabytes_per_second=100))
    scene.waits(*(wants(name, endpoints=(uses(least=60),)) for name in "ab"), wants("any", endpoints=(uses(),)))
    assert scene.admits() == ["a", "any"]
    assert scene.why("b") == "BandwidthUnavailable"
    scene.state.set_endpoint(NAS, EndpointLimits(megabytes_per_second=120))
    assert scene.admits() == ["b"]


def test_a_gate_holds_all_back_and_says_until_when() -> None:
    scene = Scene().waits(wants("a"))
    scene.state.set_gate("q", Gate(Reason.OUTSIDE_WINDOW, "Sat 22:00–06:00", opens_at=500))
    assert scene.admits() == []
    refusal = scene.state.refusal(key("a"), 1)
    assert refusal is not None
    assert (refusal.reason, refusal.earliest) == ("OutsideWindow", 500)
    scene.state.set_gate("q", None)
    assert scene.admits() == ["a"]


@pytest.mark.parametrize("per_minute", [1, 7, 60, 61, 600])
def test_no_minute_sees_more_starts_than_the_rate_says_and_few_less(per_minute: int) -> None:
    scene = Scene(start_rate_per_minute=per_minute).waits(*(wants(name) for name in many(4 * per_minute)))
    starts: list[float] = []
    now: float | None = 0.0
    while now is not None and now < 180:
        starts += [now] * len(scene.admits(now))
        now = scene.last.next_pass and max(scene.last.next_pass, now + 0.5)
    windows = [bisect_left(starts, start + 60) - bisect_left(starts, start) for start in sorted(set(starts))]
    assert max(windows) <= per_minute
    assert max(windows) >= 0.95 * per_minute


def test_a_rate_tells_the_earliest_start() -> None:
    scene = Scene(start_rate_per_minute=6).waits(*(wants(name, at=index) for index, name in enumerate("abcd")))
    assert scene.admits(10) == ["a"]
    refusal = scene.state.refusal(key("d"), 10)
    assert refusal is not None
    assert (refusal.reason, refusal.ahead, round(refusal.earliest or 0)) == ("StartRateLimited", 2, 40)


def test_starts_of_long_ago_use_up_no_rate_after_a_restart() -> None:
    scene = Scene(start_rate_per_minute=6)
    for index, name in enumerate(many(50)):
        scene.runs(wants(name), started=100.0 - index)
    scene.waits(wants("a"))
    assert scene.admits(105) == []
    assert scene.admits(111) == ["a"]


# room for those that do not fit


def test_smaller_ones_overtake_one_that_does_not_fit_then_room_is_kept() -> None:
    scene = (
        Scene(cpu_milli=1000, head_of_line_seconds=100).runs(wants("x", cpu_milli=300)).runs(wants("y", cpu_milli=300))
    )
    scene.waits(wants("big", at=0, cpu_milli=900))
    assert scene.admits(1) == []
    assert scene.waits(wants("small", at=1, cpu_milli=200)).admits(50) == ["small"]
    assert scene.waits(wants("late", at=2, cpu_milli=200)).ends("x").admits(151) == []
    assert scene.why("late") == "RoomReserved"
    assert scene.ends("small", "y").admits(152) == ["big"]


def test_nothing_is_kept_for_one_that_can_never_fit() -> None:
    scene = Scene(cpu_milli=1000, head_of_line_seconds=0).waits(
        wants("huge", cpu_milli=2000), wants("small", cpu_milli=900)
    )
    assert scene.admits() == ["small"]


def test_who_waits_for_an_endpoint_keeps_no_room_in_the_queue() -> None:
    scene = Scene(max_running=2, head_of_line_seconds=0)
    scene.state.set_endpoint(NAS, EndpointLimits(streams=1))
    scene.runs(wants("x", queue="other", endpoints=(uses(),)))
    scene.waits(wants("a", 1, endpoints=(uses(),)), wants("b"), wants("c"))
    assert scene.admits(1) == ["b", "c"]
    assert scene.ends("x").waits(wants("d", queue="other", endpoints=(uses(),))).admits(2) == []
    assert scene.ends("b").admits(3) == ["a"]


# locks


def test_who_runs_is_counted_whoever_admitted_it() -> None:
    scene = Scene(max_running=1).waits(wants("b")).runs(wants("a"))
    assert scene.admits() == []
    assert scene.runs(wants("b")).admits() == []
    assert (scene.state.usage("q", 0).running, scene.state.usage("q", 0).waiting) == (2, 0)


def test_told_twice_counts_once() -> None:
    scene = Scene(max_running=2).runs(wants("a")).runs(wants("a"), started=5).runs(wants("a", priority=1))
    assert scene.state.usage("q", 0).running == 1
    assert scene.ends("a", "a").state.usage("q", 0).running == 0


def test_asking_again_after_running_gives_the_place_back() -> None:
    scene = Scene(max_running=1).runs(wants("a")).waits(wants("b"))
    assert scene.waits(wants("a", 5)).admits() == ["b"]


def test_a_flood_into_a_full_queue_needs_no_pass() -> None:
    scene = Scene(max_running=1).runs(wants("x")).waits(wants("a"))
    scene.admits()
    passes = scene.state.passes
    scene.waits(*(wants(name) for name in many(50))).admits()
    assert scene.state.passes == passes
    assert scene.why("t0042") == "QueueFull"


def test_of_tasks_of_all_sizes_only_those_are_asked_that_may_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(memory_bytes=1000).runs(wants("x", memory_bytes=900))
    scene.state.set_endpoint(NAS, EndpointLimits(streams=1))
    scene.runs(wants("y", endpoints=(uses(),)))
    scene.waits(*(wants(name, memory_bytes=200 + n) for n, name in enumerate(many(400))))
    scene.waits(*(wants(f"n{name}", memory_bytes=1 + n % 50, endpoints=(uses(),)) for n, name in enumerate(many(400))))
    asked: list[str] = []
    block = Limits.block

    def counted(limits: Limits, task: Task, taken: Ledger, kept: Ledger) -> Block | None:
        asked.append(task.key[1])
        return block(limits, task, taken, kept)

    monkeypatch.setattr(Limits, "block", counted)
    assert scene.admits(10) == []
    assert len(asked) < 10
    assert {scene.why(name) for name in many(400)} == {"QueueQuotaExceeded"}
    assert {scene.why(f"n{name}") for name in many(400)} == {"EndpointBusy"}
    refusal = scene.state.refusal(key("t0399"), 10)
    assert refusal is not None
    assert (refusal.needed, refusal.used, refusal.limit) == (599, 900, 1000)
    scene.waits(wants("likewise", memory_bytes=599))
    passes = scene.state.passes
    scene.admits(11)
    assert scene.state.passes == passes


def test_what_ends_lets_the_first_in_that_fits_whatever_the_sizes_before_it() -> None:
    scene = Scene(memory_bytes=1000).runs(wants("x", memory_bytes=500)).runs(wants("y", memory_bytes=500))
    scene.waits(*(wants(name, 1, at=n, memory_bytes=999 - n) for n, name in enumerate(many(490))))
    scene.waits(wants("small", 2, memory_bytes=300), wants("smaller", 3, memory_bytes=250), wants("tiny", 3))
    assert scene.admits(500) == ["tiny"]
    assert scene.ends("x").admits(501) == ["small"]


def test_one_that_can_never_fit_does_not_keep_the_one_behind_it_from_getting_room() -> None:
    scene = Scene(memory_bytes=10, head_of_line_seconds=60).runs(wants("x", memory_bytes=5))
    scene.waits(wants("never", 1, memory_bytes=11), wants("large", 2, at=1, memory_bytes=9))
    assert scene.waits(wants("tiny", 3, at=1, memory_bytes=5)).admits(1) == ["tiny"]
    assert scene.waits(wants("small", 3, at=2, memory_bytes=5)).ends("tiny").admits(62) == []
    assert (scene.why("never"), scene.why("large")) == ("RequestTooLarge", "QueueQuotaExceeded")
    assert scene.why("small") == "RoomReserved"


def test_the_same_changes_in_another_state_give_the_same_answers() -> None:
    def run() -> list[str]:
        state = AdmissionState()
        state.set_queue(Queue("q", max_running=4, weights={"a": 2}))
        for index in range(40):
            state.submit(wants(f"{'ab'[index % 2]}/{index}", 1 + index % 5, at=index))
        found: list[str] = []
        for now in range(10):
            admitted = state.admit(100 + now).admitted
            found += names(admitted)
            for gone in admitted[::2]:
                state.ended(gone)
        return found

    assert run() == run()


def test_a_running_task_told_with_other_values_is_counted_with_those() -> None:
    state = AdmissionState()
    state.started(Running(wants("a", cpu_milli=5), 0))
    state.started(Running(wants("a", cpu_milli=9), 0))
    assert state.usage("q", 0).cpu_milli == 9
