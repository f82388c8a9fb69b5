"""What is remembered of schedules and their tasks, and whom a change concerns."""

from typing import Any

from asynctask.adapters.schedulestore import ScheduleStore

Body = dict[str, Any]
KEY = ("nas", "nightly")


def schedule(version: int = 1, uid: str = "s1", **status: Any) -> Body:
    meta = {
        "namespace": "nas",
        "name": "nightly",
        "uid": uid,
        "resourceVersion": str(version),
        "annotations": {"a": "b"},
    }
    return {
        "metadata": meta,
        "spec": {"schedule": "0 * * * *", "taskTemplate": {"spec": {"type": "x"}}},
        "status": status,
    }


def task(version: int = 2, name: str = "nightly-1", uid: str = "t1", owner: str = "s1", **status: Any) -> Body:
    owners = [{"apiVersion": "asynctask.io/v1alpha1", "kind": "TaskSchedule", "uid": owner, "controller": True}]
    meta = {
        "namespace": "nas",
        "name": name,
        "uid": uid,
        "resourceVersion": str(version),
        "creationTimestamp": "2030-01-01T00:00:00Z",
    }
    return {"metadata": {**meta, "ownerReferences": owners}, "spec": {}, "status": status}


def known() -> ScheduleStore:
    store = ScheduleStore()
    store.apply("ADDED", schedule())
    return store


def test_a_schedule_is_read_as_it_was_last_seen() -> None:
    store = known()
    assert store.apply("MODIFIED", schedule(3, lastTask="a")) == {KEY}
    assert store.apply("MODIFIED", schedule(2, lastTask="b")) == set()
    found = store.schedule(KEY)
    assert found is not None
    assert found.status.last_task == "a"
    assert store.raw(KEY)["spec"]["taskTemplate"]["spec"] == {"type": "x"}


def test_one_that_is_gone_stays_gone() -> None:
    store = known()
    assert store.apply("DELETED", schedule(2)) == {KEY}
    assert store.apply(None, schedule(1)) == set()
    assert store.schedule(KEY) is None
    assert store.apply("ADDED", schedule(4, uid="s2")) == {KEY}


def test_a_new_one_of_that_name_has_none_of_its_tasks() -> None:
    store = known()
    store.apply_task("ADDED", task())
    store.apply("DELETED", schedule(3))
    store.apply("ADDED", schedule(4, uid="s2"))
    assert store.tasks_of("s2") == ()


def test_the_end_of_a_task_wakes_its_schedule_and_its_progress_does_not() -> None:
    store = known()
    assert store.apply_task("ADDED", task()) == {KEY}
    assert store.apply_task("MODIFIED", task(3, progress={"bytesDone": 1})) == set()
    ended = {
        "run": 1,
        "completionTime": "2030-01-01T01:00:00Z",
        "conditions": [{"type": "Succeeded", "status": "True"}],
    }
    assert store.apply_task("MODIFIED", task(4, **ended)) == {KEY}
    assert store.apply_task("MODIFIED", task(3)) == set()
    assert [line.outcome for line in store.tasks_of("s1")] == ["succeeded"]


def test_a_task_that_goes_is_forgotten_for_good() -> None:
    store = known()
    store.apply_task("ADDED", task())
    assert store.apply_task(
        "DELETED", {"metadata": {"namespace": "nas", "name": "nightly-1", "uid": "t1", "resourceVersion": "5"}}
    ) == {KEY}
    assert store.apply_task(None, task(4)) == set()
    assert store.tasks_of("s1") == ()


def test_tasks_may_be_seen_before_their_schedule() -> None:
    store = ScheduleStore()
    assert store.apply_task("ADDED", task()) == set()
    store.apply("ADDED", schedule())
    assert [line.name for line in store.tasks_of("s1")] == ["nightly-1"]


def test_tasks_of_others_are_nobodys() -> None:
    store = known()
    body = task()
    for owner in ({}, {"controller": False}, {"kind": "Stage"}, {"apiVersion": "batch/v1"}):
        body["metadata"]["ownerReferences"] = [{**task()["metadata"]["ownerReferences"][0], **owner}] if owner else []
        assert store.apply_task("ADDED", body) == set()
    assert store.tasks_of("s1") == ()
