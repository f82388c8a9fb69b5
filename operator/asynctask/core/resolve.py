"""A task with its type applied: everything that can be wrong with it is found here, with the path of the field."""

from collections.abc import Mapping
from typing import Any

from asynctask.api import names
from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.api.templates import ChildTemplate, Retry, StageTemplate, TaskStage
from asynctask.api.window import Window
from asynctask.core import graph, locations, windows
from asynctask.core.config import effective_config
from asynctask.core.expressions import compile_expression
from asynctask.core.facts import Hours, Resolved
from asynctask.core.graph import Graph
from asynctask.core.manifests import OVERRIDABLE
from asynctask.core.problems import Problem

DEFAULT_PRIORITY = 3


def resolve(
    task: AsyncTask,
    task_type: TaskType | None,
    endpoints: Mapping[str, StorageEndpoint],
    *,
    queue_known: bool,
    data_owner_allowed: bool,
    queue_window: Window | None = None,
) -> Resolved | Problem:
    """Apply the type, check everything, find the storage. The first problem found is returned."""
    spec = task.spec
    if problem := _check_names(task, task_type, queue_known=queue_known):
        return problem
    stages, where = (
        (task_type.spec.stages, f"TaskType {spec.type}: spec.stages")
        if task_type
        else (spec.stages or (), "spec.stages")
    )
    if not stages:
        return Problem(Reason.INVALID_STAGES, "a task needs a type or stages", "spec")
    ordered = graph.build(stages, where)
    if isinstance(ordered, Problem):
        return ordered
    if problem := _check_stages(stages, where, ordered, spec.restart_from, data_owner_allowed):
        return problem
    schema: Mapping[str, Any] = task_type.spec.config_schema if task_type else {}
    config, problems = effective_config(spec.config, schema)
    if problems:
        return _first_of(problems)
    found = locations.resolve(task_type.spec.locations if task_type else spec.locations, config, endpoints)
    if isinstance(found, Problem):
        return found
    hours = _hours(task, task_type, queue_window)
    if isinstance(hours, Problem):
        return hours
    return Resolved(
        graph=ordered,
        config=config,
        locations=found,
        endpoints=endpoints,
        priority=spec.priority or (task_type.spec.default_priority if task_type else DEFAULT_PRIORITY),
        queue=spec.queue_name,
        retry=spec.retry or (task_type.spec.retry if task_type else Retry()),
        type_name=spec.type or "",
        type_generation=task_type.metadata.generation if task_type else 0,
        hours=hours,
    )


def _check_names(task: AsyncTask, task_type: TaskType | None, *, queue_known: bool) -> Problem | None:
    spec = task.spec
    if spec.type and task_type is None:
        message = f"there is no TaskType {spec.type!r}; `kubectl get att` lists them"
        return Problem(Reason.UNKNOWN_TYPE, message, "spec.type")
    if not queue_known:
        message = f"there is no TaskQueue {spec.queue_name!r}; `kubectl get atq` lists them"
        return Problem(Reason.UNKNOWN_QUEUE, message, "spec.queueName")
    return None


def _hours(task: AsyncTask, task_type: TaskType | None, queue_window: Window | None) -> tuple[Hours, ...] | Problem:
    """The windows that hold for the task: its own, its type's, its queue's."""
    found: list[Hours] = []
    for owner, window, path in (
        ("the task", task.spec.window, ""),
        (f"TaskType {task.spec.type}", task_type.spec.window if task_type else None, f"TaskType {task.spec.type}: "),
        (f"TaskQueue {task.spec.queue_name}", queue_window, f"TaskQueue {task.spec.queue_name}: "),
    ):
        if window is None:
            continue
        if problem := windows.zone_problem(window.time_zone, f"{path}spec.window.timeZone"):
            return problem
        found.append(Hours(owner, window))
    return tuple(found)


def _check_stages(
    stages: tuple[StageTemplate, ...], where: str, ordered: Graph, restart_from: str | None, data_owner_allowed: bool
) -> Problem | None:
    if restart_from and restart_from not in ordered:
        return Problem(Reason.UNKNOWN_STAGE, f"there is no stage {restart_from!r}", "spec.restartFrom")
    for index, stage in enumerate(stages):
        path = f"{where}[{index}]"
        if stage.when and (fault := compile_expression(stage.when)):
            return Problem(Reason.INVALID_EXPRESSION, fault, f"{path}.when")
        if stage.task and (problem := _check_task_stage(stage.task, f"{path}.task")):
            return problem
        if stage.job is None:
            continue
        for key in stage.job.pod_override or {}:
            if key not in OVERRIDABLE:
                message = f"{key[:100]!r} can't be overridden; allowed are {', '.join(sorted(OVERRIDABLE))}"
                return Problem(Reason.INVALID_POD_OVERRIDE, message, f"{path}.job.podOverride")
        if stage.job.security_profile == "DataOwner" and not data_owner_allowed:
            message = (
                "the DataOwner profile may run only in a namespace that an administrator has allowed it in: "
                f"`kubectl label namespace NAME {names.DATA_OWNER_LABEL}=true`"
            )
            return Problem(Reason.PROFILE_NOT_ALLOWED, message, f"{path}.job.securityProfile")
    return None


def _check_task_stage(stage: TaskStage, path: str) -> Problem | None:
    expressions = {f"{path}.forEach.items": stage.for_each.items} if stage.for_each else {}
    templates: dict[str, ChildTemplate] = {f"{path}.tasks[{i}]": child for i, child in enumerate(stage.tasks or ())}
    if stage.for_each:
        templates[f"{path}.forEach"] = stage.for_each
    for place, template in templates.items():
        expressions |= {f"{place}.configFrom.{field}": text for field, text in template.config_from.items()}
    for place, text in expressions.items():
        if fault := compile_expression(text):
            return Problem(Reason.INVALID_EXPRESSION, fault, place)
    return None


def _first_of(problems: tuple[Problem, ...]) -> Problem:
    first, *others = problems
    if not others:
        return first
    text = "; ".join(str(problem) for problem in others)
    return Problem(first.reason, f"{first.message} (and {text})"[:900], first.path)
