"""A task with its type applied: everything that can be wrong with it is found here, with the path of the field."""

from collections.abc import Iterator, Mapping
from typing import Any

from asynctask.api import names
from asynctask.api.approval import ApprovalStage
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
NO_STAGES = "a task needs a type or stages"


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
    for problem in _name_problems(task, task_type, queue_known=queue_known):
        return problem
    stages, where = _stages(task, task_type)
    if not stages:
        return Problem(Reason.INVALID_STAGES, NO_STAGES, "spec")
    ordered = graph.build(stages, where)
    if isinstance(ordered, Problem):
        return ordered
    for problem in stage_problems(stages, where, ordered, spec.restart_from, data_owner_allowed):
        return problem
    schema: Mapping[str, Any] = task_type.spec.config_schema if task_type else {}
    config, faults = effective_config(spec.config, schema)
    if faults:
        return _first_of(faults)
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
        preemptible=_preemptible(spec.preemptible, task_type),
    )


def _preemptible(own: bool | None, task_type: TaskType | None) -> bool:
    """The task's word, else its type's."""
    if own is not None:
        return own
    return task_type.spec.preemptible if task_type else True


def _name_problems(task: AsyncTask, task_type: TaskType | None, *, queue_known: bool) -> Iterator[Problem]:
    spec = task.spec
    if spec.type and task_type is None:
        message = f"there is no TaskType {spec.type!r}; `kubectl get att` lists them"
        yield Problem(Reason.UNKNOWN_TYPE, message, "spec.type")
    if not queue_known:
        message = f"there is no TaskQueue {spec.queue_name!r}; `kubectl get atq` lists them"
        yield Problem(Reason.UNKNOWN_QUEUE, message, "spec.queueName")


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


def problems(
    task: AsyncTask,
    task_type: TaskType | None,
    endpoints: Mapping[str, StorageEndpoint],
    *,
    queue_known: bool,
    data_owner_allowed: bool,
    queue_window: Window | None = None,
) -> tuple[Problem, ...]:
    """All that is wrong with a task, for those who ask before they submit it; none exactly when it resolves."""
    spec = task.spec
    found = [*_name_problems(task, task_type, queue_known=queue_known)]
    if spec.type and task_type is None:
        return tuple(found)
    stages, where = _stages(task, task_type)
    ordered = graph.build(stages, where) if stages else Problem(Reason.INVALID_STAGES, NO_STAGES, "spec")
    if isinstance(ordered, Problem):
        found.append(ordered)
    else:
        found += stage_problems(stages, where, ordered, spec.restart_from, data_owner_allowed)
    config, faults = effective_config(spec.config, task_type.spec.config_schema if task_type else {})
    found += faults
    if not faults:
        fields = task_type.spec.locations if task_type else spec.locations
        found += locations.problems(fields, config, endpoints)
    hours = _hours(task, task_type, queue_window)
    if isinstance(hours, Problem):
        found.append(hours)
    return tuple(found)


def _stages(task: AsyncTask, task_type: TaskType | None) -> tuple[tuple[StageTemplate, ...], str]:
    """The stages, and where they stand."""
    if task_type:
        return task_type.spec.stages, f"TaskType {task.spec.type}: spec.stages"
    return task.spec.stages or (), "spec.stages"


def stage_problems(
    stages: tuple[StageTemplate, ...], where: str, ordered: Graph, restart_from: str | None, data_owner_allowed: bool
) -> Iterator[Problem]:
    """What is wrong with stages that the API server can't see."""
    if restart_from and restart_from not in ordered:
        yield Problem(Reason.UNKNOWN_STAGE, f"there is no stage {restart_from!r}", "spec.restartFrom")
    for index, stage in enumerate(stages):
        path = f"{where}[{index}]"
        if stage.when and (fault := compile_expression(stage.when)):
            yield Problem(Reason.INVALID_EXPRESSION, fault, f"{path}.when")
        if stage.approval:
            yield from _approval_problems(stage.approval, stage.name, path, ordered)
        if stage.task:
            yield from _task_stage_problems(stage.task, f"{path}.task")
        if stage.job is None:
            continue
        for key in stage.job.pod_override or {}:
            if key not in OVERRIDABLE:
                message = f"{key[:100]!r} can't be overridden; allowed are {', '.join(sorted(OVERRIDABLE))}"
                yield Problem(Reason.INVALID_POD_OVERRIDE, message, f"{path}.job.podOverride")
        if stage.job.security_profile == "DataOwner" and not data_owner_allowed:
            message = (
                "the DataOwner profile may run only in a namespace that an administrator has allowed it in: "
                f"`kubectl label namespace NAME {names.DATA_OWNER_LABEL}=true`"
            )
            yield Problem(Reason.PROFILE_NOT_ALLOWED, message, f"{path}.job.securityProfile")


def _approval_problems(approval: ApprovalStage, name: str, path: str, ordered: Graph) -> Iterator[Problem]:
    if approval.items and approval.items.stage not in ordered.ancestors(name):
        message = f"no stage {approval.items.stage!r} comes before this one"
        yield Problem(Reason.INVALID_STAGES, message, f"{path}.approval.items.stage")


def _task_stage_problems(stage: TaskStage, path: str) -> Iterator[Problem]:
    expressions = {f"{path}.forEach.items": stage.for_each.items} if stage.for_each else {}
    templates: dict[str, ChildTemplate] = {f"{path}.tasks[{i}]": child for i, child in enumerate(stage.tasks or ())}
    if stage.for_each:
        templates[f"{path}.forEach"] = stage.for_each
    for place, template in templates.items():
        expressions |= {f"{place}.configFrom.{field}": text for field, text in template.config_from.items()}
    for place, text in expressions.items():
        if fault := compile_expression(text):
            yield Problem(Reason.INVALID_EXPRESSION, fault, place)


def _first_of(faults: tuple[Problem, ...]) -> Problem:
    first, *others = faults
    if not others:
        return first
    text = "; ".join(str(problem) for problem in others)
    return Problem(first.reason, f"{first.message} (and {text})"[:900], first.path)
