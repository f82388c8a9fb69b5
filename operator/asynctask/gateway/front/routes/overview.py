"""`/api/v1/overview`: what needs me, what runs, what is fresh; and how much of each endpoint's limit is in use."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from asynctask.api.status import Phase
from asynctask.api.storageendpoint import EndpointLimits
from asynctask.core import statuses, timetable
from asynctask.core.bandwidth import MEGABYTE
from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import Filter, Place, first
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.objects import Objects
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.routes import endpoints, schedules
from asynctask.gateway.front.tasks import live, rows
from asynctask.gateway.front.tasks.desk import RESOURCE
from asynctask.gateway.front.tasks.filters import HIDDEN_TYPES, Split
from asynctask.gateway.front.tasks.models import TaskLine
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.tasks.rows import micros
from asynctask.gateway.front.view import StageRow, TaskRow

TAG = "overview"
SHOWN = 20
RECENT = timedelta(hours=24)
Object = Mapping[str, Any]


class OverviewQuery(Camel):
    """Of which namespaces."""

    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()


class Need(Camel):
    """Something that a person should look at."""

    kind: Literal["Review", "Invalid", "Failed", "Stale", "AtRisk"]
    """`Review`: a stage waits for a decision. `Invalid`: a task can't run as it is written. `Failed`: one failed within
    a day. `Stale`: a schedule's last good result is too old. `AtRisk`: it soon will be."""
    code: str
    """Why, for programs."""
    message: str
    namespace: str
    name: str
    """The task or the schedule."""
    task_id: str | None = None
    stage: str | None = None
    since: datetime | None = None


class Fresh(Camel):
    """How old the last good result of a schedule is."""

    namespace: str
    name: str
    state: Literal["Fresh", "Stale", "AtRisk", "Unknown"]
    message: str
    last_success: datetime | None = None


class Overview(Camel):
    """The state of things."""

    counts: dict[TaskStatus, int]
    """Tasks of the cluster by their state."""
    needs: list[Need]
    """What needs somebody, most urgent first; at most 20 of a kind."""
    need_counts: dict[str, int]
    """How many there are of each kind."""
    running: list[TaskLine]
    """What runs, newest first; at most 20."""
    freshness: list[Fresh]
    """Schedules that watch how old their last good result may be."""
    data_age_seconds: float
    """How old all this may be: 0 while the cluster is followed."""


class EndpointUse(Camel):
    """An endpoint's limits and what is made of them."""

    namespace: str
    name: str
    limit_bytes_per_second: int | None = None
    """In force now; absent: none."""
    used_bytes_per_second: int
    """What the stages at work report."""
    allowed_bytes_per_second: int | None = None
    """What they were told they may move."""
    stages: int
    """At work on it, where a limit makes them count."""
    stream_limit: int | None = None
    """Tasks that may use it at once, now."""
    next_change: datetime | None = None
    """When other limits may be in force."""


class BandwidthAnswer(Camel):
    """All endpoints."""

    items: list[EndpointUse]


def operations(_: Desk) -> tuple[Operation, ...]:
    """Overview and bandwidth."""
    return (
        Operation(
            "GET",
            "/api/v1/overview",
            "getOverview",
            "What needs somebody, what runs, what is fresh",
            TAG,
            _overview,
            query=OverviewQuery,
            answer=Overview,
        ),
        Operation(
            "GET",
            "/api/v1/bandwidth",
            "getBandwidth",
            "Bandwidth in use against the limits of storage endpoints",
            TAG,
            _bandwidth,
            query=OverviewQuery,
            answer=BandwidthAnswer,
        ),
    )


async def _overview(call: Call) -> Overview:
    query: OverviewQuery = call.query
    await Office.of(call.desk).live.known()
    allowed = await call.namespaces("list", RESOURCE)
    asked = frozenset(query.namespace) or None
    where = allowed if asked is None else asked if allowed is None else asked & allowed
    tasks = Office.of(call.desk).live.matching(Filter(namespaces=where, hidden_types=HIDDEN_TYPES))
    counts = Counter(statuses.of(live.row(task).phase) if task.run != task.asked_run else task.status for task in tasks)
    running = [task for task in tasks if task.status is TaskStatus.RUNNING]
    kept = [row.object() for row in await Objects(schedules.KIND).visible(call, query.namespace)]
    needs = [*_reviews(call, where), *_of_tasks(tasks, call.desk.now()), *_of_schedules(kept)]
    by_kind: Counter[str] = Counter()
    shown = []
    for need in needs:
        by_kind[need.kind] += 1
        if by_kind[need.kind] <= SHOWN:
            shown.append(need)
    return Overview(
        counts=dict(counts),
        needs=shown,
        need_counts=dict(by_kind),
        running=[TaskLine.model_validate(rows.shown(live.row(task))) for task in first(running, _place, SHOWN)],
        freshness=list(_freshness(kept)),
        data_age_seconds=round(call.desk.view.stale_seconds, 1),
    )


def _place(task: TaskRow) -> Place:
    return (task.submitted, task.uid)


def _reviews(call: Call, where: frozenset[str] | None) -> Iterable[Need]:
    waiting = [
        stage
        for stage in call.desk.view.stages.within(where)
        if stage.kind == "approval" and not stage.is_over and stage.phase == Phase.WAITING
    ]
    waiting.sort(key=lambda stage: stage.created)
    return (_review(stage) for stage in waiting)


def _review(stage: StageRow) -> Need:
    return Need(
        kind="Review",
        code=stage.reason or "WaitingForApproval",
        message=stage.message,
        namespace=stage.namespace,
        name=stage.task,
        task_id=stage.task_uid,
        stage=stage.stage,
        since=rows.moment(stage.created),
    )


def _of_tasks(tasks: Iterable[TaskRow], now: datetime) -> Iterable[Need]:
    since = micros(now - RECENT)
    invalid = [task for task in tasks if task.status is TaskStatus.INVALID]
    failed = [
        task for task in tasks if task.status is TaskStatus.FAILED and task.is_over and (task.ended or 0) >= since
    ]
    for kind, found in (("Invalid", invalid), ("Failed", failed)):
        for task in sorted(found, key=lambda task: task.ended or task.submitted, reverse=True):
            yield Need(
                kind=kind,
                code=task.reason or kind,
                message=task.message,
                namespace=task.namespace,
                name=task.name,
                task_id=task.uid,
                stage=task.stage or None,
                since=rows.moment(task.ended or task.submitted),
            )


def _of_schedules(kept: Iterable[Object]) -> Iterable[Need]:
    for schedule in kept:
        state, condition = _state(schedule)
        if state not in {"Stale", "AtRisk"}:
            continue
        meta = schedule["metadata"]
        yield Need(
            kind=state,
            code=condition.get("reason", ""),
            message=condition.get("message", ""),
            namespace=meta["namespace"],
            name=meta["name"],
            since=condition.get("lastTransitionTime"),
        )


def _freshness(kept: Iterable[Object]) -> Iterable[Fresh]:
    for schedule in kept:
        if not schedule["spec"].get("freshness"):
            continue
        state, condition = _state(schedule)
        last = (schedule.get("status", {}).get("lastSuccess") or {}).get("completionTime")
        meta = schedule["metadata"]
        message = condition.get("message", "")
        yield Fresh.model_validate(
            {
                "namespace": meta["namespace"],
                "name": meta["name"],
                "state": state,
                "message": message,
                "lastSuccess": last,
            }
        )


def _state(schedule: Object) -> tuple[str, Object]:
    conditions = schedule.get("status", {}).get("conditions", ())
    condition: Object = next((each for each in conditions if each["type"] == "Fresh"), {})
    if condition.get("status") == "False":
        return "Stale", condition
    if condition.get("reason") == "MissPredicted":
        return "AtRisk", condition
    return ("Fresh" if condition.get("status") == "True" else "Unknown"), condition


async def _bandwidth(call: Call) -> BandwidthAnswer:
    query: OverviewQuery = call.query
    now, estate = call.desk.now(), call.desk.estate
    kept = await Objects(endpoints.KIND).visible(call, query.namespace)
    limits = estate.limits(now)
    used: Counter[Any] = Counter()
    allowed: Counter[Any] = Counter()
    stages: Counter[Any] = Counter()
    for party in estate.parties(limits).values():
        for endpoint in party.endpoints:
            stages[endpoint] += 1
            used[endpoint] += int(party.used or 0)
            allowed[endpoint] += int(party.allowed or 0)
    items = []
    for row in sorted(kept, key=lambda row: (row.namespace, row.name)):
        key = (row.namespace, row.name)
        given = EndpointLimits.model_validate(row.object()["spec"].get("limits", {}))
        in_force = timetable.in_force(given, now)
        megabytes = in_force.megabytes_per_second
        items.append(
            EndpointUse(
                namespace=row.namespace,
                name=row.name,
                limit_bytes_per_second=megabytes * MEGABYTE if megabytes else None,
                used_bytes_per_second=used[key],
                allowed_bytes_per_second=allowed[key] if megabytes else None,
                stages=stages[key],
                stream_limit=in_force.streams,
                next_change=timetable.next_change(given, now),
            )
        )
    return BandwidthAnswer(items=items)
