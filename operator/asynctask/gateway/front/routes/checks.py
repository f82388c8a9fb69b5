"""Questions before anything is saved: would this task be taken, does this graph make sense, why does that one wait."""

from collections import deque
from typing import Any

from pydantic import ValidationError

from asynctask.adapters import cluster as api
from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.templates import StageTemplate
from asynctask.core import graph
from asynctask.core.config import effective_config
from asynctask.core.problems import Problem
from asynctask.core.resolve import DEFAULT_PRIORITY
from asynctask.gateway.front import namespaces, refused
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.fields import field_errors
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import FieldError, InvalidField, NotFound
from asynctask.gateway.front.routes.tasks import submission
from asynctask.gateway.front.tasks.desk import RESOURCE
from asynctask.gateway.front.tasks.models import (
    GraphAnswer,
    GraphCheck,
    TaskProblem,
    TaskSubmission,
    TaskVerdict,
    WaitAnswer,
)
from asynctask.gateway.front.tasks.office import Office
from asynctask.texts import knows, say

TAG = "checks"
MAX_WALKED = 256
"""Tasks looked at to find a circle."""
WAITING_PARAMS = ("queue", "ahead", "resource", "holder", "earliestStartTime", "displacedBy", "displacedTime")


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations that change nothing."""
    return (
        Operation(
            "POST",
            "/api/v1/tasks/validate",
            "validateTask",
            "Whether a task would be taken, without submitting it",
            TAG,
            _validate,
            body=TaskSubmission,
            answer=TaskVerdict,
            changes=False,
        ),
        Operation(
            "POST",
            "/api/v1/graphs/check",
            "checkGraph",
            "Whether stages, or tasks, depend on each other in a circle",
            TAG,
            _check_graph,
            body=GraphCheck,
            answer=GraphAnswer,
            changes=False,
            errors=(InvalidField,),
        ),
        Operation(
            "GET",
            "/api/v1/tasks/{task_id}/waiting",
            "whyWaiting",
            "Why a task does not run",
            TAG,
            _why,
            answer=WaitAnswer,
            errors=(NotFound,),
        ),
    )


async def _validate(call: Call) -> TaskVerdict:
    body: TaskSubmission = call.body
    wanted, office = submission(call, body), Office.of(call.desk)
    refusal = await office.submitting.check(call, wanted)
    task_type = await office.checks.task_type(body.spec.type) if body.spec.type else None
    preset = task_type.spec.default_priority if task_type else DEFAULT_PRIORITY
    config, _ = effective_config(body.spec.config, task_type.spec.config_schema if task_type else {})
    if refusal is None:
        return TaskVerdict(valid=True, errors=[], priority=body.spec.priority or preset, config=config)
    errors = [TaskProblem.model_validate(error.shown(call.language)) for error in refusal.errors]
    if not errors:
        text = say(refusal.code, refusal.params, call.language)
        errors = [TaskProblem(field="", code=refusal.code, params=refusal.params, message=text)]
    return TaskVerdict(valid=False, errors=errors)


async def _check_graph(call: Call) -> GraphAnswer:
    body: GraphCheck = call.body
    if (body.stages is None) == (body.depends_on is None):
        raise InvalidField.of("stages", "GiveOneOf", fields=["stages", "dependsOn"])
    if body.stages is not None:
        return _stages_in_order(call, body.stages)
    if body.name is None:
        raise InvalidField.of("name", "Missing")
    namespace = body.namespace or namespaces.default(call)
    await call.authorize("list", RESOURCE, namespace)
    circle = await _circle(call, namespace, body.name, body.depends_on or [])
    if not circle:
        return GraphAnswer(valid=True, order=[], cycle=[], errors=[])
    text = "tasks wait for each other in a circle: " + " → ".join(circle)
    problem = Problem(Reason.CYCLE_IN_DEPENDENCIES, text, "dependsOn")
    return GraphAnswer(valid=False, order=[], cycle=circle, errors=[_told(call, problem)])


def _stages_in_order(call: Call, given: list[dict[str, Any]]) -> GraphAnswer:
    stages: list[StageTemplate] = []
    errors: list[FieldError] = []
    for index, stage in enumerate(given):
        known = {name: stage[name] for name in ("name", "needs") if name in stage}
        try:
            stages.append(StageTemplate.model_validate(known))
        except ValidationError as error:
            errors += field_errors(error, f"stages[{index}]")
    if errors:
        raise InvalidField(*errors)
    found = graph.build(tuple(stages), "stages")
    if isinstance(found, Problem):
        return GraphAnswer(valid=False, order=[], cycle=_names_in(found), errors=[_told(call, found)])
    return GraphAnswer(valid=True, order=[stage.name for stage in found.stages], cycle=[], errors=[])


def _names_in(problem: Problem) -> list[str]:
    return problem.message.partition(": ")[2].split(" → ") if problem.reason is Reason.CYCLE_IN_NEEDS else []


async def _circle(call: Call, namespace: str, name: str, needs: list[str]) -> list[str]:
    """The shortest way from what the task needs back to it, from its name to its name; empty when there is none."""
    came_from: dict[str, str] = {}
    line = deque((need, name) for need in needs)
    while line and len(came_from) < MAX_WALKED:
        current, before = line.popleft()
        if current == name:
            path = [name]
            while before != name:
                path.append(before)
                before = came_from[before]
            return [name, *reversed(path)] if len(path) == 1 else [name, *reversed(path[1:]), name]
        if current in came_from:
            continue
        came_from[current] = before
        try:
            body = await call.desk.cluster.get(api.TASKS, namespace, current, not_older_than="0")
        except api.NotFound:
            continue
        task = AsyncTask.model_validate(body)
        line.extend((dependency.name, current) for dependency in task.spec.depends_on)
    return []


async def _why(call: Call) -> WaitAnswer:
    found = await Office.of(call.desk).tasks.find(call, call.path["task_id"])
    row, status = found.row, found.body.get("status", {})
    waiting = status.get("waiting") or {}
    params = {name: waiting[name] for name in WAITING_PARAMS if waiting.get(name) not in (None, "")}
    code, message, since = waiting.get("reason"), waiting.get("message"), waiting.get("since")
    if code is None and not row.has_ended:
        stage: dict[str, Any] = next(
            (line for line in status.get("stages", ()) if line.get("phase") in {"Waiting", "BackingOff"}), {}
        )
        code, message, since = stage.get("reason"), stage.get("message"), stage.get("startTime")
        params = {"stage": stage["name"]} if stage else {}
    if code is None and row.phase == "Invalid":
        code, message = _invalid(status)
    text = say(f"waiting.{code}", {**params, "message": message or ""}, call.language)
    return WaitAnswer(
        task_id=row.task_id,
        status=row.status,
        waits=code is not None,
        code=code,
        message=text if code and knows(f"waiting.{code}") else message,
        params={**params, "message": message} if message else params,
        since=since,
    )


def _invalid(status: dict[str, Any]) -> tuple[str | None, str | None]:
    admitted: dict[str, Any] = next((each for each in status.get("conditions", ()) if each["type"] == "Admitted"), {})
    return admitted.get("reason"), admitted.get("message")


def _told(call: Call, problem: Problem) -> TaskProblem:
    return TaskProblem.model_validate(refused.field_error(problem, {}).shown(call.language))
