"""What is too old goes, in small batches: each is a transaction of its own, so nobody waits long for a lock.

A table says itself whether its rows go by age or with their task (`tables.columns.table`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, delete, select, tuple_

from asynctask.adapters.archive.engine import Archive, Transaction
from asynctask.adapters.archive.tables import METADATA
from asynctask.adapters.archive.tables.tasks import tasks

TASKS_AT_ONCE = 50
ROWS_AT_ONCE = 500
TASKS = "tasks"
"""The rule of tasks that left the cluster, and of all that is kept of them."""
AUDIT = "audit"
"""The rule of the audit."""


async def prune(archive: Archive, cutoffs: Mapping[str, int]) -> dict[str, int]:
    """Delete one batch of each table: what is older than its rule's cutoff, in microseconds. Without one all is kept.

    Returns the rows deleted, of tables of which some were: there may be more, so call again. Raises ArchiveUnavailable
    and the like.
    """
    done = await _prune_tasks(archive, cutoffs[TASKS]) if TASKS in cutoffs else {}
    for table in METADATA.sorted_tables:
        rule, column = table.info.get("aged") or ("", "")
        if rule in cutoffs:
            async with archive.begin() as transaction:
                done[table.name] = await _prune_rows(transaction, table, column, cutoffs[rule])
    return {name: rows for name, rows in done.items() if rows}


async def _prune_tasks(archive: Archive, cutoff: int) -> dict[str, int]:
    """By when they left the cluster: what is still there stays, however old. First what is kept of them, then they."""
    of = tasks.c
    async with archive.begin() as transaction:
        oldest = select(of.task_id).where(of.gone_time < cutoff).order_by(of.gone_time).limit(TASKS_AT_ONCE)
        ids = (await transaction.execute(oldest)).scalars().all()
        if not ids:
            return {}
        for table in sorted(METADATA.sorted_tables, key=lambda table: table.info.get("part_of") is None):
            if table is tasks or not (theirs := _kept_of(table, ids)):
                continue
            keys = list(table.primary_key)
            some = (await transaction.execute(select(*keys).where(theirs[0]).limit(ROWS_AT_ONCE))).all()
            if some:
                await transaction.execute(delete(table).where(_are(keys, some)))
            if len(some) == ROWS_AT_ONCE:
                return {table.name: len(some)}  # there may be a million more: in transactions of their own
        await transaction.execute(delete(tasks).where(of.task_id.in_(ids)))
    return {TASKS: len(ids)}


def _kept_of(table: Table, ids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Which rows of a table are kept of tasks; nothing when it has none such."""
    if "task_id" in table.c:
        return [table.c.task_id.in_(ids)] if table.info.get("with_task", True) else []
    if owner := table.info.get("part_of"):
        parent, key = METADATA.tables[owner[0]], owner[1]
        return [table.c[key].in_(select(parent.c[key]).where(parent.c.task_id.in_(ids)))]
    return []


def _are(keys: Sequence[Column[Any]], rows: Sequence[Any]) -> ColumnElement[bool]:
    if len(keys) == 1:
        return keys[0].in_([row[0] for row in rows])
    return tuple_(*keys).in_([tuple(row) for row in rows])


async def _prune_rows(transaction: Transaction, table: Table, column: str, cutoff: int) -> int:
    keys = list(table.primary_key)
    oldest = select(*keys).where(table.c[column] < cutoff).order_by(table.c[column]).limit(ROWS_AT_ONCE)
    found: Sequence[Any] = (await transaction.execute(oldest)).all()
    if found:
        await transaction.execute(delete(table).where(_are(keys, found)))
    return len(found)
