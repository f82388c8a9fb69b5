"""`/api/v1/tasks/{task_id}/item-errors`: what failed while the rest went on; listed, counted, exported."""

import base64
import binascii
import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Literal

import orjson
from aiohttp import web
from pydantic import Field

from asynctask.adapters.archive import Archive, ArchiveError, itemerrors
from asynctask.adapters.archive.itemerrors import ItemErrorRow, ItemFilter
from asynctask.adapters.archive.tables.columns import moment
from asynctask.api.base import StageName
from asynctask.api.status import ErrorClass
from asynctask.core.times import stamp
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.listing import ArchiveAway, InvalidCursor
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Conflict, NotFound
from asynctask.gateway.front.tasks.desk import Found
from asynctask.gateway.front.tasks.filters import Split
from asynctask.gateway.front.tasks.office import Office

TAG = "item errors"
ITEMS = "/api/v1/tasks/{task_id}/item-errors"
EXPORT_BLOCK = 1 << 16

RunNumber = Annotated[int, Field(ge=1, le=1_000_000)]
Classes = Annotated[tuple[ErrorClass, ...], Split, Field(max_length=3)]


class NoHistory(Conflict):
    """No archive is kept, and this needs one."""

    code = "NoHistory"


class ItemSelection(Camel):
    """Which of a run's failed items. What is left out does not count."""

    run: RunNumber | None = None
    """The run; absent: the current one."""
    stage: StageName | None = None
    error_class: Annotated[Classes, Field(alias="class")] = ()
    """Whether trying again can help."""
    reason: Annotated[str, Field(max_length=64)] = ""
    """Why, as a code."""
    prefix: Annotated[str, Field(max_length=4096)] = ""
    """How the path begins."""
    text: Annotated[str, Field(max_length=1000)] = ""
    """Part of the path."""

    def wanted(self) -> ItemFilter:
        """For the archive."""
        return ItemFilter(self.stage or "", frozenset(self.error_class), self.reason, self.prefix, self.text)


class ItemQuery(ItemSelection):
    """A page of them, in the order of their paths."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=2000)] = ""
    """Where the page begins: `nextCursor` of the page before."""


class ItemExport(ItemSelection):
    """All of them, as a file."""

    format: Literal["csv", "jsonl"] = "csv"


class RunQuery(Camel):
    """Of which run."""

    run: RunNumber | None = None
    """The run; absent: the current one."""


class FailedItem(Camel):
    """An item that failed."""

    path: str
    stage: str
    run: int
    attempt: int
    error_class: Annotated[str, Field(alias="class")]
    reason: str
    message: str
    time: datetime


class ItemPage(Camel):
    """A page of failed items."""

    items: list[FailedItem]
    next_cursor: str | None = None
    """Give it as `cursor` to go on; absent: that was all. With a filter a page may be short before that."""


class FailureGroup(Camel):
    """How many failed in the same way."""

    stage: str
    error_class: Annotated[str, Field(alias="class")]
    reason: str
    count: int


class FailureSummary(Camel):
    """The failed items of a run, counted."""

    run: int
    total: int
    """Items that are listed here."""
    reported: int
    """Items that the task counts: more than are listed when they were more than are kept, or were told to nobody."""
    groups: list[FailureGroup]


def operations(desk: Desk) -> tuple[Operation, ...]:
    """The operations on failed items."""
    routes = ItemRoutes(desk)
    errors = (NotFound, ArchiveAway, NoHistory)
    return (
        Operation(
            "GET", ITEMS, "listItemErrors", "List the items of a run that failed, by path", TAG,
            routes.list, query=ItemQuery, answer=ItemPage, errors=(*errors, InvalidCursor),
        ),
        Operation(
            "GET", f"{ITEMS}/summary", "countItemErrors", "Count the failed items by stage, class and reason", TAG,
            routes.summary, query=RunQuery, answer=FailureSummary, errors=errors,
        ),
        Operation(
            "GET", f"{ITEMS}/export", "exportItemErrors", "Download the failed items as CSV or JSON lines", TAG,
            routes.export, query=ItemExport, media_type="text/csv", seconds=None, errors=errors,
            description="`format=csv` with a header line, `format=jsonl` with an object a line (application/jsonl). In "
            "CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe.",
        ),
    )  # fmt: skip


class ItemRoutes:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, call: Call) -> ItemPage:
        """A page."""
        query: ItemQuery = call.query
        found, archive = await self._enter(call)
        after = _decoded(query.cursor) if query.cursor else None
        run = query.run or found.row.run
        try:
            async with archive.read() as connection:
                page = await itemerrors.page(
                    connection, found.row.task_id, run, query.wanted(), limit=query.limit, after=after
                )
        except ArchiveError as error:
            raise ArchiveAway(retry_after=5) from error
        cursor = _encoded(page.next) if page.next else None
        return ItemPage(items=[_shown(row) for row in page.rows], next_cursor=cursor)

    async def summary(self, call: Call) -> FailureSummary:
        """Counts."""
        query: RunQuery = call.query
        found, archive = await self._enter(call)
        run = query.run or found.row.run
        try:
            async with archive.read() as connection:
                total = await itemerrors.count(connection, found.row.task_id, run)
                groups = await itemerrors.groups(connection, found.row.task_id, run)
        except ArchiveError as error:
            raise ArchiveAway(retry_after=5) from error
        reported = found.row.item_errors if run == found.row.run else total
        shown = [
            FailureGroup(stage=each.stage, error_class=each.error_class, reason=each.reason, count=each.count)
            for each in groups
        ]
        return FailureSummary(run=run, total=total, reported=max(total, reported), groups=shown)

    async def export(self, call: Call) -> web.StreamResponse:
        """All, as a file that is written while it is read."""
        query: ItemExport = call.query
        found, archive = await self._enter(call)
        run = query.run or found.row.run
        write: Callable[[ItemErrorRow], bytes] = _csv_line if query.format == "csv" else json_line
        media = "text/csv; charset=utf-8; header=present" if query.format == "csv" else "application/jsonl"
        rows = itemerrors.every(archive, found.row.task_id, run, query.wanted())
        first = await _first(rows)
        name = f"{found.row.name}-r{run}-failed-items.{query.format}"
        response = web.StreamResponse(
            headers={
                "Content-Type": media,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        await response.prepare(call.request)
        try:
            block = bytearray(_CSV_HEAD if query.format == "csv" else b"")
            if first is not None:
                block += write(first)
                async for row in rows:
                    block += write(row)
                    if len(block) >= EXPORT_BLOCK:
                        await response.write(bytes(block))
                        block.clear()
            await response.write(bytes(block))
            await response.write_eof()
        except (ConnectionError, ArchiveError):
            if call.request.transport:
                call.request.transport.abort()  # a file that breaks off must not look whole
        return response

    async def _enter(self, call: Call) -> tuple[Found, Archive]:
        found = await Office.of(self._desk).tasks.find(call, call.path["task_id"])
        if self._desk.archive is None:
            raise NoHistory
        return found, self._desk.archive


async def _first(rows: AsyncIterator[ItemErrorRow]) -> ItemErrorRow | None:
    """The first row, asked for while the answer can still be a refusal."""
    try:
        return await anext(rows, None)
    except ArchiveError as error:
        raise ArchiveAway(retry_after=5) from error


def _shown(row: ItemErrorRow) -> FailedItem:
    return FailedItem(
        path=row.path,
        stage=row.stage,
        run=row.run,
        attempt=row.attempt,
        error_class=row.error_class,
        reason=row.reason,
        message=row.message,
        time=moment(row.time),
    )


def json_line(row: ItemErrorRow) -> bytes:
    """As a line of JSON."""
    line = {
        "path": row.path, "stage": row.stage, "run": row.run, "attempt": row.attempt, "class": row.error_class,
        "reason": row.reason, "message": row.message, "time": stamp(moment(row.time)),
    }  # fmt: skip
    return orjson.dumps(line) + b"\n"


_CSV_HEAD = b"path,stage,run,attempt,class,reason,message,time\r\n"


def _csv_line(row: ItemErrorRow) -> bytes:
    cells = (row.path, row.stage, str(row.run), str(row.attempt), row.error_class, row.reason, row.message)
    line = io.StringIO()
    csv.writer(line).writerow([*map(_harmless, cells), stamp(moment(row.time))])
    return line.getvalue().encode("utf-8", "replace")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _encoded(place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def _decoded(text: str) -> tuple[str, str]:
    try:
        place = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    match place:
        case [str(key), str(error_id)] if "\x00" not in key + error_id:
            return key, error_id
    raise InvalidCursor
