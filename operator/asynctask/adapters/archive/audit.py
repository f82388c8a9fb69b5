"""Records of who changed what: appended, listed in pages, pruned by age."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.pages import Page, Position, older
from asynctask.adapters.archive.tables.audit import audit_records
from asynctask.adapters.archive.upserts import insert_new


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
    """A page of records, newest first."""
    of = audit_records.c
    query = select(audit_records).order_by(of.time.desc(), of.audit_id.desc()).limit(limit + 1)
    for column in (of.caller, of.action, of.kind, of.name, of.object_id):
        if value := getattr(wanted, column.name):
            query = query.where(column == value)
    if wanted.namespaces is not None:
        query = query.where(of.namespace.in_(sorted(wanted.namespaces)))
    if wanted.time_from is not None:
        query = query.where(of.time >= wanted.time_from)
    if wanted.time_before is not None:
        query = query.where(of.time < wanted.time_before)
    if after:
        query = query.where(older(of.time, of.audit_id, after))
    found = [AuditRecord(**row._mapping) for row in await connection.execute(query)]
    return page_of(found, limit)


def page_of(found: Sequence[AuditRecord], limit: int) -> Page[AuditRecord]:
    """Rows, one of which may be too many, as a page."""
    kept = tuple(found[:limit])
    more = len(found) > limit
    return Page(kept, Position(kept[-1].time, kept[-1].audit_id) if more and kept else None)
