"""What those that wait are told, and how full queues are."""

from support.waiting import Scene, key, wants, writes

from asynctask.core.admission.texts import describe

NAS = ("team", "nas")


def test_positions_are_those_of_the_turns() -> None:
    scene = Scene(max_running=1).runs(wants("x"))
    scene.waits(wants("a", 3, 1), wants("b", 3, 2), wants("c", 1, 3), wants("other/d", 3, 4))
    scene.admits(5)
    ahead = {name: scene.state.refusal(key(name), 5) for name in ("a", "b", "c", "other/d")}
    assert {name: refusal.ahead for name, refusal in ahead.items() if refusal} == {"c": 0, "other/d": 1, "a": 2, "b": 3}


def test_a_sentence_for_each_reason() -> None:
    scene = Scene(max_running=1).runs(wants("x")).waits(wants("a"))
    scene.admits()
    refusal = scene.state.refusal(key("a"), 0)
    assert refusal is not None
    assert describe(refusal) == "waiting in queue q: 1 of 1 run, 0 ahead of it when this was written"
    scene = Scene(cpu_milli=1500).runs(wants("x", cpu_milli=1000)).waits(wants("a", cpu_milli=750))
    scene.admits()
    refusal = scene.state.refusal(key("a"), 0)
    assert refusal is not None
    assert "it needs 0.75 CPUs, and 1 CPUs of 1.5 CPUs are in use (quota.cpu)" in describe(refusal)


def test_names_of_other_namespaces_are_not_told() -> None:
    scene = Scene().runs(wants("secret/project", locations=(writes("/x"),)))
    scene.waits(wants("a", locations=(writes("/x"),)))
    scene.admits()
    refusal = scene.state.refusal(key("a"), 0)
    assert refusal is not None
    assert "project" not in describe(refusal, "team")
    assert "task project uses /x" in describe(refusal, "secret")


def test_how_full_a_queue_is() -> None:
    scene = (
        Scene(max_running=1).runs(wants("x", cpu_milli=5, memory_bytes=7)).waits(wants("a", 1, 10), wants("b", 4, 5))
    )
    scene.admits(20)
    usage = scene.state.usage("q", 20)
    assert (usage.running, usage.cpu_milli, usage.memory_bytes, usage.waiting) == (1, 5, 7, 2)
    assert (usage.waiting_by_priority, usage.waiting_since) == (((1, 1), (4, 1)), 5)


# after a restart, and in a flood
