"""The cache: older echoes change nothing, the dead stay dead, indexes hold what there is."""

import tracemalloc
from typing import Any

import msgspec
import pytest

from asynctask.adapters.store import MAX_CONFIG_BYTES, MAX_TOMBSTONES, Store
from asynctask.api import names
from asynctask.core.observed import Job, Pod

Body = dict[str, Any]
NIGHTLY = ("team", "nightly")


def task(
    name: str = "nightly", version: int = 1, uid: str = "", labels: Body | None = None, owner: str = "", **spec: Any
) -> Body:
    meta: Body = {
        "namespace": "team",
        "name": name,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "labels": labels or {},
    }
    if owner:
        meta["ownerReferences"] = [{"kind": owner, "name": "x", "uid": "x", "controller": True}]
    return {"metadata": meta, "spec": {"type": "backup", **spec}, "status": {}}


def stage(name: str = "scan", version: int = 2, of: str = "uid-nightly", uid: str = "") -> Body:
    template = {"name": name, "job": {"image": "x"}}
    return {
        "metadata": {"namespace": "team", "name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)},
        "spec": {"taskName": "nightly", "taskUID": of, "run": 1, "template": template},
    }


def child(kind: type[Job] | type[Pod], name: str, version: int = 3, of: str = "uid-nightly", uid: str = "") -> Any:
    labels = {names.LABEL_TASK_UID: of} if of else {}
    meta = {
        "namespace": "team",
        "name": name,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "labels": labels,
    }
    return msgspec.convert({"metadata": meta}, kind)


@pytest.fixture
def store() -> Store:
    return Store()


def version_of(store: Store) -> int:
    return store.tasks[NIGHTLY].version


def test_a_task_is_taken_in_once(store: Store) -> None:
    assert store.apply_task("ADDED", task()) == {NIGHTLY}
    assert store.apply_task("ADDED", task()) == set()
    assert store.apply_task("MODIFIED", task(version=2)) == {NIGHTLY}


def test_an_older_echo_changes_nothing(store: Store) -> None:
    store.apply_task("MODIFIED", task(version=10))
    assert store.apply_task("MODIFIED", task(version=9)) == set()
    assert version_of(store) == 10


def test_versions_are_numbers(store: Store) -> None:
    store.apply_task("ADDED", task(version=9))
    assert store.apply_task("MODIFIED", task(version=10)) == {NIGHTLY}


def test_the_dead_stay_dead(store: Store) -> None:
    store.apply_task("ADDED", task(version=5))
    store.apply_task("DELETED", task(version=6))
    assert store.apply_task("MODIFIED", task(version=7)) == set()
    assert not store.tasks
    assert not store.key_of_uid


def test_a_deleted_task_is_looked_at_once_more_so_that_its_place_is_given_back(store: Store) -> None:
    store.apply_task("ADDED", task())
    assert NIGHTLY in store.apply_task("DELETED", task(version=2))


def test_a_successor_of_the_same_name_is_another_task(store: Store) -> None:
    store.apply_task("ADDED", task(version=5, uid="first"))
    store.apply_task("ADDED", task(version=9, uid="second"))
    assert store.key_of_uid == {"second": NIGHTLY}
    store.apply_task("DELETED", task(version=8, uid="first"))
    assert store.tasks[NIGHTLY].uid == "second"


def test_a_task_that_depends_on_another_is_woken_with_it(store: Store) -> None:
    store.apply_task("ADDED", task("after", dependsOn=[{"name": "nightly"}]))
    assert store.apply_task("ADDED", task()) == {NIGHTLY, ("team", "after")}
    assert ("team", "after") in store.apply_task("DELETED", task(version=2))
    store.apply_task("MODIFIED", task("after", version=2))
    assert store.apply_task("ADDED", task(version=3, uid="new")) == {NIGHTLY}


def test_a_parent_is_woken_with_its_child(store: Store) -> None:
    store.apply_task("ADDED", task())
    made = task("part", labels={names.LABEL_TASK_UID: "uid-nightly"}, owner="Stage")
    assert store.apply_task("ADDED", made) == {NIGHTLY, ("team", "part")}
    assert [found.name for found in store.children("uid-nightly")] == ["part"]
    made["metadata"]["resourceVersion"] = "2"
    assert NIGHTLY in store.apply_task("DELETED", made)
    assert list(store.children("uid-nightly")) == []


def test_progress_of_a_task_is_nothing_to_those_that_wait_for_it(store: Store) -> None:
    store.apply_task("ADDED", task())
    store.apply_task("ADDED", task("after", dependsOn=[{"name": "part"}]))
    labels = {names.LABEL_TASK_UID: "uid-nightly"}
    waiting = {NIGHTLY, ("team", "after"), ("team", "part")}
    assert store.apply_task("ADDED", task("part", labels=labels, owner="Stage")) == waiting
    for version, status, woken in (
        (2, {"run": 1, "phase": "Running", "message": "43%"}, {("team", "part")}),
        (3, {"run": 1, "phase": "Invalid", "message": "spec.type: there is none"}, waiting),
        (4, {"run": 1, "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]}, waiting),
        (
            5,
            {"run": 1, "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]},
            {("team", "part")},
        ),
    ):
        assert (
            store.apply_task("MODIFIED", task("part", version, labels=labels, owner="Stage") | {"status": status})
            == woken
        )


def test_all_in_a_circle_are_woken_when_it_closes_and_when_it_opens(store: Store) -> None:
    store.apply_task("ADDED", task("a", dependsOn=[{"name": "b"}]))
    store.apply_task("ADDED", task("b", dependsOn=[{"name": "c"}]))
    ring = {("team", name) for name in "abc"}
    assert store.apply_task("ADDED", task("c", dependsOn=[{"name": "a"}])) == ring
    assert store.dependencies.cycle(("team", "c")) == ("c", "a", "b", "c")
    assert store.apply_task("DELETED", task("b", version=2)) == ring
    assert store.dependencies.cycle(("team", "c")) == ()


def test_a_label_alone_makes_no_child(store: Store) -> None:
    store.apply_task("ADDED", task())
    store.apply_task("ADDED", task("thief", labels={names.LABEL_TASK_UID: "uid-nightly"}))
    assert list(store.children("uid-nightly")) == []


def test_stages_jobs_and_pods_wake_their_task(store: Store) -> None:
    store.apply_task("ADDED", task())
    assert store.apply_stage("ADDED", stage()) == {NIGHTLY}
    assert store.apply_job("ADDED", child(Job, "j")) == {NIGHTLY}
    assert store.apply_pod("ADDED", child(Pod, "p")) == {NIGHTLY}
    assert [found.metadata.name for found in store.stages_of("uid-nightly")] == ["scan"]


def test_children_may_come_before_their_task(store: Store) -> None:
    assert store.apply_stage("ADDED", stage()) == set()
    assert store.apply_job("ADDED", child(Job, "j")) == set()
    assert store.apply_task("ADDED", task()) == {NIGHTLY}
    assert len(store.stages_of("uid-nightly")) == 1


@pytest.mark.parametrize("kind", [Job, Pod])
def test_older_echoes_of_children_change_nothing(store: Store, kind: type[Job] | type[Pod]) -> None:
    take, index = (store.apply_job, store.jobs) if kind is Job else (store.apply_pod, store.pods)
    take("MODIFIED", child(kind, "x", version=10))
    take("MODIFIED", child(kind, "x", version=9))
    assert index["uid-nightly"]["x"].metadata.resource_version == "10"
    take("DELETED", child(kind, "x", version=11))
    take("MODIFIED", child(kind, "x", version=12))
    assert not index.get("uid-nightly")
    take("ADDED", child(kind, "x", version=13, uid="another"))
    take("DELETED", child(kind, "x", version=11))
    assert index["uid-nightly"]["x"].metadata.uid == "another"


def test_objects_that_are_not_ours_are_not_kept(store: Store) -> None:
    assert store.apply_pod("ADDED", child(Pod, "p", of="")) == set()
    assert not store.pods


def test_nothing_is_left_of_what_is_gone(store: Store) -> None:
    store.apply_task("ADDED", task("nightly", dependsOn=[{"name": "x"}]))
    store.apply_task("ADDED", task("part", labels={names.LABEL_TASK_UID: "uid-nightly"}, owner="Stage"))
    for event, version in (("ADDED", 5), ("DELETED", 6), ("MODIFIED", 7)):
        store.apply_stage(event, stage(version=version))
        store.apply_job(event, child(Job, "j", version=version))
        store.apply_pod(event, child(Pod, "p", version=version))
    store.apply_task("DELETED", task("part", version=9, labels={names.LABEL_TASK_UID: "uid-nightly"}, owner="Stage"))
    store.apply_task("DELETED", task(version=9, dependsOn=[{"name": "x"}]))
    left = {name: value for name, value in vars(store).items() if value and isinstance(value, dict) and name != "_gone"}
    assert left == {}


def test_the_list_of_the_dead_is_bounded(store: Store) -> None:
    for number in range(MAX_TOMBSTONES + 10):
        store.apply_pod("DELETED", child(Pod, "p", uid=str(number)))
    assert len(store._gone) == MAX_TOMBSTONES


def test_a_config_that_is_far_too_large_is_not_kept_but_remembered_as_such(store: Store) -> None:
    store.apply_task("ADDED", task(config={"x": "y" * (MAX_CONFIG_BYTES * 4)}))
    assert len(store.tasks[NIGHTLY].raw) < MAX_CONFIG_BYTES * 2
    found = store.task(NIGHTLY)
    assert found is not None
    assert len(str(found.spec.config)) >= MAX_CONFIG_BYTES


def referred(name: str, version: int, **spec: Any) -> Body:
    return {"metadata": {"namespace": "team", "name": name, "resourceVersion": str(version)}, "spec": spec}


STAGES = [{"name": "a", "job": {"image": "x"}}]


@pytest.mark.parametrize(
    ("status", "generation", "expected"),
    [
        ({}, 1, (0, False)),
        ({"phase": "Queued", "priority": 2, "run": 1, "observedGeneration": 1}, 1, (2, False)),
        ({"phase": "Queued", "priority": 2, "run": 1, "observedGeneration": 1}, 2, (0, False)),
        ({"phase": "Running", "priority": 2, "run": 1, "observedGeneration": 1}, 1, (0, False)),
        ({"phase": "Succeeded", "completionTime": "x", "run": 1, "observedGeneration": 1}, 1, (0, True)),
        ({"phase": "Succeeded", "completionTime": "x", "run": 1, "observedGeneration": 1}, 2, (0, False)),
    ],
)
def test_what_the_status_says_of_waiting_holds_for_the_spec_that_it_speaks_of(
    store: Store, status: Body, generation: int, expected: tuple[int, bool]
) -> None:
    body = task()
    body["metadata"]["generation"] = generation
    store.apply_task("ADDED", body | {"status": status})
    entry = store.tasks[NIGHTLY]
    assert (entry.queued_priority, entry.is_over) == expected


def test_a_type_wakes_the_tasks_that_use_it(store: Store) -> None:
    store.apply_task("ADDED", task())
    store.apply_task("ADDED", task("other", type="sync"))
    assert store.apply_type("ADDED", referred("backup", 1, stages=STAGES)) == {NIGHTLY}
    assert store.apply_type("MODIFIED", referred("backup", 2, stages=STAGES)) == set()  # only its status changed
    assert store.apply_type("MODIFIED", referred("backup", 3, stages=STAGES, defaultPriority=1)) == {NIGHTLY}
    assert store.apply_type("DELETED", referred("backup", 4)) == {NIGHTLY}
    assert not store.types


def test_a_type_that_can_t_be_read_is_as_good_as_gone(store: Store) -> None:
    store.apply_task("ADDED", task())
    store.apply_type("ADDED", referred("backup", 1, stages=STAGES))
    assert store.apply_type("MODIFIED", referred("backup", 2, stages="none")) == {NIGHTLY}
    assert not store.types


def test_a_queue_wakes_the_tasks_in_it(store: Store) -> None:
    store.apply_task("ADDED", task(queueName="night"))
    store.apply_task("ADDED", task("other"))
    assert store.apply_queue("ADDED", referred("night", 1, maxRunning=1)) == {NIGHTLY}
    assert store.apply_queue("ADDED", referred("night", 1, maxRunning=1)) == set()


def test_an_endpoint_wakes_the_tasks_of_its_namespace(store: Store) -> None:
    store.apply_task("ADDED", task())
    body = referred("photos", 1, path="/nas/photos", volume={"claimName": "p"})
    assert store.apply_endpoint("ADDED", body) == {NIGHTLY}
    body["metadata"]["namespace"] = "elsewhere"
    assert store.apply_endpoint("ADDED", body) == set()


def test_a_task_takes_little_more_than_its_json(store: Store) -> None:
    words = "waits for a place in its queue " * 20
    tracemalloc.start()
    try:
        for number in range(500):
            store.apply_task("ADDED", {**task(f"task-{number}"), "status": {"message": words}})
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    raw = sum(len(entry.raw) for entry in store.tasks.values())
    assert taken < 2.2 * raw


@pytest.mark.parametrize("kind", [Job, Pod])
def test_what_a_deleted_task_leaves_at_work_is_known_until_it_is_gone(
    store: Store, kind: type[Job] | type[Pod]
) -> None:
    apply = store.apply_job if kind is Job else store.apply_pod
    store.apply_task("ADDED", task())
    apply("ADDED", child(kind, "scan"))
    store.apply_task("DELETED", task(version=5))
    assert store.remains == {"uid-nightly": NIGHTLY}
    assert store.is_at_work("uid-nightly")
    assert apply("DELETED", child(kind, "scan", version=6)) == {NIGHTLY}
    assert not store.is_at_work("uid-nightly")


def test_nothing_is_left_of_a_task_that_did_not_work(store: Store) -> None:
    store.apply_task("ADDED", task())
    store.apply_task("DELETED", task(version=5))
    assert store.remains == {}
