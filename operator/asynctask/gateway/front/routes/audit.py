"""Who changed what: records of every change that was made or refused."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from asynctask.adapters.archive import audit
from asynctask.adapters.archive.audit import AuditFilter, AuditRecord
from asynctask.adapters.archive.tables.columns import micros, moment
from asynctask.gateway.front import cursors
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.cursors import Cursor, Limit, NoArchive
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import NotFound

RESOURCE = "auditrecords"
Word = Annotated[str, Field(max_length=256)]


class AuditQuery(Camel):
    """Which records; what is left out does not count."""

    namespace: Namespace | None = None
    caller: Word = ""
    action: Word = ""
    kind: Word = ""
    name: Word = ""
    object_id: Word = ""
    """Such as a task's id."""
    start: AwareDatetime | None = None
    """From this time on."""
    end: AwareDatetime | None = None
    """Before this time."""
    limit: Limit = 50
    cursor: Cursor = ""


class ShownRecord(Camel):
    """One change, made or refused."""

    id: str
    time: datetime
    caller: str
    via: str
    address: str
    action: str
    kind: str
    namespace: str
    name: str
    object_id: str
    status: int
    """The HTTP status of the answer."""
    code: str
    """Why it was refused; empty when it was not."""
    request_id: str
    before: Any = None
    after: Any = None


class AuditPage(Camel):
    """Records, newest first."""

    items: tuple[ShownRecord, ...]
    next: str | None = None
    """The cursor of the next page; absent on the last. A page may be short, even empty, and have one: so far it was
    looked."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """The audit."""
    return (
        Operation(
            "GET", "/api/v1/audit", "listAuditRecords", "Who changed what", "audit", find,
            query=AuditQuery, answer=AuditPage, errors=(NoArchive,),
            description="Takes the right to list `auditrecords` (group asynctask.io), by namespace or in all. "
            "Records of no namespace are shown to who may list them in all.",
        ),
    )  # fmt: skip


async def find(call: Call) -> AuditPage:
    """A page of records."""
    asked: AuditQuery = call.query
    if asked.namespace:
        await call.authorize("list", RESOURCE, asked.namespace)
        where: frozenset[str] | None = frozenset({asked.namespace})
    else:
        where = await call.namespaces("list", RESOURCE)
    if where is not None and not where:
        raise NotFound
    wanted = AuditFilter(
        namespaces=where,
        caller=asked.caller,
        action=asked.action,
        kind=asked.kind,
        name=asked.name,
        object_id=asked.object_id,
        time_from=None if asked.start is None else micros(asked.start),
        time_before=None if asked.end is None else micros(asked.end),
    )
    async with cursors.archive_of(call.desk).read() as connection:
        page = await audit.page(connection, wanted, limit=asked.limit, after=cursors.read(asked.cursor))
    return AuditPage(items=tuple(_shown(record) for record in page.rows), next=cursors.written(page.next))


def _shown(record: AuditRecord) -> ShownRecord:
    return ShownRecord(
        id=record.audit_id,
        time=moment(record.time),
        caller=record.caller,
        via=record.via,
        address=record.address,
        action=record.action,
        kind=record.kind,
        namespace=record.namespace,
        name=record.name,
        object_id=record.object_id,
        status=record.status,
        code=record.code,
        request_id=record.request_id,
        before=record.before,
        after=record.after,
    )
