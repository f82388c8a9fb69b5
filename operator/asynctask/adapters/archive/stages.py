"""Stages of the runs of tasks: taken in as they change, forwards only, and found again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Column, select, update

from asynctask.adapters.archive import rows
from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.forwards import AT_ONCE, Seen, is_news, known
from asynctask.adapters.archive.tables.tasks import stage_checkpoints, stage_objects, stage_runs
from asynctask.adapters.archive.upserts import upsert
from asynctask.core import statuses


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage of a run."""

    stage_id: str
    task_id: str
    namespace: str
    object_name: str
    run: int
    stage: str
    kind: str
    phase: str
    status: str
    reason: str
    message: str
    attempt: int
    failures: int
    submit_time: int
    start_time: int | None
    end_time: int | None
    bytes_done: int | None
    bytes_total: int | None
    items_done: int | None
    items_total: int | None
    item_error_count: int
    first_item_errors: list[dict[str, Any]] | None
    last_error: dict[str, Any] | None
    outputs: dict[str, Any] | None
    review: dict[str, Any] | None
    locations: list[dict[str, Any]] | None
    is_gone: int
    gone_time: int | None
    resource_version: int


@dataclass(frozen=True, slots=True)
class StageChange:
    """What became of a stage's row."""

    old: StageRow | None
    new: StageRow
    body: Mapping[str, Any]
    """The object."""


async def take(transaction: Transaction, seen: Sequence[Seen]) -> list[StageChange]:
    """Write stages; what changed, in the order given. What is there already, or newer, is passed over."""
    changes: list[StageChange] = []
    for start in range(0, len(seen), AT_ONCE):
        changes += await _take(transaction, seen[start : start + AT_ONCE])
    return changes


async def _take(transaction: Transaction, seen: Sequence[Seen]) -> list[StageChange]:
    there = await known(transaction, stage_runs, list(stage_runs.c), [item.body["metadata"]["uid"] for item in seen])
    found, bodies, changes = [], [], []
    for item in seen:
        row = rows.stage_row(item.body)
        if item.gone_time is not None:
            row |= {"is_gone": 1, "gone_time": item.gone_time}
        old = there.get(row["stage_id"])
        if not is_news(old, row):
            continue
        found.append(row)
        bodies.append(rows.stage_document(item.body))
        changes.append(StageChange(_stage(old) if old else None, _stage(row), item.body))
        there[row["stage_id"]] = row
    await upsert(transaction, stage_runs, found, newer="resource_version")
    await upsert(transaction, stage_objects, bodies)
    ended = [change.body for change in changes if change.new.is_gone or change.new.status in statuses.ENDED]
    checkpoints = {kept["stage_id"]: kept for body in ended if (kept := rows.checkpoint_row(body))}
    await upsert(transaction, stage_checkpoints, list(checkpoints.values()))
    return changes


async def gone(transaction: Transaction, stage_ids: Sequence[str], now: int) -> None:
    """Stages left the cluster while nobody looked."""
    of = stage_runs.c
    for start in range(0, len(stage_ids), AT_ONCE):
        some = of.stage_id.in_(stage_ids[start : start + AT_ONCE])
        await transaction.execute(update(stage_runs).where(some, of.is_gone == 0).values(is_gone=1, gone_time=now))


async def living(connection: Transaction, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
    """Stages that have not left the cluster as far as is known: id, namespace; in pages by id."""
    of = stage_runs.c
    query = select(of.stage_id, of.namespace).where(of.is_gone == 0, of.stage_id > after)
    return [tuple(row) for row in await connection.execute(query.order_by(of.stage_id).limit(limit))]


async def of_task(connection: Transaction, task_id: str, *, run: int | None = None, limit: int = 200) -> list[StageRow]:
    """Stages of a task, of all its runs or one, newest run first, in the order in which they began."""
    of = stage_runs.c
    query = select(stage_runs).where(of.task_id == task_id)
    if run is not None:
        query = query.where(of.run == run)
    query = query.order_by(of.run.desc(), of.submit_time, of.stage_id).limit(limit)
    return [StageRow(**row._mapping) for row in await connection.execute(query)]


async def find(connection: Transaction, task_id: str, run: int, stage: str) -> dict[str, Any] | None:
    """The Stage of a task's run by its name within the task, as it was last seen, without its checkpoint."""
    return await _of_stage(connection, stage_objects.c.object, task_id, run, stage)


async def checkpoint(connection: Transaction, task_id: str, run: int, stage: str) -> dict[str, Any] | None:
    """The last checkpoint of a stage that has ended or left the cluster: sequence, attempt, time, data."""
    return await _of_stage(connection, stage_checkpoints.c.checkpoint, task_id, run, stage)


async def _of_stage(
    connection: Transaction, document: Column[Any], task_id: str, run: int, stage: str
) -> dict[str, Any] | None:
    of = stage_runs.c
    query = select(document).join(stage_runs, of.stage_id == document.table.c.stage_id)
    query = query.where(of.task_id == task_id, of.run == run, of.stage == stage)
    query = query.order_by(of.submit_time.desc(), of.stage_id.desc())
    found: dict[str, Any] | None = (await connection.execute(query.limit(1))).scalar()
    return found


_FIELDS = tuple(field.name for field in fields(StageRow))


def _stage(row: Mapping[str, Any]) -> StageRow:
    return StageRow(**{name: row[name] for name in _FIELDS})
