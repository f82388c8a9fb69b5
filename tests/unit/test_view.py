"""The cluster in memory: rows, indexes, who is told."""

import asyncio
import tracemalloc
from typing import Any

import msgspec
import pytest

from asynctask.core.statuses import TaskStatus
from asynctask.gateway.front.view import Change, TaskRow, rows
from asynctask.gateway.front.view.changes import Changes
from asynctask.gateway.front.view.leaving import Leaving
from asynctask.gateway.front.view.objects import Stage, Task, Whole
from asynctask.gateway.front.view.tables import StageTable, Table


def task_object(number: int = 1, version: int = 1, *, uid: str = "", name: str = "", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "AsyncTask",
        "metadata": {
            "name": name or f"nightly-{number}",
            "namespace": f"team-{number % 3}",
            "uid": uid or f"00000000-0000-0000-0000-{number:012d}",
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"asynctask.io/schedule": "nightly", "other": "x" * 60},
            "annotations": {"asynctask.io/submitted-by": "ann", "notes": "y" * 300},
            "managedFields": [{"manager": "z" * 500, "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {
            "type": "file-backup",
            "config": {"source_path": "/nas/photos", "exclude": ["*.tmp"] * 20},
            "priority": 2,
            "activeDeadlineSeconds": 60,
        },
        "status": {"phase": "Pending", **status},
    }


def task_row(*args: Any, **kwargs: Any) -> TaskRow:
    return rows.task_row(msgspec.json.decode(msgspec.json.encode(task_object(*args, **kwargs)), type=Task))


def table(told: list[Change] | None = None) -> Table[TaskRow]:
    return Table("task", told.append if told is not None else lambda _: None)


def test_a_task_is_kept_as_lists_show_it() -> None:
    row = task_row(
        phase="Running",
        run=1,
        startTime="2026-01-01T00:00:10Z",
        stage="content",
        progress={"bytesDone": 25, "bytesTotal": 100},
        waiting={"reason": "QueueFull", "ahead": 3},
    )
    assert (row.namespace, row.name, row.type, row.queue) == ("team-1", "nightly-1", "file-backup", "default")
    assert (row.owner, row.schedule, row.priority, row.status) == ("ann", "nightly", 2, TaskStatus.RUNNING)
    assert row.submitted == 1_767_225_600_000_000
    assert row.deadline == row.submitted + 70_000_000
    assert (row.percent, row.reason) == (25, "QueueFull")


def test_a_task_that_is_asked_for_another_run_is_not_over() -> None:
    again = task_object(phase="Succeeded", run=1)
    assert rows.task_row(msgspec.convert(again, Task)).is_over
    again["spec"]["run"] = 2
    assert not rows.task_row(msgspec.convert(again, Task)).is_over


@pytest.mark.parametrize("kind", ["approval", "wait", "task", "job"])
def test_a_stage_is_of_a_kind(kind: str) -> None:
    stage = {
        "metadata": {"name": "s", "namespace": "a", "uid": "u", "resourceVersion": "5"},
        "spec": {"taskName": "t", "taskUID": "tu", "run": 1, "template": {"name": "copy", kind: {"image": "x"}}},
        "status": {"lastError": {"reason": "DiskFull"}, "itemErrors": {"count": 7, "first": []}},
    }
    row = rows.stage_row(msgspec.convert(stage, Stage))
    assert (row.kind, row.stage, row.reason, row.item_error_count) == (kind, "copy", "DiskFull", 7)


def test_an_object_is_kept_whole_but_for_who_wrote_what() -> None:
    body = task_object()
    kept = rows.object_row(msgspec.convert(body, Whole)).object()
    assert kept["spec"] == body["spec"]
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == body["metadata"]["annotations"]


def test_a_row_is_found_by_uid_by_name_and_by_namespace() -> None:
    tasks = table()
    for number in range(9):
        tasks.put(task_row(number))
    row = task_row(4)
    assert tasks.get(row.uid) == tasks.named("team-1", "nightly-4") == row
    assert {found.namespace for found in tasks.within({"team-1", "team-9"})} == {"team-1"}
    assert len(list(tasks.within({"team-1", "team-9"}))) == 3
    assert len(list(tasks.within(None))) == 9
    tasks.drop(row.uid)
    assert tasks.named("team-1", "nightly-4") is None
    assert len(tasks) == 8


def test_old_news_change_nothing() -> None:
    told: list[Change] = []
    tasks = table(told)
    assert tasks.put(task_row(version=5, message="new"))
    assert not tasks.put(task_row(version=5))
    assert not tasks.put(task_row(version=4, message="old"))
    assert tasks.put(task_row(version=6))
    uid = task_row().uid
    assert tasks.drop(uid)
    assert not tasks.drop(uid)
    assert not tasks.put(task_row(version=7)), "what is deleted stays so"
    assert [(bool(change.before), bool(change.row)) for change in told] == [(False, True), (True, True), (True, False)]


def test_a_task_made_anew_under_an_old_name_takes_its_place() -> None:
    tasks = table()
    tasks.put(task_row(1, uid="old", name="same"))
    tasks.put(task_row(1, 2, uid="new", name="same"))
    found = tasks.named("team-1", "same")
    assert found is not None
    assert found.uid == "new"
    assert tasks.get("old") is None
    tasks.drop("old")
    assert tasks.named("team-1", "same") is found


def test_stages_are_found_by_their_task() -> None:
    stages = StageTable(lambda _: None)
    for number, run in ((1, 2), (2, 1), (3, 1)):
        stage = {
            "metadata": {
                "name": f"s{number}", "namespace": "a", "uid": f"u{number}", "resourceVersion": "5",
                "creationTimestamp": f"2026-01-01T00:00:0{number}Z",
            },
            "spec": {"taskName": "t", "taskUID": "tu", "run": run, "template": {"name": "copy"}},
        }  # fmt: skip
        stages.put(rows.stage_row(msgspec.convert(stage, Stage)))
    assert [row.uid for row in stages.of_task("tu")] == ["u2", "u3", "u1"]
    stages.drop("u3")
    assert [row.uid for row in stages.of_task("tu")] == ["u2", "u1"]


async def test_a_listener_hears_of_the_kinds_that_it_asked_for() -> None:
    changes = Changes()
    with changes.listen("task") as mine, changes.listen() as every:
        changes.tell(Change("task", task_row(1)))
        changes.tell(Change("queue", rows.object_row(msgspec.convert(task_object(2), Whole))))
        assert [change.kind for change in (await mine.next()).changes] == ["task"]
        assert [change.kind for change in (await every.next()).changes] == ["task", "queue"]
    changes.tell(Change("task", task_row(1)))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await mine.next()


async def test_a_slow_listener_loses_changes_is_told_so_and_holds_up_nobody() -> None:
    changes = Changes()
    with changes.listen(room=10) as slow, changes.listen(room=100) as quick:
        for number in range(15):
            changes.tell(Change("task", task_row(number)))
        lost = await slow.next()
        assert lost.is_reset
        assert [change.known.name for change in lost.changes] == [f"nightly-{number}" for number in range(10, 15)]
        whole = await quick.next()
        assert not whole.is_reset
        assert len(whole.changes) == 15
        changes.tell(Change("task", task_row(1)))
        assert not (await slow.next()).is_reset


async def test_a_task_leaves_when_the_archive_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asynctask.gateway.front.view.leaving.ASK_SECONDS", 0.01)
    asked: list[list[str]] = []
    has: set[str] = set()
    gone = asyncio.Event()

    async def archive(uids: Any) -> set[str]:
        asked.append(list(uids))
        if len(asked) == 1:
            has.add(leaving_uid)
            raise ConnectionError("the database is away")
        gone.set()
        return has

    leaving_uid = task_row(1).uid
    leaving = Leaving()
    leaving.add(task_row(1))
    following = asyncio.create_task(leaving.follow(archive))
    found = leaving.get(leaving_uid)
    assert found is not None
    assert found.is_leaving
    async with asyncio.timeout(10):
        await gone.wait()
    following.cancel()
    await asyncio.wait([following])
    assert len(leaving) == 0


async def test_a_task_that_no_archive_ever_takes_is_let_go() -> None:
    now = 0.0
    leaving = Leaving(clock=lambda: now)
    leaving.add(task_row(1))

    async def never(_: Any) -> set[str]:
        return set()

    now = 4000.0
    following = asyncio.create_task(leaving.follow(never))
    async with asyncio.timeout(5):
        while len(leaving):
            await asyncio.sleep(0)
    following.cancel()
    await asyncio.wait([following])


def test_many_tasks_take_little_memory() -> None:
    tracemalloc.start()
    try:
        tasks = table()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3_000):
            tasks.put(
                task_row(
                    number,
                    phase="Queued",
                    message="waits for a place in its queue",
                    waiting={"reason": "QueueFull", "message": "the queue default is full", "ahead": number},
                )
            )
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / 3_000 < 2000
