"""`POST /api/v1/tasks/{task_id}/retry-failed-items`: a new run that deals with nothing but what failed.

The items go into an artifact of the new run, the run and what it is for into the task in one write. So a write that
fails leaves no run that would leave out the rest, and a run that somebody begins otherwise is a whole one.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import ArchiveError, itemerrors
from asynctask.adapters.archive.itemerrors import ItemFilter
from asynctask.adapters.artifacts import Owner
from asynctask.api import names
from asynctask.api.base import StageName
from asynctask.api.status import ErrorClass
from asynctask.gateway.front import onces, refused
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.listing import ArchiveAway
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Conflict, NotFound, Unavailable
from asynctask.gateway.front.routes.itemerrors import TAG, NoHistory, json_line
from asynctask.gateway.front.tasks.desk import Found, TaskArchived
from asynctask.gateway.front.tasks.managing import TaskChanging
from asynctask.gateway.front.tasks.office import Office

MAX_RETRIED = 100_000
MAX_RETRIED_BYTES = 64 << 20
BLOCK = 1 << 16


class RetryNotSupported(Conflict):
    """Stages of this type don't know how to deal with single items. Params: type."""

    code = "RetryNotSupported"


class NothingToRetry(Conflict):
    """No failed item fits. Params: run."""

    code = "NothingToRetry"


class TooManyToRetry(Conflict):
    """Running it all again is the better way. Params: max."""

    code = "TooManyToRetry"


class TaskNotEnded(Conflict):
    """It is still at it. Params: status."""

    code = "TaskNotEnded"


class ItemRetry(Camel):
    """Which failed items of the current run to try again; absent: all."""

    stage: StageName | None = None
    error_class: Annotated[tuple[ErrorClass, ...], Field(alias="class", max_length=3)] = ()
    reason: Annotated[str, Field(max_length=64)] = ""
    prefix: Annotated[str, Field(max_length=4096)] = ""
    text: Annotated[str, Field(max_length=1000)] = ""


class RetryOutcome(Camel):
    """A run that tries failed items again."""

    task_id: str
    run: int
    """The new run."""
    items: int
    """Paths that it deals with."""


ERRORS = (
    NotFound, ArchiveAway, NoHistory, RetryNotSupported, NothingToRetry, TooManyToRetry, TaskNotEnded, TaskArchived,
    TaskChanging,
)  # fmt: skip


def operations(desk: Desk) -> tuple[Operation, ...]:
    """The one operation."""
    routes = RetryRoutes(desk)
    return (
        Operation(
            "POST", "/api/v1/tasks/{task_id}/retry-failed-items", "retryFailedItems", "Try only the failed items again",
            TAG, routes.retry, body=ItemRetry, body_optional=True, answer=RetryOutcome,
            errors=ERRORS,
            description="Begins a new run of the task in which its stages deal with nothing but these items.",
        ),
    )  # fmt: skip


class RetryRoutes:
    """The handler."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def retry(self, call: Call) -> RetryOutcome:
        """Begin a run that deals with failed items alone."""
        asked: ItemRetry = call.body or ItemRetry()
        tasks = Office.of(self._desk).tasks
        found = await tasks.find_live(call, call.path["task_id"], "patch")
        if self._desk.archive is None:
            raise NoHistory
        row = found.row
        kind = self._desk.view.types.named("", row.type)
        notes = kind.object()["metadata"].get("annotations", {}) if kind else {}
        if notes.get(names.ANNOTATION_RETRIES_ITEMS) != "true":
            raise RetryNotSupported(type=row.type or row.name)
        wanted = ItemFilter(asked.stage or "", frozenset(asked.error_class), asked.reason, asked.prefix, asked.text)
        if onces.is_made(call, found.body["metadata"]):
            run = int(found.body["metadata"]["annotations"][names.ANNOTATION_RETRY_RUN])
            _, count = await self._lines(row.task_id, run - 1, wanted)
            self._note(call, found, run, count)
            return RetryOutcome(task_id=row.task_id, run=run, items=count)
        if not row.has_ended:
            raise TaskNotEnded(status=row.status)
        lines, count = await self._lines(row.task_id, row.run, wanted)
        run = row.run + 1
        owner = Owner(row.task_id, row.namespace, row.name)
        try:
            await self._desk.artifacts.put(owner, run, names.RETRY_ITEMS, _blocks(lines))
        except OSError as error:
            raise Unavailable(retry_after=30) from error
        stored = await self._begin(call, found, run)
        self._desk.view.saw_task(stored)
        self._note(call, found, run, count)
        return RetryOutcome(task_id=row.task_id, run=run, items=count)

    def _note(self, call: Call, found: Found, run: int, count: int) -> None:
        row = found.row
        call.audit(
            "retryFailedItems", namespace=row.namespace, kind="AsyncTask", name=row.name, uid=row.task_id,
            before={"run": row.run, "status": row.status}, after={"run": run, "items": count},
        )  # fmt: skip

    async def _lines(self, task_id: str, run: int, wanted: ItemFilter) -> tuple[bytearray, int]:
        if self._desk.archive is None:
            raise NoHistory
        lines, paths = bytearray(), set()
        try:
            async for each in itemerrors.every(self._desk.archive, task_id, run, wanted):
                paths.add(each.path)
                lines += json_line(each)
                if len(paths) > MAX_RETRIED or len(lines) > MAX_RETRIED_BYTES:
                    raise TooManyToRetry(max=MAX_RETRIED)
        except ArchiveError as error:
            raise ArchiveAway(retry_after=5) from error
        if not paths:
            raise NothingToRetry(run=run)
        return lines, len(paths)

    async def _begin(self, call: Call, found: Found, run: int) -> api.Object:
        """The new run and what it is for, in one write: neither is there without the other."""
        meta = found.body["metadata"]
        body = {
            "metadata": {
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
                "annotations": {
                    names.ANNOTATION_RETRY_RUN: str(run),
                    names.ANNOTATION_ACTION_BY: call.caller.name,
                    **onces.mark(call, meta),
                },
            },
            "spec": {"run": run, "restartFrom": None, "cancel": False, "suspend": False},
        }
        try:
            return await self._desk.cluster.patch(api.TASKS, found.row.namespace, found.row.name, body)
        except api.NotFound:
            raise NotFound from None
        except api.Conflict:
            raise TaskChanging from None
        except api.ApiError as error:
            raise refused.by_api_server(error) from error


async def _blocks(data: bytearray) -> AsyncIterator[bytes]:
    for start in range(0, len(data), BLOCK):
        yield bytes(data[start : start + BLOCK])
