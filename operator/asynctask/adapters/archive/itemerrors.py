"""Items that stages could not deal with: all of them, listed by path, exported, removed with their task.

Told twice, one is kept: a row is known by task, run, stage and path, and what came last holds, as a stage that goes on
from a checkpoint meets the same item again.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from asynctask.adapters.archive.engine import Archive, Transaction
from asynctask.adapters.archive.tables.columns import clean
from asynctask.adapters.archive.tables.itemerrors import PATH_KEY_LENGTH, item_errors
from asynctask.adapters.archive.upserts import upsert

WINDOW = 5_000
"""Rows that one statement reads, when few of them may be wanted."""
MAX_WINDOWS = 10
"""Statements for one page: then it may be short though the list goes on."""
_of = item_errors.c


@dataclass(frozen=True, slots=True)
class ItemErrorRow:
    """One item that failed."""

    error_id: str
    task_id: str
    run: int
    stage: str
    attempt: int
    path_key: str
    path: str
    error_class: str
    reason: str
    message: str
    time: int
    """Microseconds since 1970, UTC."""


COLUMNS = [_of[field.name] for field in fields(ItemErrorRow)]


@dataclass(frozen=True)
class ItemFilter:
    """Which of a run's item errors; what is empty does not count."""

    stage: str = ""
    error_classes: frozenset[str] = frozenset()
    reason: str = ""
    prefix: str = ""
    """How the path begins."""
    text: str = ""
    """Somewhere in the path, exactly as written."""

    def clauses(self) -> list[ColumnElement[bool]]:
        """As conditions; paths longer than their key are told apart afterwards."""
        found: list[ColumnElement[bool]] = []
        if self.stage:
            found.append(_of.stage == self.stage)
        if self.error_classes:
            found.append(_of.error_class.in_(sorted(self.error_classes)))
        if self.reason:
            found.append(_of.reason == self.reason)
        if self.prefix:
            begin = clean(self.prefix)[:PATH_KEY_LENGTH]
            found.append(_of.path_key >= begin)
            if end := _after(begin):
                found.append(_of.path_key < end)
        return found

    def takes(self, row: ItemErrorRow) -> bool:
        """What the conditions can't say."""
        return row.path.startswith(self.prefix) and self.text in row.path


@dataclass(frozen=True)
class ItemPage:
    """Item errors, in the order of their paths."""

    rows: tuple[ItemErrorRow, ...]
    next: tuple[str, str] | None = None
    """Where the next page begins: after this path key and id. A page may be short, even empty, and yet have one."""


def row(
    *,
    task_id: str,
    run: int,
    stage: str,
    attempt: int,
    path: str,
    error_class: str,
    reason: str,
    message: str,
    time: int,
) -> ItemErrorRow:
    """An item error as it is kept."""
    known = "\x00".join((task_id, str(run), stage, path)).encode("utf-8", "replace")
    key = clean(path)[:PATH_KEY_LENGTH]
    error_id = hashlib.sha256(known).hexdigest()[:40]
    return ItemErrorRow(error_id, task_id, run, stage, attempt, key, path, error_class, reason, message, time)


async def put(transaction: Transaction, rows: Sequence[ItemErrorRow]) -> None:
    """Keep these."""
    newest = {each.error_id: each for each in rows}
    values: list[dict[str, Any]] = [{name: getattr(each, name) for name in _NAMES} for each in newest.values()]
    await upsert(transaction, item_errors, values)


async def count(transaction: Transaction, task_id: str, run: int) -> int:
    """How many a run has."""
    found = select(func.count()).select_from(item_errors).where(_of.task_id == task_id, _of.run == run)
    return int((await transaction.execute(found)).scalar_one())


async def page(
    transaction: Transaction,
    task_id: str,
    run: int,
    wanted: ItemFilter,
    *,
    limit: int,
    after: tuple[str, str] | None = None,
) -> ItemPage:
    """Those of a run, in the order of their paths."""
    found: list[ItemErrorRow] = []
    clauses = wanted.clauses()
    window = limit + 1 if not (wanted.text or len(wanted.prefix) > PATH_KEY_LENGTH) else WINDOW
    for _ in range(MAX_WINDOWS):
        conditions = [_of.task_id == task_id, _of.run == run, *clauses]
        if after is not None:
            conditions.append(_beyond(after))
        rows = (
            await transaction.execute(
                select(*COLUMNS).where(*conditions).order_by(_of.path_key, _of.error_id).limit(window)
            )
        ).all()
        for raw in rows:
            each = ItemErrorRow(*raw)
            if len(found) == limit:
                return ItemPage(tuple(found), after)
            after = (each.path_key, each.error_id)
            if wanted.takes(each):
                found.append(each)
        if len(rows) < window:
            return ItemPage(tuple(found))
    return ItemPage(tuple(found), after)


async def every(archive: Archive, task_id: str, run: int, wanted: ItemFilter) -> AsyncIterator[ItemErrorRow]:
    """All of them, a page at a time, so that a million hold nobody up."""
    after: tuple[str, str] | None = None
    while True:
        async with archive.read() as connection:
            found = await page(connection, task_id, run, wanted, limit=1000, after=after)
        for each in found.rows:
            yield each
        if found.next is None:
            return
        after = found.next


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """How many items of a run failed in the same way."""

    stage: str
    error_class: str
    reason: str
    count: int


async def groups(transaction: Transaction, task_id: str, run: int) -> list[ItemGroup]:
    """Counts by stage, class and reason, the most frequent first; a hundred at most."""
    number = func.count()
    statement = (
        select(_of.stage, _of.error_class, _of.reason, number)
        .where(_of.task_id == task_id, _of.run == run)
        .group_by(_of.stage, _of.error_class, _of.reason)
        .order_by(number.desc(), _of.stage, _of.reason)
        .limit(100)
    )
    return [ItemGroup(*raw) for raw in (await transaction.execute(statement)).all()]


_NAMES = tuple(field.name for field in fields(ItemErrorRow))


def _beyond(place: tuple[str, str]) -> ColumnElement[bool]:
    key, error_id = place
    return and_(_of.path_key >= key, or_(_of.path_key > key, _of.error_id > error_id))


def _after(prefix: str) -> str:
    """The first text that no longer begins so; empty when there is none."""
    last = ord(prefix[-1])
    if last >= 0xFFFF:  # beyond it, code units and code points order differently
        return ""
    following = last + 1
    return prefix[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else following)
