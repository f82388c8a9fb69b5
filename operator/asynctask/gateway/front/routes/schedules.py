"""`/api/v1/schedules`: tasks made by the clock; previews, and a calendar."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api.asynctask import AsyncTask
from asynctask.api.base import ObjectName
from asynctask.api.taskschedule import TaskScheduleSpec
from asynctask.api.window import ZoneName
from asynctask.core.problems import Problem
from asynctask.core.schedules import cron
from asynctask.gateway.front import kept, refused, timetables
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.objects import KeptObject, Kind, Objects
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.routes.queues import Annotations
from asynctask.gateway.front.tasks.filters import Split
from asynctask.gateway.front.tasks.models import Labels
from asynctask.gateway.front.tasks.office import Office

TAG = "schedules"
MANY, ONE = kept.places(TAG, namespaced=True)
MAX_DAYS = 62
TEMPLATE = "spec.taskTemplate.spec"


async def _problems(call: Call, namespace: str, name: str, spec: Mapping[str, Any]) -> Iterable[Problem]:
    found = cron.parse(spec["schedule"], spec.get("timeZone", "UTC"))
    problems = [found] if isinstance(found, Problem) else []
    body = {"metadata": {"name": name, "namespace": namespace}, "spec": spec["taskTemplate"]["spec"]}
    for problem in await Office.of(call.desk).checks.problems(AsyncTask.model_validate(body)):
        path = refused.renamed(problem.path, {"spec": TEMPLATE})
        problems.append(Problem(problem.reason, problem.message, path))
    return problems


KIND = Kind("TaskSchedule", api.SCHEDULES, lambda view: view.schedules, _problems)


class ScheduleChange(Camel):
    """A schedule as it shall be."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)
    spec: TaskScheduleSpec


class NewSchedule(ScheduleChange):
    """A schedule to make."""

    namespace: Namespace | None = None
    """Where; absent: the caller's default."""
    name: ObjectName


class PreviewQuery(Camel):
    """A schedule that is being written."""

    schedule: Annotated[str, Field(min_length=9, max_length=256)]
    """Five cron fields: minute, hour, day of month, month, day of week."""
    time_zone: ZoneName = "UTC"
    count: Annotated[int, Field(ge=1, le=100)] = 10
    after: datetime | None = None
    """From when on; absent: now."""


class Preview(Camel):
    """When it would start tasks, without jitter."""

    times: list[datetime]


class CalendarQuery(Camel):
    """A range of time."""

    since: datetime
    """RFC 3339."""
    until: datetime
    """At most 62 days later."""
    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()


class CalendarEntry(Camel):
    """A start to come."""

    time: datetime
    namespace: str
    name: str
    """The schedule."""
    type: str
    """The TaskType; empty with stages of its own."""
    suspended: bool
    """It would start then, were it not suspended."""


class CalendarAnswer(Camel):
    """Starts, in order."""

    items: list[CalendarEntry]
    truncated: bool
    """There are more of them: ask for a shorter time."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on schedules."""
    schedules = Objects(KIND)

    async def calendar(call: Call) -> CalendarAnswer:
        query: CalendarQuery = call.query
        since, until = _aware("since", query.since), _aware("until", query.until)
        if not timedelta() < until - since <= timedelta(days=MAX_DAYS):
            raise InvalidField.of("until", "InvalidRange", days=MAX_DAYS)
        bodies = [row.object() for row in await schedules.visible(call, query.namespace)]
        found = await asyncio.to_thread(timetables.calendar, bodies, since, until)
        items = [CalendarEntry.model_validate(entry, from_attributes=True) for entry in found.entries]
        return CalendarAnswer(items=items, truncated=found.is_cut)

    async def run(call: Call) -> Answer:
        return await schedules.count(call, "runNow", "run")

    async def suspend(call: Call) -> Answer:
        return await schedules.patch(call, {"suspend": True}, "suspend")

    async def resume(call: Call) -> Answer:
        return await schedules.patch(call, {"suspend": False}, "resume")

    change: dict[str, Any] = {"answer": KeptObject, "errors": (NotFound, PreconditionFailed)}
    return (
        *kept.operations(
            schedules,
            tag=TAG,
            name="Schedule",
            noun="schedule",
            new=NewSchedule,
            change=ScheduleChange,
            deletion="Delete a schedule; its tasks stay",
        ),
        Operation(
            "GET",
            f"{MANY}/preview",
            "previewSchedule",
            "When a schedule would start tasks",
            TAG,
            preview,
            query=PreviewQuery,
            answer=Preview,
            errors=(InvalidField,),
        ),
        Operation(
            "GET",
            f"{MANY}/calendar",
            "getCalendar",
            "All starts within a range of time",
            TAG,
            calendar,
            query=CalendarQuery,
            answer=CalendarAnswer,
            errors=(InvalidField,),
        ),
        Operation(
            "POST",
            f"{ONE}/run",
            "runSchedule",
            "One run at once, whatever the clock says",
            TAG,
            run,
            **change,
            takes_version=True,
        ),
        Operation(
            "POST",
            f"{ONE}/suspend",
            "suspendSchedule",
            "Make no tasks for now",
            TAG,
            suspend,
            **change,
            takes_version=True,
        ),
        Operation(
            "POST", f"{ONE}/resume", "resumeSchedule", "Make tasks again", TAG, resume, **change, takes_version=True
        ),
    )


async def preview(call: Call) -> Preview:
    """The next times of a cron expression."""
    query: PreviewQuery = call.query
    found = cron.parse(query.schedule, query.time_zone)
    if isinstance(found, Problem):
        raise refused.by_problems([found], {"spec": ""})
    after = _aware("after", query.after) if query.after else call.desk.now()
    return Preview(times=list(found.upcoming(after, query.count)))


def _aware(field: str, time: datetime) -> datetime:
    if time.tzinfo is None or not 1970 <= time.year < 2200:
        raise InvalidField.of(field, "InvalidTime")
    return time.astimezone(UTC)
