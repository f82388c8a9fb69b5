"""The archiver follows the cluster: nothing that happened there is missing in SQL, whatever was away meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from archive.makers import stamp
from archive.world import World, row, rows_of, runs_of, stages_of, until, until_true
from support.proxy import FaultProxy

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import Archive, Transaction
from asynctask.adapters.archive.stages import StageChange
from asynctask.adapters.archive.tasks import TaskChange
from asynctask.adapters.cluster import Cluster
from asynctask.adapters.connection import from_kubeconfig
from asynctask.gateway.archiver import archiver as module
from asynctask.gateway.archiver.writer import Writer

one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, str]] = []
        self.stages: list[tuple[str, str]] = []

    async def changed(self, transaction: Transaction, change: TaskChange) -> None:
        old, new = change.old, change.new
        self.tasks.append((old.task_status if old else "", new.task_status + ("!" if new.is_gone else "")))

    async def stage_changed(self, transaction: Transaction, change: StageChange) -> None:
        self.stages.append((change.old.status if change.old else "", change.new.status))


async def test_a_task_is_followed_from_its_submission_until_it_is_gone(archive: Archive, world: World) -> None:
    heard = Heard()
    async with world.archiver(archive, [heard]):
        task = await world.task(priority=2, config={"sourcePath": "/nas/数据"})
        await until(archive, task, lambda row: row.task_status == "queued")
        await world.become(task, "Running", stage="copy")
        await until(archive, task, lambda row: row.task_status == "running")
        stage = await world.stage(task, "Running")
        await world.stage_becomes(stage, "Succeeded", completion={"outcome": "succeeded", "outputs": {"files": 3}})
        await world.become(task, "Succeeded")
        ended = await until(archive, task, lambda row: row.task_status == "completed")
        assert (ended.priority, ended.is_gone, ended.run) == (2, 0, 1)
        await world.delete(stage, api.STAGES)
        await world.delete(task)
        await until(archive, task, lambda row: row.is_gone)
    assert heard.tasks[0] == ("", "queued")
    assert heard.tasks[-1] == ("completed", "completed!")
    (run,) = await runs_of(archive, task)
    assert (run.execution_result, run.end_time is not None) == ("completed", True)
    (kept,) = await stages_of(archive, task)
    assert (kept.status, kept.outputs) == ("completed", {"files": 3})


@one_database
async def test_what_is_there_at_the_start_is_taken_in(archive: Archive, world: World) -> None:
    made = [await world.task("Succeeded") for _ in range(7)]
    async with world.archiver(archive):
        for task in made:
            await until(archive, task, lambda row: row.task_status == "completed")


@one_database
async def test_what_left_while_nobody_looked_is_marked_at_the_next_start(archive: Archive, world: World) -> None:
    ended, running, stays = await world.task("Succeeded"), await world.task("Running"), await world.task("Running")
    stage = await world.stage(running, "Running")
    async with world.archiver(archive):
        await until_true(lambda: _count(archive, 3))
        await until_true(lambda: stages_of(archive, running))
    for task in (ended, running):
        await world.delete(task)
    await world.delete(stage, api.STAGES)
    heard = Heard()
    async with world.archiver(archive, [heard]):
        assert (await until(archive, ended, lambda row: row.is_gone)).task_status == "completed"
        gone = await until(archive, running, lambda row: row.is_gone)
        await until_true(lambda: _stage_is_gone(archive, running))
    assert (gone.task_status, gone.message) == ("cancelled", "deleted before it had ended")
    assert sorted(heard.tasks) == [("completed", "completed!"), ("running", "cancelled!")]
    found = await row(archive, stays)
    assert found
    assert not found.is_gone


@one_database
async def test_progress_writes_nothing_and_a_change_is_told_once(archive: Archive, world: World) -> None:
    heard = Heard()
    task = await world.task("Running")
    async with world.archiver(archive, [heard]) as archiver:
        before = await until(archive, task, lambda row: row.task_status == "running")
        for done in range(5):
            await world.become(task, "Running", progress={"bytesDone": done, "bytesTotal": 10})
        other = await world.task("Running")
        await until(archive, other, lambda row: row.task_status == "running")
        assert await row(archive, task) == before
        del archiver
    async with world.archiver(archive, [heard]):  # the next who leads finds all of it
        third = await world.task("Running")
        await until(archive, third, lambda row: row.task_status == "running")
    changes = [change for change in heard.tasks if change == ("", "running") or change == ("queued", "running")]
    assert len(heard.tasks) - len(changes) <= 3  # each may have been seen before its first status
    assert heard.tasks.count(("running", "running")) <= 1  # the state of the last progress, seen at the new start


@one_database
async def test_two_archivers_at_once_do_no_harm(archive: Archive, world: World) -> None:
    heard = Heard()
    async with world.archiver(archive, [heard]), world.archiver(archive, [heard]):
        for _ in range(5):
            task = await world.task("Running")
            await world.become(task, "Failed", message="no room")
            await until(archive, task, lambda row: row.task_status == "failed")
            await world.delete(task)
            await until(archive, task, lambda row: row.is_gone)
    assert heard.tasks.count(("failed", "failed!")) == 5


@one_database
async def test_killed_in_the_middle_of_a_batch_the_next_goes_on(
    archive: Archive, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await world.task("Succeeded") for _ in range(6)]
    reached = asyncio.Event()

    class Stuck(Heard):
        async def changed(self, transaction: Transaction, change: TaskChange) -> None:
            reached.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.0)
    _, work = world.start(archive, [Stuck()])
    await reached.wait()
    work.cancel()  # in an open transaction: nothing of it counts
    await asyncio.wait([work])
    assert await rows_of(archive) == []
    heard = Heard()
    async with world.archiver(archive, [heard]):
        await until_true(lambda: _count(archive, len(made)))
    assert heard.tasks == [("", "completed")] * 6


@one_database
async def test_what_left_just_before_a_hand_over_is_written_by_who_saw_it(archive: Archive, world: World) -> None:
    task = await world.task("Running")
    async with world.archiver(archive) as archiver:
        await until(archive, task, lambda row: row.task_status == "running")
        await world.become(task, "Partial", itemErrorCount=3)
        await world.delete(task)
        await until_true(lambda: task["metadata"]["uid"] not in archiver._tasks)
    found = await row(archive, task)
    assert found
    assert (found.task_status, found.item_error_count, found.is_gone) == ("partially_completed", 3, 1)


@one_database
async def test_a_listener_with_a_defect_stops_nothing(archive: Archive, world: World) -> None:
    class Broken(Heard):
        async def changed(self, transaction: Transaction, change: TaskChange) -> None:
            raise ZeroDivisionError

    async with world.archiver(archive, [Broken()]):
        task = await world.task("Failed")
        await until(archive, task, lambda row: row.task_status == "failed")


@one_database
async def test_watches_that_break_or_lose_history_cost_nothing(
    archive: Archive, world: World, kubeconfig: Path, tmp_path: Path
) -> None:
    with FaultProxy(kubeconfig) as proxy:
        far = from_kubeconfig(proxy.kubeconfig(tmp_path))
        async with Cluster(far) as cluster, World(cluster, world.namespace).archiver(archive):
            lost = await world.task("Running")
            await until(archive, lost, lambda row: row.task_status == "running")
            proxy.cut_watches()
            proxy.expire_watches()
            await world.delete(lost)
            made = await world.task("Succeeded")
            proxy.behave()
            await until(archive, made, lambda row: row.task_status == "completed")
            assert (await until(archive, lost, lambda row: row.is_gone)).task_status == "cancelled"


@one_database
async def test_an_api_server_that_refuses_writes_is_told_later(
    archive: Archive, world: World, kubeconfig: Path, tmp_path: Path
) -> None:
    task = await world.task("Succeeded", ttlSecondsAfterFinished=60)
    with FaultProxy(kubeconfig) as proxy:
        async with Cluster(from_kubeconfig(proxy.kubeconfig(tmp_path))) as far:
            proxy.refuse_writes(1.0, 500, 429)
            async with World(far, world.namespace).archiver(archive):
                await until_true(lambda: proxy.refused > 1)
                proxy.behave()
                await until_true(lambda: _is_told(world, task))


class TestMarks:
    @one_database
    async def test_an_ended_task_with_a_time_to_live_is_told_once_its_stages_are_kept(
        self, archive: Archive, world: World
    ) -> None:
        task = await world.task("Running", ttlSecondsAfterFinished=60)
        stage = await world.stage(task, "Running")
        line = {"name": "copy", "object": stage["metadata"]["name"], "phase": "Succeeded"}
        other = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "lastTransitionTime": stamp(10)}
        async with world.archiver(archive):
            await world.become(task, "Succeeded", stages=[line], conditions=[other])
            await until(archive, task, lambda row: row.task_status == "completed")
            assert "Archived" not in world.conditions(await world.read(task))
            await world.stage_becomes(stage, "Succeeded")
            await until_true(lambda: _is_told(world, task))
        conditions = world.conditions(await world.read(task))
        assert conditions["Archived"] | {"lastTransitionTime": ""} == {
            "type": "Archived",
            "status": "True",
            "reason": "Archived",
            "message": "kept in the archive; may leave the cluster",
            "observedGeneration": 1,
            "lastTransitionTime": "",
        }
        assert conditions["Succeeded"]["status"] == "True"
        (kept,) = await stages_of(archive, task)
        assert kept.status == "completed"

    @one_database
    async def test_others_are_told_nothing(self, archive: Archive, world: World) -> None:
        running = await world.task("Running", ttlSecondsAfterFinished=60)
        ended = await world.task("Succeeded")
        last = await world.task("Succeeded", ttlSecondsAfterFinished=60)
        async with world.archiver(archive):
            await until_true(lambda: _is_told(world, last))
        for task in (running, ended):
            assert "Archived" not in world.conditions(await world.read(task))

    @one_database
    async def test_it_is_told_anew_when_its_spec_has_changed(self, archive: Archive, world: World) -> None:
        task = await world.task("Succeeded", ttlSecondsAfterFinished=60)
        async with world.archiver(archive):
            await until_true(lambda: _is_told(world, task))
            await world.change(task, priority=1)
            await until_true(lambda: _is_told(world, task, generation=2))
        found = await row(archive, task)
        assert found
        assert found.priority == 1

    @one_database
    async def test_a_task_that_runs_again_is_not_told_of_the_run_before(self, archive: Archive, world: World) -> None:
        task = await world.task("Succeeded", ttlSecondsAfterFinished=60)
        await world.change(task, run=2)
        last = await world.task("Succeeded", ttlSecondsAfterFinished=60)
        async with world.archiver(archive):
            await until_true(lambda: _is_told(world, last))
        assert "Archived" not in world.conditions(await world.read(task))


async def test_archive_now_keeps_a_task_before_it_is_deleted(archive: Archive, world: World) -> None:
    task = await world.task("Failed", {"message": "no room"})
    stage = await world.read_stage(await world.stage(task, "Failed"))
    await Writer(archive).archive_now(task, [stage])
    found = await row(archive, task)
    assert found
    assert (found.task_status, found.message) == ("failed", "no room")
    assert [kept.status for kept in await stages_of(archive, task)] == ["failed"]


async def _count(archive: Archive, number: int) -> bool:
    return len(await rows_of(archive)) == number


async def _stage_is_gone(archive: Archive, task: dict[str, Any]) -> bool:
    return all(stage.is_gone for stage in await stages_of(archive, task))


async def _is_told(world: World, task: dict[str, Any], generation: int = 1) -> bool:
    said = world.conditions(await world.read(task)).get("Archived", {})
    return bool(said.get("observedGeneration") == generation and said["status"] == "True")
