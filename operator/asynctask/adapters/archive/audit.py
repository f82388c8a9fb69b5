"""Records of who changed what: appended, listed in pages, pruned by age."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, func, select

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.pages import Page, Position, newer_or_at, older
from asynctask.adapters.archive.rounds import Rounds
from asynctask.adapters.archive.tables.audit import audit_records
from asynctask.adapters.archive.upserts import insert_new

_of = audit_records.c
_KEY = (_of.time, _of.audit_id)
_INDEXES = {
    "": "audit_records_by_time",
    "caller": "audit_records_by_caller",
    "action": "audit_records_by_action",
    "namespace": "audit_records_by_namespace",
    "object_id": "audit_records_by_object",
}


@dataclass(frozen=True)
class AuditRecord:
    """One change, done or refused."""

    audit_id: str
    """A uuid that its writer made: the same record written twice is one."""
    time: int
    """Microseconds since 1970, UTC."""
    caller: str
    via: str
    """How the caller was known."""
    address: str
    action: str
    kind: str = ""
    namespace: str = ""
    name: str = ""
    object_id: str = ""
    status: int = 0
    """The HTTP status it was answered with."""
    code: str = ""
    """The problem's code, where it was refused."""
    request_id: str = ""
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class AuditFilter:
    """Which records; what is empty does not count."""

    namespaces: frozenset[str] | None = None
    """Only of these; None: of all, and those of no namespace."""
    caller: str = ""
    action: str = ""
    kind: str = ""
    name: str = ""
    object_id: str = ""
    time_from: int | None = None
    time_before: int | None = None


async def append(transaction: Transaction, *records: AuditRecord) -> None:
    """Write records down."""
    await insert_new(transaction, audit_records, [asdict(record) for record in records])


async def page(
    connection: Transaction, wanted: AuditFilter, *, limit: int = 50, after: Position | None = None
) -> Page[AuditRecord]:
    """A page of records, newest first. With filters that find few it may be short and yet have a next: see `rounds`."""
    if wanted.namespaces is not None and not wanted.namespaces:
        return Page(())
    conditions = _conditions(wanted)
    found: list[AuditRecord] = []
    rounds, looked = Rounds(), False

    async def look(more: int) -> tuple[list[AuditRecord], Position | None]:
        driver, end = "", None
        if conditions:
            driver, end = await _rarest(connection, wanted, after, rounds.window)
        tested = [condition for name, condition in conditions.items() if name != driver]
        query = _walked(list(audit_records.c), wanted, driver, after).where(*tested).limit(more)
        if end:
            query = query.where(newer_or_at(*_KEY, end))
        return [AuditRecord(**row._mapping) for row in await connection.execute(query)], end

    while True:
        try:
            records, end = await rounds.patiently(look(limit + 1 - len(found)))
        except TimeoutError:
            if not looked:
                raise
            return Page(tuple(found), after)
        found += records
        if len(found) > limit:
            return Page(tuple(found[:limit]), Position(found[limit - 1].time, found[limit - 1].audit_id))
        if end is None or not rounds.again():
            return Page(tuple(found), end)
        after, looked = end, True


async def _rarest(
    connection: Transaction, wanted: AuditFilter, after: Position | None, window: int
) -> tuple[str, Position | None]:
    """The filter whose next records, so many, reach back farthest, and to where; None: to the end."""
    best, farthest = "", None
    for driver in _drivers(wanted) or [""]:
        query = _walked(_KEY, wanted, driver, after).offset(window - 1).limit(1)
        row = (await connection.execute(query)).first()
        if row is None:
            return driver, None
        end = Position(row.time, row.audit_id)
        if farthest is None or end < farthest:
            best, farthest = driver, end
    return best, farthest


def _walked(columns: Sequence[Column[Any]], wanted: AuditFilter, driver: str, after: Position | None) -> Select[Any]:
    """Records in the order of one index; MariaDB is told which, the others see."""
    query = select(*columns).order_by(_of.time.desc(), _of.audit_id.desc())
    if driver:
        query = query.where(_of[driver] == _drivers(wanted)[driver])
    if wanted.time_from is not None:
        query = query.where(_of.time >= wanted.time_from)
    if wanted.time_before is not None:
        query = query.where(_of.time < wanted.time_before)
    if after:
        query = query.where(older(*_KEY, after))
    return query.with_hint(audit_records, f"FORCE INDEX ({_INDEXES[driver]})", "mysql")


def _drivers(wanted: AuditFilter) -> dict[str, str]:
    """Filters of one value that have an index in the order of time."""
    given = {name: getattr(wanted, name) for name in ("object_id", "caller", "action")}
    if wanted.namespaces is not None and len(wanted.namespaces) == 1:
        given["namespace"] = next(iter(wanted.namespaces))
    return {name: value for name, value in given.items() if value or name == "namespace"}


def _conditions(wanted: AuditFilter) -> dict[str, ColumnElement[bool]]:
    """Tried row by row. Within `coalesce`, no optimizer takes one for a reason to walk its index."""
    given = {name: [getattr(wanted, name)] for name in ("caller", "action", "kind", "name", "object_id")}
    found = {name: values for name, values in given.items() if values != [""]}
    if wanted.namespaces is not None:
        found["namespace"] = sorted(wanted.namespaces)
    return {name: func.coalesce(_of[name], "", type_=_of[name].type).in_(values) for name, values in found.items()}
