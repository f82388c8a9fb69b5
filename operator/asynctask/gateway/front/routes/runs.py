"""`/api/v1/tasks/{task_id}/runs`: what has become of a task, run by run."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.listing import ArchiveAway, SourceAway
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import NotFound
from asynctask.gateway.front.tasks.desk import Found
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.tasks.rows import moment

TAG = "runs"
ONE = "/api/v1/tasks/{task_id}"


class RunsQuery(Camel):
    """Which runs."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[int, Field(ge=1, le=1_000_001)] | None = None
    """Runs before this one: `nextCursor` of the page before."""


class Run(Camel):
    """One run of the task."""

    run: int
    status: TaskStatus
    message: str | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    stage: str | None = None
    """Where it stopped, or the stages that run."""
    error_code: str | None = None
    """Why it failed, for programs."""
    error_detail: list[dict[str, Any]] | None = None
    """The stages that did not succeed."""
    item_error_count: int | None = None


class Runs(Camel):
    """Runs, newest first."""

    items: list[Run]
    next_cursor: int | None = None


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on runs."""
    return (
        Operation(
            "GET",
            f"{ONE}/runs",
            "listRuns",
            "The runs of a task, newest first",
            TAG,
            _runs,
            query=RunsQuery,
            answer=Runs,
            errors=(NotFound, ArchiveAway),
        ),
    )


async def _runs(call: Call) -> Runs:
    query: RunsQuery = call.query
    office = Office.of(call.desk)
    found = await office.tasks.find(call, call.path["task_id"])
    runs = {run.run: run for run in _told_by_task(found)}
    if office.archived:
        try:
            kept = await office.archived.runs(found.row.task_id, limit=query.limit + 1, before=query.cursor)
        except SourceAway as error:
            raise ArchiveAway(retry_after=5) from error
        for row in kept:
            known = runs.get(row.run)
            if known is None or known.status in statuses.ENDED:
                runs[row.run] = Run(
                    run=row.run,
                    status=TaskStatus(row.execution_result) if row.execution_result else TaskStatus.RUNNING,
                    message=row.error_message or (known.message if known else None) or None,
                    start_time=moment(row.start_time) if row.start_time is not None else None,
                    completion_time=moment(row.end_time) if row.end_time is not None else None,
                    stage=row.stage or None,
                    error_code=row.error_code or None,
                    error_detail=row.error_detail,
                    item_error_count=row.item_error_count,
                )
    before = query.cursor or 1_000_001
    items = [runs[number] for number in sorted(runs, reverse=True) if number < before]
    more = len(items) > query.limit
    return Runs(items=items[: query.limit], next_cursor=items[query.limit - 1].run if more else None)


def _told_by_task(found: Found) -> Iterable[Run]:
    """What the task itself says: of its current run, and of the ten before it."""
    row = found.row
    yield Run(
        run=row.run,
        status=row.status,
        message=row.message or None,
        start_time=row.started,
        completion_time=row.ended,
        stage=row.stage or None,
        item_error_count=row.item_errors,
    )
    for line in found.body.get("status", {}).get("runs", ()):
        if line["run"] != row.run:
            yield Run(
                run=line["run"],
                status=statuses.of(line.get("phase")),
                message=line.get("message"),
                start_time=line.get("startTime"),
                completion_time=line.get("completionTime"),
            )
