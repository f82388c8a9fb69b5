"""What is too old goes, in small batches: each is a transaction of its own, so nobody waits long for a lock.

A table says itself whether its rows go by age or with their task (`tables.columns.table`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, select, tuple_

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
    done = {}
    if TASKS in cutoffs:
        async with archive.begin() as transaction:
            done[TASKS] = await _prune_tasks(transaction, cutoffs[TASKS])
    for table in METADATA.sorted_tables:
        rule, column = table.info.get("aged") or ("", "")
        if rule in cutoffs:
            async with archive.begin() as transaction:
                done[table.name] = await _prune_rows(transaction, table, column, cutoffs[rule])
    return {name: rows for name, rows in done.items() if rows}


async def _prune_tasks(transaction: Transaction, cutoff: int) -> int:
    """By when they left the cluster: what is still there stays, however old."""
    of = tasks.c
    oldest = select(of.task_id).where(of.gone_time < cutoff).order_by(of.gone_time).limit(TASKS_AT_ONCE)
    ids = (await transaction.execute(oldest)).scalars().all()
    if not ids:
        return 0
    for table in reversed(METADATA.sorted_tables):
        if table is not tasks and "task_id" in table.c and table.info.get("with_task", True):
            await transaction.execute(delete(table).where(table.c.task_id.in_(ids)))
    await transaction.execute(delete(tasks).where(of.task_id.in_(ids)))
    return len(ids)


async def _prune_rows(transaction: Transaction, table: Table, column: str, cutoff: int) -> int:
    keys = list(table.primary_key)
    oldest = select(*keys).where(table.c[column] < cutoff).order_by(table.c[column]).limit(ROWS_AT_ONCE)
    found: Sequence[Any] = (await transaction.execute(oldest)).all()
    if found:
        where = (
            keys[0].in_([row[0] for row in found]) if len(keys) == 1 else tuple_(*keys).in_([tuple(r) for r in found])
        )
        await transaction.execute(delete(table).where(where))
    return len(found)
