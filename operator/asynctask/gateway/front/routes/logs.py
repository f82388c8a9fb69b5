"""`/api/v1/tasks/{task_id}/logs`: what its stages wrote; read in pages, searched, downloaded. The stream follows it."""

import asyncio
import base64
import binascii
import struct
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, model_validator

from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.reading import LogFilter, Spot
from asynctask.api.base import StageName
from asynctask.core.loglines import Line
from asynctask.core.times import stamp
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.fields import FieldProblem
from asynctask.gateway.front.listing import InvalidCursor
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import NotFound
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.view.rows import EPOCH, MICROSECOND, micros
from asynctask.gateway.logs.book import DIRECTORY
from asynctask.gateway.logs.feed import shown

TAG = "logs"
LOGS = "/api/v1/tasks/{task_id}/logs"
READERS = 3
"""Logs read at the same time: they cost processor time, and others are to be answered too."""
LINES_AT_ONCE = 2_000
_SPOT = struct.Struct(">qI")

Level = Literal["debug", "info", "warning", "error", "critical"]


class LogSelection(Camel):
    """Which lines. What is left out does not count."""

    run: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    stage: StageName | None = None
    attempt: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    level: Level = "debug"
    """This serious, or more. Of programs that don't say, it is guessed from the line."""
    since: datetime | None = None
    """Written at this time or later."""
    until: datetime | None = None
    """Written before this time."""
    everything: bool = False
    """Also what stages sent through the SDK, where their output is kept: the same lines come twice then."""

    @model_validator(mode="after")
    def _times_have_zones(self) -> "LogSelection":
        for time in (self.since, self.until):
            if time is not None and (time.tzinfo is None or not 1970 <= time.year < 9000):
                raise FieldProblem("InvalidTime")
        return self

    def wanted(self, text: str = "") -> LogFilter:
        """For the reader."""
        return LogFilter(
            run=self.run,
            stage=self.stage or "",
            attempt=self.attempt,
            level=self.level,
            since=micros(self.since) if self.since else 0,
            until=micros(self.until) if self.until else 2**62,
            text=text,
            everything=self.everything,
        )


class LogQuery(LogSelection):
    """A page of lines, in the order of time."""

    tail: Annotated[int, Field(ge=0, le=5_000)] | None = None
    """The last lines; goes without a cursor."""
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500
    cursor: Annotated[str, Field(max_length=40)] = ""
    """Where the page begins: `nextCursor` of the page before."""


class LogSearch(LogSelection):
    """Lines that hold a text."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    """Part of the line, in any case."""
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str, Field(max_length=40)] = ""


class LogLine(Camel):
    """One line."""

    id: str
    """Tells it from every other line of the task."""
    time: str
    level: str
    run: int
    stage: str
    attempt: int
    text: str
    missing: int | None = None
    """It stands for so many lines that were not kept."""


class LogPage(Camel):
    """Lines, oldest first."""

    items: list[LogLine]
    next_cursor: str | None = None
    """Give it as `cursor` to go on. A page may be short, even empty, and have one: so far it was looked. Absent: that
    is all there is now."""


def operations(desk: Desk) -> tuple[Operation, ...]:
    """The operations on logs."""
    routes = LogRoutes(desk)
    errors = (NotFound, InvalidCursor)
    return (
        Operation(
            "GET", LOGS, "readLogs", "Read what the stages of a task wrote", TAG,
            routes.read, query=LogQuery, answer=LogPage, errors=errors,
        ),
        Operation(
            "GET", f"{LOGS}/search", "searchLogs", "Find lines that hold a text", TAG,
            routes.search, query=LogSearch, answer=LogPage, errors=errors,
        ),
        Operation(
            "GET", f"{LOGS}/download", "downloadLogs", "Download a log as text", TAG,
            routes.download, query=LogSelection, media_type="text/plain", seconds=None, errors=(NotFound,),
        ),
    )  # fmt: skip


class LogRoutes:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turns = asyncio.Semaphore(READERS)

    @property
    def _root(self) -> Path:
        return self._desk.artifacts.root / DIRECTORY

    async def read(self, call: Call) -> LogPage:
        """A page, or the end."""
        query: LogQuery = call.query
        task_id, _ = await self._enter(call)
        if query.tail is not None and not query.cursor:
            async with self._turns:
                lines = await asyncio.to_thread(reading.tail, self._root, task_id, query.wanted(), query.tail)
            return _page(lines, None)
        return await self._paged(task_id, query.wanted(), query.cursor, query.limit)

    async def search(self, call: Call) -> LogPage:
        """A page of lines that hold a text."""
        query: LogSearch = call.query
        task_id, _ = await self._enter(call)
        return await self._paged(task_id, query.wanted(query.text), query.cursor, query.limit)

    async def download(self, call: Call) -> web.StreamResponse:
        """All lines as text, written while they are read."""
        query: LogSelection = call.query
        task_id, name = await self._enter(call)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{name}.log"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        lines = reading.every(self._root, task_id, query.wanted())
        await response.prepare(call.request)
        try:
            while True:
                async with self._turns:
                    block = await asyncio.to_thread(partial(_text, lines))
                if not block:
                    break
                await response.write(block)
            await response.write_eof()
        except (ConnectionError, OSError):
            if call.request.transport:
                call.request.transport.abort()  # a file that breaks off must not look whole
        return response

    async def _paged(self, task_id: str, wanted: LogFilter, cursor: str, limit: int) -> LogPage:
        after = _decoded(cursor) if cursor else Spot()
        async with self._turns:
            found = await asyncio.to_thread(reading.page, self._root, task_id, wanted, after, limit)
        return _page(found.lines, found.next)

    async def _enter(self, call: Call) -> tuple[str, str]:
        """The task's id and name, if the caller may read what its stages wrote."""
        found = await Office.of(self._desk).tasks.find(call, call.path["task_id"])
        await call.authorize("get", "stages", found.row.namespace)
        return found.row.task_id, found.row.name


def _page(lines: tuple[Line, ...], after: Spot | None) -> LogPage:
    return LogPage(items=[LogLine(**shown(line)) for line in lines], next_cursor=_encoded(after) if after else None)


def _text(lines: Iterator[Line]) -> bytes:
    return "".join(
        f"{stamp(EPOCH + line.time * MICROSECOND)} {line.stage} #{line.attempt} {line.level.upper()} {line.text}\n"
        for line in islice(lines, LINES_AT_ONCE)
    ).encode("utf-8", "replace")


def _encoded(spot: Spot) -> str:
    return base64.urlsafe_b64encode(_SPOT.pack(spot.time, spot.skip)).rstrip(b"=").decode()


def _decoded(text: str) -> Spot:
    try:
        return Spot(*_SPOT.unpack(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError, struct.error):
        raise InvalidCursor from None
