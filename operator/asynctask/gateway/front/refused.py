"""What the API server refused, as what the caller is told: the fields are the caller's own."""

from collections.abc import Iterable, Mapping

from asynctask.adapters import cluster as api
from asynctask.core.problems import Problem
from asynctask.gateway.front.problems import BadRequest, Conflict, FieldError, InvalidField, PreconditionFailed, Refusal

MAX_ERRORS = 20
MAX_TEXT = 600

Names = Mapping[str, str]
"""How fields are called outside: by the beginning of their path."""


class RefusedByCluster(Conflict):
    """The cluster won't have it: a quota, an admission policy, a namespace that is going away. Params: problem."""

    code = "RefusedByCluster"


class AlreadyThere(Conflict):
    """An object of that name is there. Params: name."""

    code = "AlreadyThere"


class PreconditionRequired(Refusal):
    """Say with If-Match which version you have seen (RFC 6585)."""

    status, code = 428, "PreconditionRequired"


def by_api_server(error: api.ApiError, names: Names | None = None) -> Refusal:
    """A refusal for one of the API server's. Raises the error itself when it is not the caller's doing."""
    match error:
        case api.Refused() if error.status == 422 and error.causes:
            found = dict.fromkeys(
                (renamed(cause.field, names or {}), cause.message[:MAX_TEXT]) for cause in error.causes
            )
            errors = [FieldError(field, "InvalidValue", {"problem": text}) for field, text in found]
            return InvalidField(*errors[:MAX_ERRORS])
        case api.Refused() if error.status in {400, 413, 422}:
            return BadRequestOfCluster(problem=error.message[:MAX_TEXT])
        case api.Refused() if error.status == 403 and not _is_ours(error):
            return RefusedByCluster(problem=error.message[:MAX_TEXT])
        case api.Conflict():
            return PreconditionFailed()
    raise error


def _is_ours(error: api.ApiError) -> bool:
    """Whether it is the gateway itself that lacks a right."""
    return "cannot " in error.message and " resource " in error.message


class BadRequestOfCluster(BadRequest):
    """The API server can't take it. Params: problem."""

    code = "NotAccepted"


def by_problems(problems: Iterable[Problem], names: Names | None = None) -> InvalidField:
    """A refusal for what is wrong with a task."""
    return InvalidField(*(field_error(problem, names or {}) for problem in list(problems)[:MAX_ERRORS]))


def field_error(problem: Problem, names: Names) -> FieldError:
    """One problem, by the field that the caller knows."""
    return FieldError(renamed(problem.path, names), str(problem.reason), {"problem": problem.message[:MAX_TEXT]})


def renamed(path: str, names: Names) -> str:
    """A field's path in the caller's own names; the longest beginning counts."""
    for begin in sorted(names, key=len, reverse=True):
        rest = path[len(begin) :]
        if path.startswith(begin) and (not rest or rest[0] in ".["):
            return names[begin] + rest if names[begin] else rest.lstrip(".")
    return path
