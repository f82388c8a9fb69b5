"""Whether tasks can use what an administrator wrote: the `Ready` condition of TaskTypes and StorageEndpoints.

Tasks say the same of themselves when they meet it; here it is told where it has to be mended, before any task does.
"""

from collections.abc import Mapping

from asynctask.api.reasons import Reason
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.core import graph, locations, windows
from asynctask.core.conditions import Wanted
from asynctask.core.config import schema_problems
from asynctask.core.problems import Problem
from asynctask.core.resolve import stage_problems


def of_type(found: TaskType) -> Wanted:
    """What the type says of itself."""
    return _said(next(iter(type_problems(found)), None))


def of_endpoint(found: StorageEndpoint, others: Mapping[str, StorageEndpoint]) -> Wanted:
    """What the endpoint says of itself; `others` are all of its namespace by name."""
    if problem := locations.unusable(found, others, "spec.path"):
        return _said(problem)
    timetable = found.spec.limits.timetable
    if timetable and (problem := windows.zone_problem(timetable.time_zone, "spec.limits.timetable.timeZone")):
        tightest = "until it is mended, the tightest of all its limits hold at every hour"
        return _said(Problem(problem.reason, f"{problem.message}; {tightest}", problem.path))
    return _said(None)


def type_problems(found: TaskType) -> tuple[Problem, ...]:
    """All that is wrong with a type."""
    spec = found.spec
    problems = [*schema_problems(spec.config_schema)]
    ordered = graph.build(spec.stages, "spec.stages")
    if isinstance(ordered, Problem):
        problems.append(ordered)
    else:
        problems += stage_problems(spec.stages, "spec.stages", ordered, restart_from=None, data_owner_allowed=True)
    if spec.window and (problem := windows.zone_problem(spec.window.time_zone, "spec.window.timeZone")):
        problems.append(problem)
    return tuple(problems)


def _said(problem: Problem | None) -> Wanted:
    if problem is None:
        return Wanted("Ready", "True", Reason.VALID)
    return Wanted("Ready", "False", problem.reason, str(problem))
