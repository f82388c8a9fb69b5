"""Pages of tasks, newest first, at a cost that is bounded whatever is asked and however many tasks there are.

Each filter of equality has an index that gives its tasks in submit order. One filter alone reads just the rows of the
page. Of several the rarest drives: of its tasks a window at a time is tried against the others, and against a text,
until the page is full or its time is over (`rounds`). So a page may be short though the list goes on: `Page.next` says
from where, and whoever asks again goes on looking there. Nothing is ever counted or sorted whole.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, func, select, union_all

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.pages import Page, Position, newer_or_at, older
from asynctask.adapters.archive.rounds import Rounds
from asynctask.adapters.archive.tables.tasks import tasks
from asynctask.adapters.archive.tasks import NARROW, TaskRow, task_of

MAX_LANES = 16
"""Values of one filter that are walked side by side; of more, another filter drives or all tasks are walked."""

_of = tasks.c
_ORDER = (_of.submit_time.desc(), _of.task_id.desc())
_KEY = (_of.submit_time, _of.task_id)
_DIMENSIONS = ("namespace", "task_status", "task_type", "priority", "queue", "submitted_by")
_INDEXES = {
    "": "tasks_by_time",
    "namespace": "tasks_by_namespace",
    "task_status": "tasks_by_status",
    "task_type": "tasks_by_type",
    "priority": "tasks_by_priority",
    "queue": "tasks_by_queue",
    "submitted_by": "tasks_by_submitter",
}


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; what is empty does not count."""

    namespaces: frozenset[str] | None = None
    """Only of these; None: of all. An empty set finds nothing."""
    task_statuses: Collection[str] = ()
    task_types: Collection[str] = ()
    priorities: Collection[int] = ()
    queues: Collection[str] = ()
    submitted_by: Collection[str] = ()
    submit_time_from: int | None = None
    submit_time_before: int | None = None
    text: str = ""
    """Somewhere in name, type or message, in upper or lower case."""
    is_gone: bool | None = True
    """Only those that left the cluster, only those that have not, or both (None)."""

    def values(self) -> dict[str, list[Any]]:
        """The filters of equality, by column."""
        given = (
            self.namespaces, self.task_statuses, self.task_types, self.priorities, self.queues, self.submitted_by,
        )  # fmt: skip
        return {
            name: sorted(set(wanted))
            for name, wanted in zip(_DIMENSIONS, given, strict=True)
            if wanted or (name == "namespace" and wanted is not None)
        }


@dataclass(frozen=True)
class Count:
    """How many there are."""

    found: int
    is_exact: bool
    """False: at least so many; to count on would have cost too much."""


@dataclass(frozen=True)
class _Lane:
    """One range of one index, in submit order."""

    is_gone: int
    column: Column[Any] | None = None
    value: Any = None

    def select(self, columns: Sequence[Column[Any]], bounds: Sequence[ColumnElement[bool]]) -> Select[Any]:
        """What is in it, within bounds.

        MariaDB is told the index: of several with the same beginning it takes one, reads all that is gone and sorts it.
        The others see by themselves which fits.
        """
        own = [_of.is_gone == self.is_gone]
        if self.column is not None:
            own.append(self.column == self.value)
        index = _INDEXES[self.column.name if self.column is not None else ""]
        query = select(*columns).where(*own, *bounds).order_by(*_ORDER)
        return query.with_hint(tasks, f"FORCE INDEX ({index})", "mysql")


async def page(
    connection: Transaction, wanted: TaskFilter, *, limit: int = 50, after: Position | None = None
) -> Page[TaskRow]:
    """A page. `limit` rows at most; see the module on short pages."""
    found, end = await _walk(connection, wanted, NARROW, limit, after)
    return Page(tuple(task_of(row) for row in found), end)


async def count(connection: Transaction, wanted: TaskFilter, *, cap: int = 1000, seconds: float | None = None) -> Count:
    """How many there are, up to a cap."""
    found, end = await _walk(connection, wanted, _KEY, cap, None, seconds)
    return Count(len(found), end is None)


async def _walk(
    connection: Transaction,
    wanted: TaskFilter,
    columns: Sequence[Column[Any]],
    limit: int,
    after: Position | None,
    seconds: float | None = None,
) -> tuple[list[Row[Any]], Position | None]:
    """Rows, and where to look on."""
    values = wanted.values()
    if values.get("namespace") == []:
        return [], None
    drivers = {name: given for name, given in values.items() if len(given) * _gones(wanted) <= MAX_LANES}
    is_direct = not wanted.text and len(values) == len(drivers) <= 1
    found: list[Row[Any]] = []
    rounds, looked = Rounds(seconds), False

    async def look(more: int) -> tuple[Sequence[Row[Any]], Position | None]:
        driver, end = next(iter(drivers), ""), None
        if not is_direct:
            driver, end = await _rarest(connection, wanted, drivers, after, rounds.window)
        rest = [_tested(name, given) for name, given in values.items() if name != driver]
        if wanted.text:
            rest.append(_of.search_text.contains(wanted.text.lower(), autoescape=True))
        lanes = _lanes(wanted, driver, drivers.get(driver, ()))
        bounds = [*_bounds(wanted, after), *([newer_or_at(*_KEY, end)] if end else []), *rest]
        return await _rows(connection, lanes, bounds, columns, more), end

    while True:
        try:
            rows, end = await rounds.patiently(look(limit + 1 - len(found)))
        except TimeoutError:
            if not looked:
                raise
            return found, after
        found += rows
        if len(found) > limit:
            del found[limit:]
            return found, Position(found[-1].submit_time, found[-1].task_id)
        if end is None or not rounds.again():
            return found, end
        after, looked = end, True


async def _rows(
    connection: Transaction,
    lanes: Sequence[_Lane],
    bounds: Sequence[ColumnElement[bool]],
    columns: Sequence[Column[Any]],
    limit: int,
) -> Sequence[Row[Any]]:
    """The first rows of all lanes. Of several, first the keys: a union of whole rows is long to write, to plan and to
    sort.
    """
    if len(lanes) == 1:
        rows: Sequence[Row[Any]] = (await connection.execute(lanes[0].select(columns, bounds).limit(limit))).all()
        return rows
    queries = [lane.select(_KEY, bounds).limit(limit) for lane in lanes]
    keys: Sequence[Row[Any]] = (await connection.execute(_merged(queries, limit))).all()
    if not keys or columns is _KEY:
        return keys
    query = select(*columns).where(_of.task_id.in_([key.task_id for key in keys])).order_by(*_ORDER)
    return (await connection.execute(query)).all()


async def _rarest(
    connection: Transaction, wanted: TaskFilter, drivers: dict[str, list[Any]], after: Position | None, window: int
) -> tuple[str, Position | None]:
    """The filter whose next tasks, so many, reach back farthest, and to where; None: to the end."""
    best, farthest = "", None
    for name in drivers or [""]:
        lanes = _lanes(wanted, name, drivers.get(name, ()))
        skipped = max(1, window // len(lanes)) - 1
        bounds = _bounds(wanted, after)
        ends = [lane.select(_KEY, bounds).offset(skipped).limit(1) for lane in lanes]
        row = (
            await connection.execute(_merged(ends, 1))
        ).first()  # of all lanes the newest: down to there all is tried
        if row is None:
            return name, None
        end = Position(row.submit_time, row.task_id)
        if farthest is None or end < farthest:
            best, farthest = name, end
    return best, farthest


def _lanes(wanted: TaskFilter, driver: str, values: Iterable[Any]) -> list[_Lane]:
    gones = (0, 1) if wanted.is_gone is None else (int(wanted.is_gone),)
    if not driver:
        return [_Lane(gone) for gone in gones]
    return [_Lane(gone, _of[driver], value) for gone in gones for value in values]


def _gones(wanted: TaskFilter) -> int:
    return 2 if wanted.is_gone is None else 1


def _bounds(wanted: TaskFilter, after: Position | None) -> list[ColumnElement[bool]]:
    bounds = []
    if after:
        bounds.append(older(*_KEY, after))
    if wanted.submit_time_from is not None:
        bounds.append(_of.submit_time >= wanted.submit_time_from)
    if wanted.submit_time_before is not None:
        bounds.append(_of.submit_time < wanted.submit_time_before)
    return bounds


def _tested(name: str, values: list[Any]) -> ColumnElement[bool]:
    """A condition that is tried row by row. Within `coalesce`, no optimizer takes it for a reason to walk its index."""
    column = _of[name]
    tried: ColumnElement[Any] = func.coalesce(column, 0 if name == "priority" else "", type_=column.type)
    return tried == values[0] if len(values) == 1 else tried.in_(values)


def _merged(queries: list[Select[Any]], limit: int) -> Select[Any]:
    """The lanes as one list."""
    if len(queries) == 1:
        return queries[0]
    parts = [query.subquery() for query in queries]
    whole = union_all(*(select(part) for part in parts)).subquery()
    return select(whole).order_by(whole.c.submit_time.desc(), whole.c.task_id.desc()).limit(limit)
