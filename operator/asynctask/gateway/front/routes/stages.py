"""`/api/v1/tasks/{task_id}/stages`: what has become of a task, stage by stage, also once it has left the cluster."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.adapters.archive.stages import StageRow as ArchivedStageRow
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus
from asynctask.core.times import stamp
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.listing import ArchiveAway, SourceAway
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import NotFound
from asynctask.gateway.front.tasks.archived import ArchivedTasks
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.tasks.rows import Row, moment
from asynctask.gateway.front.view.rows import StageRow

TAG = "stages"
MANY = "/api/v1/tasks/{task_id}/stages"
ONE = f"{MANY}/{{stage}}"
Object = Mapping[str, Any]


class StagesQuery(Camel):
    """Of which run."""

    run: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Absent: all that are known, newest run first."""


class StageLine(Camel):
    """One stage of one run."""

    stage_id: str
    name: str
    """Its name within the task."""
    run: int
    kind: str
    """`job`, `approval`, `wait` or `task`."""
    status: TaskStatus
    phase: str
    reason: str | None = None
    message: str | None = None
    attempt: int
    failures: int
    percent: int | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    retry_time: datetime | None = None
    checkpoint_time: datetime | None = None
    item_error_count: int
    archived: bool | None = None


class StageLines(Camel):
    """Stages, newest run first, in the order in which they began."""

    items: list[StageLine]


class StageWhole(Camel):
    """A stage whole: as the cluster has it, or as it was last seen there."""

    stage_id: str
    name: str
    run: int
    status: TaskStatus
    spec: dict[str, Any]
    """As in the custom resource: template, locations, inputs."""
    archived: bool | None = None
    """It has left the cluster."""
    state: dict[str, Any]
    """The custom resource's status without its checkpoint: phase, progress, holder, outputs, errors."""


class CheckpointAnswer(Camel):
    """How a stage would go on after an interruption."""

    sequence: int
    attempt: int
    time: datetime | None = None
    data: dict[str, Any]
    """The stage's own."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on stages."""
    errors = (NotFound, ArchiveAway)
    return (
        Operation(
            "GET",
            MANY,
            "listStages",
            "The stages of a task",
            TAG,
            _stages,
            query=StagesQuery,
            answer=StageLines,
            errors=errors,
        ),
        Operation(
            "GET",
            ONE,
            "getStage",
            "One stage of the current run, or of another, also when it has left the cluster",
            TAG,
            _stage,
            query=StagesQuery,
            answer=StageWhole,
            errors=errors,
        ),
        Operation(
            "GET",
            f"{ONE}/checkpoint",
            "getCheckpoint",
            "The last checkpoint of a stage, also when it has left the cluster",
            TAG,
            _checkpoint,
            query=StagesQuery,
            answer=CheckpointAnswer,
            errors=errors,
        ),
    )


async def _stages(call: Call) -> dict[str, Any]:
    query: StagesQuery = call.query
    office = Office.of(call.desk)
    found = await office.tasks.find(call, call.path["task_id"])
    await call.authorize("list", "stages", found.row.namespace)
    lines = {row.uid: _live_line(row) for row in call.desk.view.stages.of_task(found.row.task_id)}
    if office.archived:
        try:
            kept = await office.archived.stages(found.row.task_id, query.run)
        except SourceAway as error:
            raise ArchiveAway(retry_after=5) from error
        for old in kept:
            lines.setdefault(old.stage_id, _archived_line(old))
    chosen = [line for line in lines.values() if query.run is None or line["run"] == query.run]
    chosen.sort(key=lambda line: (-line["run"], line.pop("submitted"), line["name"]))
    return {"items": [{key: value for key, value in line.items() if value is not None} for line in chosen]}


def _live_line(row: StageRow) -> dict[str, Any]:
    return {
        "stageId": row.uid,
        "name": row.stage,
        "run": row.run,
        "kind": row.kind,
        "status": row.status,
        "phase": row.phase,
        "reason": row.reason or None,
        "message": row.message or None,
        "attempt": row.attempt,
        "failures": row.failures,
        "percent": row.percent,
        "itemErrorCount": row.item_error_count,
        "submitted": row.created,
        "startTime": _time(row.started),
        "completionTime": _time(row.ended),
        "retryTime": _time(row.retry),
        "checkpointTime": _time(row.checkpoint_time),
    }


def _archived_line(old: ArchivedStageRow) -> dict[str, Any]:
    return {
        "stageId": old.stage_id,
        "name": old.stage,
        "run": old.run,
        "kind": old.kind,
        "status": old.status,
        "phase": old.phase,
        "reason": old.reason or None,
        "message": old.message or None,
        "attempt": old.attempt,
        "failures": old.failures,
        "itemErrorCount": old.item_error_count,
        "submitted": old.submit_time,
        "startTime": _time(old.start_time),
        "completionTime": _time(old.end_time),
        "archived": True if old.is_gone else None,
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else stamp(moment(micros))


async def _asked(call: Call) -> tuple[Row, int]:
    """The task, and which of its runs is meant; for who may read its stages."""
    found = await Office.of(call.desk).tasks.find(call, call.path["task_id"])
    await call.authorize("get", "stages", found.row.namespace)
    return found.row, call.query.run or found.row.run


async def _live(call: Call, task: Row, run: int) -> Object | None:
    """The Stage that the path names; None where the cluster has it no more."""
    for row in call.desk.view.stages.of_task(task.task_id):
        if row.stage == call.path["stage"] and row.run == run:
            try:
                body = await call.desk.cluster.get(api.STAGES, row.namespace, row.name, not_older_than=str(row.version))
            except api.NotFound:
                return None
            return body if body["metadata"]["uid"] == row.uid else None
    return None


async def _kept(
    call: Call,
    read: Callable[[ArchivedTasks, str, int, str], Awaitable[Object | None]],
    task: Row,
    run: int,
) -> Object | None:
    """What the archive keeps of it."""
    archived = Office.of(call.desk).archived
    if archived is None:
        return None
    try:
        return await read(archived, task.task_id, run, call.path["stage"])
    except SourceAway as error:
        raise ArchiveAway(retry_after=5) from error


async def _stage(call: Call) -> StageWhole:
    task, run = await _asked(call)
    live = await _live(call, task, run)
    body = live or await _kept(call, ArchivedTasks.stage, task, run) or await call.missing("stages")
    state = {name: value for name, value in body.get("status", {}).items() if name != "checkpoint"}
    return StageWhole(
        stage_id=body["metadata"]["uid"],
        name=call.path["stage"],
        run=run,
        status=statuses.of(state.get("phase")),
        archived=None if live else True,
        spec=body["spec"],
        state=state,
    )


async def _checkpoint(call: Call) -> CheckpointAnswer:
    task, run = await _asked(call)
    live = await _live(call, task, run)
    kept = live.get("status", {}).get("checkpoint") if live else await _kept(call, ArchivedTasks.checkpoint, task, run)
    checkpoint = kept or await call.missing("stages")
    return CheckpointAnswer(
        sequence=checkpoint.get("sequence", 0),
        attempt=checkpoint.get("attempt", 1),
        time=checkpoint.get("time"),
        data=checkpoint.get("data", {}),
    )
