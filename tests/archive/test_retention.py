"""What is too old goes, batch by batch, and nothing else."""

from typing import Any

import pytest
from archive.makers import stage, task, uid
from sqlalchemy import func, select

from asynctask.adapters.archive import Archive, audit, retention, stages, tasks
from asynctask.adapters.archive.audit import AuditRecord
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.tables import METADATA

OLD, NEW, CUTOFF = 1_000_000, 3_000_000, 2_000_000


async def fill(archive: Archive) -> None:
    async with archive.begin() as transaction:
        await tasks.take_tasks(transaction, [Seen(task(number, "Succeeded"), OLD) for number in range(7)], NEW)
        await tasks.take_tasks(transaction, [Seen(task(10, "Succeeded"), NEW), Seen(task(11, "Succeeded"))], NEW)
        await stages.take(transaction, [Seen(stage(number, of=number)) for number in (1, 2, 10, 11)])
        ended = [stage(20 + number, of=number, phase="Failed", checkpoint={"data": {}}) for number in (1, 10)]
        await stages.take(transaction, [Seen(body) for body in ended])
        records = [AuditRecord(f"{number}", OLD if number < 5 else NEW, "mia", "token", "", "x") for number in range(9)]
        await audit.append(transaction, *records)


async def counts(archive: Archive) -> dict[str, int]:
    found = {}
    async with archive.read() as connection:
        for table in METADATA.sorted_tables:
            if number := (await connection.execute(select(func.count()).select_from(table))).scalar():
                found[table.name] = number
    return found


async def test_old_tasks_go_with_all_that_is_kept_of_them(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "TASKS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    await fill(archive)
    rounds: list[Any] = []
    while done := await retention.prune(archive, {"tasks": CUTOFF, "audit": CUTOFF}):
        rounds.append(done)
    assert rounds[0] == {"stage_objects": 2, "audit_records": 2}, "what is kept of tasks goes before they do"
    assert sum(done.get("tasks", 0) for done in rounds) == 7
    assert all(rows <= 3 for done in rounds for rows in done.values())
    assert await counts(archive) == {
        "tasks": 2,
        "task_objects": 2,
        "task_execution_history": 2,
        "stage_runs": 3,
        "stage_objects": 3,
        "stage_checkpoints": 1,
        "audit_records": 4,
    }
    async with archive.read() as connection:
        assert await tasks.find(connection, uid(10))
        assert await tasks.find(connection, uid(11)), "it is in the cluster, however old"


async def test_what_has_no_rule_stays(archive: Archive) -> None:
    await fill(archive)
    before = await counts(archive)
    assert await retention.prune(archive, {}) == {}
    assert await counts(archive) == before


def test_tables_that_go_by_age_have_an_index_for_it() -> None:
    for table in METADATA.sorted_tables:
        if aged := table.info.get("aged"):
            leading = {next(iter(index.columns)).name for index in table.indexes}
            assert aged[1] in leading, table.name


def test_tables_of_tasks_have_an_index_for_deleting_with_them() -> None:
    for table in METADATA.sorted_tables:
        if "task_id" in table.c and table.info.get("with_task", True):
            leading = {next(iter(index.columns)).name for index in table.indexes}
            assert "task_id" in leading | {next(iter(table.primary_key)).name}, table.name
