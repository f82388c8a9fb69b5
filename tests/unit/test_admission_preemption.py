"""Who steps aside for whom: only for the urgent, only if it makes room, least work lost first, within the budget."""

from typing import Any

from support.waiting import Scene, key, names, uses, wants, writes

from asynctask.core.admission.model import EndpointLimits, Preemption, Running

MINUTE = 60.0


def full(**limits: Any) -> Scene:
    """A queue that preempts; its tasks started at 0 and it is a minute and a bit later."""
    rules = Preemption(enabled=True, **limits.pop("rules", {}))
    scene = Scene(preemption=rules, **limits)
    scene.now = 61
    return scene


def displaced(scene: Scene, now: float | None = None) -> dict[str, list[str]]:
    """Victims by who displaces them."""
    scene.admits(now)
    return {displacement.by[1]: names(displacement.victims) for displacement in scene.last.displaced}


def test_the_urgent_displace_the_least_urgent() -> None:
    scene = full(max_running=2).runs(wants("a", 5)).runs(wants("b", 4)).waits(wants("urgent", 1))
    assert displaced(scene) == {"urgent": ["a"]}
    assert scene.state.displaced_by(key("a")) == key("urgent")


def test_nobody_is_displaced_where_that_is_off() -> None:
    assert displaced(Scene(max_running=1).runs(wants("a", 5)).waits(wants("urgent", 1)), 100) == {}


def test_equals_are_left_alone() -> None:
    assert displaced(full(max_running=1).runs(wants("a", 2)).waits(wants("urgent", 2))) == {}


def test_the_distance_between_classes_counts() -> None:
    scene = full(max_running=1, rules={"min_distance": 2}).runs(wants("a", 3)).waits(wants("b", 2))
    assert displaced(scene) == {}
    assert displaced(scene.waits(wants("c", 1))) == {"c": ["a"]}


def test_waiting_does_not_make_urgent_enough_to_displace() -> None:
    scene = full(max_running=1, promote_after_seconds=10).runs(wants("a", 4)).waits(wants("old", 5, at=0))
    assert displaced(scene, 1000) == {}


def test_who_waited_long_for_its_place_keeps_it() -> None:
    scene = full(max_running=1, promote_after_seconds=10).runs(wants("a", 5, at=-1000), started=0)
    assert displaced(scene.waits(wants("urgent", 1))) == {}


def test_newest_checkpoint_goes_first() -> None:
    scene = full(max_running=3)
    scene.runs(wants("old", 5), checkpoint=10).runs(wants("new", 5), checkpoint=50).runs(wants("none", 5))
    assert displaced(scene.waits(wants("urgent", 1))) == {"urgent": ["new"]}


def test_a_checkpoint_saved_meanwhile_counts() -> None:
    scene = full(max_running=2).runs(wants("a", 5), checkpoint=10).runs(wants("b", 5), checkpoint=20)
    scene.state.checkpointed(key("a"), 60)
    assert displaced(scene.waits(wants("urgent", 1))) == {"urgent": ["a"]}


def test_a_task_is_left_alone_at_first() -> None:
    scene = full(max_running=1).runs(wants("a", 5), started=30).waits(wants("urgent", 1))
    assert displaced(scene) == {}
    assert scene.last.next_pass == 30 + MINUTE
    assert displaced(scene, 30 + MINUTE) == {"urgent": ["a"]}


def test_who_cannot_be_displaced_is_not() -> None:
    scene = full(max_running=2).runs(wants("a", 5, preemptible=False)).runs(wants("b", 4)).waits(wants("urgent", 1))
    assert displaced(scene) == {"urgent": ["b"]}


def test_nobody_is_displaced_in_vain() -> None:
    scene = full(cpu_milli=1000).runs(wants("a", 5, cpu_milli=400)).runs(wants("b", 1, cpu_milli=400))
    assert displaced(scene.waits(wants("urgent", 1, cpu_milli=900))) == {}


def test_nobody_is_displaced_for_an_endpoint_that_others_fill() -> None:
    scene = full().runs(wants("a", 5)).runs(wants("b", 5, queue="other", endpoints=(uses(),)))
    scene.state.set_endpoint(("team", "nas"), EndpointLimits(streams=1))
    assert displaced(scene.waits(wants("urgent", 1, endpoints=(uses(),)))) == {}


def test_streams_are_room_too() -> None:
    scene = full().runs(wants("a", 5)).runs(wants("b", 4, endpoints=(uses(),)))
    scene.state.set_endpoint(("team", "nas"), EndpointLimits(streams=1))
    assert displaced(scene.waits(wants("urgent", 1, endpoints=(uses(),)))) == {"urgent": ["b"]}


def test_several_make_room_together_and_nobody_more_than_needed() -> None:
    scene = full(cpu_milli=1000)
    scene.runs(wants("tiny", 5, cpu_milli=100)).runs(wants("half", 4, cpu_milli=500)).runs(
        wants("rest", 3, cpu_milli=400)
    )
    assert displaced(scene.waits(wants("urgent", 1, cpu_milli=500))) == {"urgent": ["half"]}
    assert displaced(scene.waits(wants("more", 1, at=1, cpu_milli=500))) == {"more": ["tiny", "rest"]}


def test_the_limit_of_a_namespace_is_made_room_in_by_its_own() -> None:
    scene = full(max_running_per_namespace=1).runs(wants("other/a", 5)).runs(wants("b", 4))
    assert displaced(scene.waits(wants("urgent", 1))) == {"urgent": ["b"]}


def test_nobody_is_displaced_for_a_lock() -> None:
    scene = full(max_running=1).runs(wants("a", 5, locations=(writes("/x"),)))
    assert displaced(scene.waits(wants("urgent", 1, locations=(writes("/x"),)))) == {}


def test_never_more_than_the_budget_of_the_hour() -> None:
    scene = full(max_running=3, rules={"max_per_hour": 2})
    for name in "abc":
        scene.runs(wants(name, 5))
    scene.waits(*(wants(f"urgent{n}", 1, at=n) for n in range(3)))
    assert list(displaced(scene)) == ["urgent0", "urgent1"]
    assert sum(len(d.victims) for d in scene.last.displaced) == 2
    assert displaced(scene, 1000) == {}
    assert scene.state.usage("q", 1000).displaced_last_hour == 2
    assert len(displaced(scene.runs(wants("a", 5), started=1), 61 + 3600)) == 1


def test_what_was_displaced_before_a_restart_counts() -> None:
    scene = full(max_running=1, rules={"max_per_hour": 1}).runs(wants("a", 5)).waits(wants("urgent", 1))
    scene.state.recall_displacement("q", 10)
    assert displaced(scene) == {}
    assert displaced(scene, 10 + 3600) == {"urgent": ["a"]}


def test_the_room_is_for_whom_it_was_made() -> None:
    scene = full(max_running=1, promote_after_seconds=50).runs(wants("a", 5, at=-60)).waits(wants("urgent", 3, at=61))
    assert displaced(scene) == {"urgent": ["a"]}
    assert displaced(scene, 62) == {}
    scene.waits(wants("a", 5, at=-200), wants("rival", 2, at=63))
    assert scene.admits(64) == ["urgent"]


def test_room_is_made_once_for_each() -> None:
    scene = full(max_running=2).runs(wants("a", 5)).runs(wants("b", 5)).waits(wants("u1", 1))
    assert len(displaced(scene)) == 1
    assert displaced(scene.waits(wants("c", 5)), 70) == {}
    assert list(displaced(scene.waits(wants("u2", 1, at=1)), 71)) == ["u2"]


def test_a_victim_that_is_told_again_is_still_leaving() -> None:
    scene = full(max_running=1).runs(wants("a", 5)).waits(wants("urgent", 1))
    displaced(scene)
    scene.state.started(Running(wants("a", 4), 0, 5))
    assert scene.state.displaced_by(key("a")) == key("urgent")
    assert displaced(scene, 62) == {}


def test_who_gives_up_leaves_the_room_to_others() -> None:
    scene = full(max_running=1).runs(wants("a", 5)).waits(wants("urgent", 1), wants("b", 5))
    displaced(scene)
    scene.state.withdraw(key("urgent"))
    assert scene.ends("a").admits(70) == ["b"]


def test_the_room_is_not_for_others_though_one_like_it_came_earlier() -> None:
    scene = full(max_running=1, weights={"other": 9}).runs(wants("other/x", 1, locations=(writes("/x"),), queue="p"))
    scene.runs(wants("a", 5)).waits(wants("locked", 1, at=1, locations=(writes("/x"),)), wants("urgent", 1, at=2))
    assert displaced(scene) == {"urgent": ["a"]}
    scene.state.submit(wants("other/rival", 1, at=3))
    assert scene.ends("a").admits(70) == ["urgent"]
