"""Tasks, runs and stages are taken in once, forwards only, and found again."""

import pytest
from archive.makers import Object, stage, stamp, task, uid

from asynctask.adapters.archive import Archive, rows, stages, tasks
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.tasks import TaskChange, TaskRecord

NOW = 1_800_000_000_000_000
LATER = NOW + 5_000_000


async def take(archive: Archive, *bodies: Object, gone: int | None = None) -> list[TaskChange]:
    async with archive.begin() as transaction:
        return await tasks.take_tasks(transaction, [Seen(body, gone) for body in bodies], NOW)


async def found(archive: Archive, number: int = 1) -> TaskRecord:
    async with archive.read() as connection:
        record = await tasks.find(connection, uid(number))
    assert record
    return record


async def test_a_task_is_kept_with_the_columns_that_lists_need_and_whole(archive: Archive) -> None:
    body = task(1, "Failed", at=60, by="mia", priority=2, queueName="nightly", status={"itemErrorCount": 3})
    await take(archive, body)
    record = await found(archive)
    row = record.row
    assert (row.task_id, row.namespace, row.name, row.task_type) == (uid(1), "it", "task-1", "file-backup")
    assert (row.priority, row.task_status, row.queue, row.submitted_by) == (2, "failed", "nightly", "mia")
    assert row.submit_time == rows.time_of(stamp(60))
    assert (row.start_time, row.end_time) == (rows.time_of(stamp(61)), rows.time_of(stamp(70)))
    assert (row.item_error_count, row.is_gone, row.gone_time) == (3, 0, None)
    assert record.config == {"sourcePath": "/nas/数据"}
    assert record.object["spec"] == body["spec"]
    assert "managedFields" not in record.object["metadata"]


async def test_a_change_says_what_was_and_what_is(archive: Archive) -> None:
    (first,) = await take(archive, task(1, "Queued", version=5))
    (second,) = await take(archive, task(1, "Running", version=6))
    assert first.old is None
    assert second.old == first.new
    assert (second.old.task_status, second.new.task_status) == ("queued", "running")


@pytest.mark.parametrize("version", [5, 4])
async def test_what_is_known_or_older_changes_nothing(archive: Archive, version: int) -> None:
    await take(archive, task(1, "Succeeded", version=5))
    assert await take(archive, task(1, "Running", version=version)) == []
    assert (await found(archive)).row.task_status == "completed"


async def test_the_same_task_twice_in_a_batch_ends_as_its_newest(archive: Archive) -> None:
    newest, oldest = task(1, "Succeeded", version=9), task(1, "Running", version=8)
    assert len(await take(archive, oldest, newest, oldest)) == 2
    assert (await found(archive)).row.task_status == "completed"


async def test_an_older_writer_that_comes_late_to_the_statement_undoes_nothing(archive: Archive) -> None:
    from asynctask.adapters.archive.tables.tasks import tasks as table
    from asynctask.adapters.archive.upserts import upsert

    await take(archive, task(1, "Succeeded", version=9))
    async with archive.begin() as transaction:
        await upsert(transaction, table, [rows.task_row(task(1, "Running", version=8), NOW)], newer="resource_version")
    record = await found(archive)
    assert (record.row.task_status, record.row.resource_version) == ("completed", 9)


async def test_leaving_the_cluster_is_the_last_word(archive: Archive) -> None:
    await take(archive, task(1, "Succeeded", version=5))
    (change,) = await take(archive, task(1, "Succeeded", version=5), gone=LATER)
    assert (change.new.is_gone, change.new.gone_time, change.new.task_status) == (1, LATER, "completed")
    assert await take(archive, task(1, "Succeeded", version=5)) == []
    assert await take(archive, task(1, "Succeeded", version=5), gone=LATER + 1) == []


async def test_what_was_deleted_under_way_has_ended_with_that(archive: Archive) -> None:
    await take(archive, task(1, "Running"), gone=LATER)
    row = (await found(archive)).row
    assert (row.task_status, row.message, row.end_time) == ("cancelled", "deleted before it had ended", LATER)
    async with archive.read() as connection:
        (run,) = await tasks.runs(connection, uid(1))
    assert (run.execution_result, run.error_code, run.end_time) == ("cancelled", "Deleted", LATER)


async def test_what_left_while_nobody_looked_is_marked_once(archive: Archive) -> None:
    await take(archive, task(1, "Running"), task(2, "Succeeded"), task(3))
    for expected in (2, 0):
        async with archive.begin() as transaction:
            assert len(await tasks.gone(transaction, [uid(1), uid(2), uid(77)], LATER)) == expected
    assert (await found(archive, 1)).row.task_status == "cancelled"
    assert (await found(archive, 2)).row.task_status == "completed"
    async with archive.read() as connection:
        assert (await tasks.living(connection)).rows == ((uid(3), "it", "task-3"),)
        (run,) = await tasks.runs(connection, uid(1))
    assert run.execution_result == "cancelled"


async def test_runs_keep_what_is_known_of_them_when_the_next_begins(archive: Archive) -> None:
    failed = {"stages": [{"name": "copy", "phase": "Failed", "reason": "DiskFull", "message": "no room", "attempt": 4}]}
    failed["conditions"] = [{"type": "Succeeded", "status": "False", "reason": "StageFailed"}]
    await take(archive, task(1, "Failed", status=failed))
    before = {"run": 1, "phase": "Failed", "message": "failed", "completionTime": stamp(10)}
    await take(archive, task(1, "Running", run=2, at=100, status={"runs": [before]}))
    async with archive.read() as connection:
        second, first = await tasks.runs(connection, uid(1))
        assert [run.run for run in await tasks.runs(connection, uid(1), before=2)] == [1]
    assert (second.run, second.execution_result, second.end_time) == (2, "", None)
    assert (first.execution_result, first.error_code) == ("failed", "StageFailed")
    assert first.error_detail == failed["stages"]


async def test_a_run_whose_end_nobody_saw_is_learnt_from_the_next(archive: Archive) -> None:
    await take(archive, task(1, "Running"))
    before = {"run": 1, "phase": "Partial", "message": "2 items failed", "completionTime": stamp(10)}
    await take(archive, task(1, "Running", run=2, status={"runs": [before]}))
    async with archive.read() as connection:
        _, first = await tasks.runs(connection, uid(1))
    assert (first.execution_result, first.error_message, first.end_time) == (
        "partially_completed",
        "2 items failed",
        rows.time_of(stamp(10)),
    )


async def test_a_task_that_was_asked_to_run_again_is_queued(archive: Archive) -> None:
    body = task(1, "Succeeded")
    body["spec"]["run"] = 2
    await take(archive, body)
    assert (await found(archive)).row.task_status == "queued"


async def test_stages(archive: Archive) -> None:
    error = {"attempt": 2, "class": "transient", "message": "timed out"}
    bodies = [
        stage(2, name="verify"),
        stage(
            1, phase="Succeeded", lastError=error, completion={"outputs": {"files": 7}}, progress={"bytesDone": 2**40}
        ),
    ]
    async with archive.begin() as transaction:
        assert len(await stages.take(transaction, [Seen(body) for body in bodies])) == 2
    async with archive.begin() as transaction:
        assert await stages.take(transaction, [Seen(body) for body in bodies]) == []
    async with archive.read() as connection:
        copy, verify = await stages.of_task(connection, uid(1), run=1)
        assert await stages.of_task(connection, uid(1), run=2) == []
        assert len(await stages.living(connection)) == 2
    assert (copy.stage, copy.status, copy.kind, copy.bytes_done) == ("copy", "completed", "job", 2**40)
    assert (copy.last_error, copy.outputs) == (error, {"files": 7})
    assert verify.status == "running"
    async with archive.begin() as transaction:
        await stages.gone(transaction, [copy.stage_id], LATER)
    async with archive.read() as connection:
        assert await stages.living(connection) == [(verify.stage_id, "it")]


async def test_the_last_checkpoint_of_a_stage_is_kept_once_it_has_ended_or_left(archive: Archive) -> None:
    def saved(sequence: int) -> Object:
        return {"sequence": sequence, "attempt": 1, "time": stamp(5), "data": {"文件": sequence}}

    running, ended = stage(1, checkpoint=saved(3)), stage(1, phase="Failed", checkpoint=saved(4))
    left, huge = (
        stage(2, name="verify", checkpoint=saved(9)),
        stage(3, name="report", phase="Succeeded", checkpoint={"data": "x" * 70_000}),
    )
    expected: dict[str, Object | None] = {"copy": None, "verify": None, "report": None}

    async def take(*seen: Seen) -> None:
        async with archive.begin() as transaction:
            await stages.take(transaction, seen)
        async with archive.read() as connection:
            for name, checkpoint in expected.items():
                assert await stages.checkpoint(connection, uid(1), 1, name) == checkpoint

    await take(Seen(running), Seen(left), Seen(huge))
    expected["copy"] = saved(4)
    await take(Seen(ended))
    expected["verify"] = saved(9)
    await take(Seen(left, LATER))


async def test_a_stage_is_kept_whole_as_it_was_last_seen(archive: Archive) -> None:
    first, second = stage(1, message="开始"), stage(1, phase="Failed", checkpoint={"data": {}}, outputs={"files": [1]})
    first["metadata"]["managedFields"] = [{"manager": "x"}]
    for seen in (Seen(first), Seen(second), Seen(first), Seen(second, LATER)):
        async with archive.begin() as transaction:
            await stages.take(transaction, [seen])
        async with archive.read() as connection:
            kept = await stages.find(connection, uid(1), 1, "copy")
            assert await stages.find(connection, uid(1), 2, "copy") is None
            assert await stages.find(connection, uid(1), 1, "verify") is None
            assert await stages.find(connection, uid(2), 1, "copy") is None
        assert kept
        newest = first if seen.body is first and kept["status"]["phase"] == "Running" else second
        assert kept["spec"] == newest["spec"]
        assert kept["status"] == {name: told for name, told in newest["status"].items() if name != "checkpoint"}
        assert "managedFields" not in kept["metadata"]
    assert kept["status"]["phase"] == "Failed", "what came late is passed over"


async def test_many_at_once(archive: Archive) -> None:
    bodies = [task(number, "Succeeded") for number in range(450)]
    assert len(await take(archive, *bodies)) == 450
    assert await take(archive, *bodies) == []


async def test_a_name_that_was_used_again(archive: Archive) -> None:
    await take(
        archive, task(1, name="nightly"), task(2, name="nightly", at=50), task(3, name="nightly", namespace="hr")
    )
    async with archive.read() as connection:
        assert [row.task_id for row in await tasks.named(connection, "it", "nightly")] == [uid(2), uid(1)]


async def test_texts_of_users_are_kept_or_cut_never_refused(archive: Archive) -> None:
    message = "\x00" + "数" * 3000
    await take(archive, task(1, status={"message": message}, config={"a\x00": ["\x00", 2**60, 1e300]}))
    record = await found(archive)
    assert record.row.message == "\ufffd" + "数" * 1023
    assert record.config == {"a\x00": ["\x00", 2**60, 1e300]}
