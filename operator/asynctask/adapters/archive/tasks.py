"""Tasks and their runs: taken in as they change, forwards only, found again one by one. Lists are in `tasklists`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select, update

from asynctask.adapters.archive import rows
from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.forwards import AT_ONCE, Seen, is_news, known
from asynctask.adapters.archive.pages import Page, Position, older
from asynctask.adapters.archive.tables.tasks import (
    task_execution_history,
    task_objects,
    tasks,
)
from asynctask.adapters.archive.upserts import upsert
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus

Body = Mapping[str, Any]
DELETED = "Deleted"
"""The error code of a run that was under way when its task was deleted."""
DELETED_MESSAGE = "deleted before it had ended"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as lists have it. Times are microseconds since 1970, UTC."""

    task_id: str
    namespace: str
    name: str
    task_type: str
    submit_time: int
    priority: int
    task_status: str
    phase: str
    queue: str
    submitted_by: str
    schedule: str
    message: str
    stage: str
    run: int
    start_time: int | None
    end_time: int | None
    percent: int | None
    item_error_count: int
    update_time: int
    is_gone: int
    gone_time: int | None
    resource_version: int


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task with all that is kept of it."""

    row: TaskRow
    config: dict[str, Any]
    object: dict[str, Any]
    """The AsyncTask as it was last seen, without managedFields."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of a task."""

    history_id: str
    task_id: str
    namespace: str
    run: int
    start_time: int | None
    end_time: int | None
    execution_result: str
    """The status word it ended with; empty while it has not."""
    error_code: str
    error_message: str
    error_detail: list[dict[str, Any]] | None
    """The stages that did not succeed."""
    stage: str
    priority: int
    item_error_count: int
    resource_version: int


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What became of a task's row."""

    old: TaskRow | None
    new: TaskRow
    body: Mapping[str, Any] | None = None
    """The object; None where it left unseen."""


NARROW = [tasks.c[field.name] for field in fields(TaskRow)]
"""What lists read."""


async def take_tasks(transaction: Transaction, seen: Sequence[Seen], now: int) -> list[TaskChange]:
    """Write tasks and their runs; what changed, in the order given. What is there already, or newer, is passed over."""
    changes: list[TaskChange] = []
    for start in range(0, len(seen), AT_ONCE):
        changes += await _take_tasks(transaction, seen[start : start + AT_ONCE], now)
    return changes


async def _take_tasks(transaction: Transaction, seen: Sequence[Seen], now: int) -> list[TaskChange]:
    there = await known(transaction, tasks, NARROW, [item.body["metadata"]["uid"] for item in seen])
    found, bodies, written, changes = [], [], [], []
    for item in seen:
        row, history = rows.task_row(item.body, now), rows.history_rows(item.body)
        if item.gone_time is not None:
            _leave(row, history, item.gone_time)
        old = there.get(row["task_id"])
        if not is_news(old, row):
            continue
        found.append(row)
        bodies.append(rows.document(item.body))
        written += history
        new = _task(row)
        changes.append(TaskChange(_task(old) if old else None, new, item.body))
        there[new.task_id] = row
    kept = await _ended_before(transaction, written)
    await upsert(transaction, tasks, found, newer="resource_version")
    await upsert(transaction, task_objects, bodies)
    await upsert(transaction, task_execution_history, kept, newer="resource_version")
    return changes


def _leave(row: dict[str, Any], history: Iterable[dict[str, Any]], gone_time: int) -> None:
    """It left the cluster. A run that was under way has ended with that: nothing will ever be heard of it again."""
    row |= {"is_gone": 1, "gone_time": gone_time}
    if row["task_status"] in statuses.ENDED:
        return
    row |= {"task_status": TaskStatus.CANCELLED, "message": DELETED_MESSAGE, "end_time": gone_time}
    for run in history:
        if not run["end_time"]:
            run |= {"end_time": gone_time, "execution_result": TaskStatus.CANCELLED}
            run |= {"error_code": DELETED, "error_message": DELETED_MESSAGE}


async def _ended_before(transaction: Transaction, written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without runs of which is known how they ended: the task's status soon says less of them than was kept."""
    of = task_execution_history.c
    earlier = {row["history_id"] for row in written}
    if not earlier:
        return []
    ended = select(of.history_id, of.resource_version).where(of.history_id.in_(earlier), of.execution_result != "")
    known = {row.history_id for row in await transaction.execute(ended)}
    newest = {row["history_id"]: row for row in written if row["history_id"] not in known or row["error_detail"]}
    return list(newest.values())


async def gone(transaction: Transaction, task_ids: Sequence[str], now: int) -> list[TaskChange]:
    """Tasks left the cluster while nobody looked: their rows as they are now."""
    changes = []
    for start in range(0, len(task_ids), AT_ONCE):
        there = await known(transaction, tasks, NARROW, task_ids[start : start + AT_ONCE])
        for old in there.values():
            if old["is_gone"]:
                continue
            row = dict(old)
            _leave(row, (), now)
            row["update_time"] = now
            written = {name: row[name] for name in ("is_gone", "gone_time", "task_status", "message", "end_time")}
            of = tasks.c
            await transaction.execute(update(tasks).where(of.task_id == old["task_id"]).values(written))
            if old["task_status"] not in statuses.ENDED:
                await _end_runs(transaction, old["task_id"], now)
            changes.append(TaskChange(_task(old), _task(row)))
    return changes


async def _end_runs(transaction: Transaction, task_id: str, now: int) -> None:
    of = task_execution_history.c
    said = {"error_code": DELETED, "error_message": DELETED_MESSAGE}
    under_way = (of.task_id == task_id, of.execution_result == "")
    end = update(task_execution_history).where(*under_way)
    await transaction.execute(end.values(end_time=now, execution_result=TaskStatus.CANCELLED, **said))


async def living(
    connection: Transaction, after: Position | None = None, limit: int = 1000
) -> Page[tuple[str, str, str]]:
    """Tasks that have not left the cluster as far as is known: id, namespace, name."""
    of = tasks.c
    query = select(of.task_id, of.namespace, of.name, of.submit_time).where(of.is_gone == 0)
    if after:
        query = query.where(older(of.submit_time, of.task_id, after))
    query = query.order_by(of.submit_time.desc(), of.task_id.desc()).limit(limit)
    found = (await connection.execute(query)).all()
    end = Position(found[-1].submit_time, found[-1].task_id) if len(found) == limit else None
    return Page(tuple((row.task_id, row.namespace, row.name) for row in found), end)


async def find(connection: Transaction, task_id: str) -> TaskRecord | None:
    """One task, whether it has left the cluster or not."""
    query = select(*NARROW, tasks.c.task_config, task_objects.c.object)
    query = query.join(task_objects, task_objects.c.task_id == tasks.c.task_id).where(tasks.c.task_id == task_id)
    row = (await connection.execute(query)).one_or_none()
    return TaskRecord(task_of(row), row.task_config, row.object) if row else None


async def known_gone(connection: Transaction, task_ids: Collection[str]) -> set[str]:
    """Those of these tasks that are known to have left the cluster."""
    asked = select(tasks.c.task_id).where(tasks.c.task_id.in_(sorted(task_ids)), tasks.c.is_gone == 1)
    return {found for (found,) in (await connection.execute(asked)).all()}


async def named(connection: Transaction, namespace: str, name: str, limit: int = 10) -> list[TaskRow]:
    """Tasks that have or had a name, newest first."""
    of = tasks.c
    query = select(*NARROW).where(of.namespace == namespace, of.name == name)
    query = query.order_by(of.submit_time.desc(), of.task_id.desc()).limit(limit)
    return [task_of(row) for row in await connection.execute(query)]


async def runs(connection: Transaction, task_id: str, *, limit: int = 50, before: int | None = None) -> list[RunRow]:
    """Runs of a task, newest first; `before` a run of an earlier page."""
    of = task_execution_history.c
    query = select(task_execution_history).where(of.task_id == task_id)
    if before is not None:
        query = query.where(of.run < before)
    found = await connection.execute(query.order_by(of.run.desc()).limit(limit))
    return [RunRow(**row._mapping) for row in found]


def task_of(row: Any) -> TaskRow:
    """A row of a query that reads `NARROW`."""
    return _task(row._mapping)


_TASK_FIELDS = tuple(field.name for field in fields(TaskRow))


def _task(row: Mapping[str, Any]) -> TaskRow:
    return TaskRow(**{name: row[name] for name in _TASK_FIELDS})
