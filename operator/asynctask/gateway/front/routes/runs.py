"""`/api/v1/tasks/{task_id}/runs`, `…/stages`: what has become of a task, run by run and stage by stage."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus
from asynctask.core.times import stamp
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
Object = Mapping[str, Any]


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
    """A stage as the cluster has it."""

    stage_id: str
    name: str
    run: int
    status: TaskStatus
    spec: dict[str, Any]
    """As in the custom resource: template, locations, inputs."""
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
    """The operations on runs and stages."""
    errors = (NotFound, ArchiveAway)
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
            errors=errors,
        ),
        Operation(
            "GET",
            f"{ONE}/stages",
            "listStages",
            "The stages of a task",
            "stages",
            _stages,
            query=StagesQuery,
            answer=StageLines,
            errors=errors,
        ),
        Operation(
            "GET",
            f"{ONE}/stages/{{stage}}",
            "getStage",
            "One stage of the current run, or of another",
            "stages",
            _stage,
            query=StagesQuery,
            answer=StageWhole,
            errors=errors,
        ),
        Operation(
            "GET",
            f"{ONE}/stages/{{stage}}/checkpoint",
            "getCheckpoint",
            "The last checkpoint of a stage, also when it has left the cluster",
            "stages",
            _checkpoint,
            query=StagesQuery,
            answer=CheckpointAnswer,
            errors=errors,
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


async def _stages(call: Call) -> dict[str, Any]:
    query: StagesQuery = call.query
    office = Office.of(call.desk)
    found = await office.tasks.find(call, call.path["task_id"])
    await call.authorize("list", "stages", found.row.namespace)
    lines: dict[str, dict[str, Any]] = {}
    for row in call.desk.view.stages.of_task(found.row.task_id):
        times = {
            "startTime": row.started,
            "completionTime": row.ended,
            "retryTime": row.retry,
            "checkpointTime": row.checkpoint_time,
        }
        lines[row.uid] = {
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
            **{name: _time(time) for name, time in times.items()},
        }
    if office.archived:
        try:
            kept = await office.archived.stages(found.row.task_id, query.run)
        except SourceAway as error:
            raise ArchiveAway(retry_after=5) from error
        for old in kept:
            lines.setdefault(
                old.stage_id,
                {
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
                },
            )
    chosen = [line for line in lines.values() if query.run is None or line["run"] == query.run]
    chosen.sort(key=lambda line: (-line["run"], line.pop("submitted"), line["name"]))
    return {"items": [{key: value for key, value in line.items() if value is not None} for line in chosen]}


def _time(micros: int | None) -> str | None:
    return None if micros is None else stamp(moment(micros))


async def _object(call: Call) -> Object | None:
    """The Stage that the path and the query name; None where the cluster has it no more."""
    found, run = await _asked(call)
    for row in call.desk.view.stages.of_task(found.row.task_id):
        if row.stage == call.path["stage"] and row.run == run:
            await call.authorize("get", "stages", row.namespace, row.name)
            try:
                return await call.desk.cluster.get(api.STAGES, row.namespace, row.name, not_older_than=str(row.version))
            except api.NotFound:
                break
    return None


async def _asked(call: Call) -> tuple[Found, int]:
    """The task, and which of its runs is meant."""
    found = await Office.of(call.desk).tasks.find(call, call.path["task_id"])
    return found, call.query.run or found.row.run


async def _kept_checkpoint(call: Call) -> Object | None:
    """What the archive keeps of a stage that has left the cluster."""
    archived = Office.of(call.desk).archived
    if archived is None:
        return None
    found, run = await _asked(call)
    await call.authorize("list", "stages", found.row.namespace)
    try:
        for row in await archived.stages(found.row.task_id, run):
            if row.stage == call.path["stage"]:
                return await archived.checkpoint(row.stage_id)
    except SourceAway as error:
        raise ArchiveAway(retry_after=5) from error
    return None


async def _stage(call: Call) -> StageWhole:
    body = await _object(call) or await call.missing("stages")
    state = {name: value for name, value in body.get("status", {}).items() if name != "checkpoint"}
    return StageWhole(
        stage_id=body["metadata"]["uid"],
        name=call.path["stage"],
        run=body["spec"]["run"],
        status=statuses.of(state.get("phase")),
        spec=body["spec"],
        state=state,
    )


async def _checkpoint(call: Call) -> CheckpointAnswer:
    body = await _object(call)
    checkpoint = body.get("status", {}).get("checkpoint") if body else await _kept_checkpoint(call)
    if not checkpoint:
        await call.missing("stages")
    return CheckpointAnswer(
        sequence=checkpoint.get("sequence", 0),
        attempt=checkpoint.get("attempt", 1),
        time=checkpoint.get("time"),
        data=checkpoint.get("data", {}),
    )
