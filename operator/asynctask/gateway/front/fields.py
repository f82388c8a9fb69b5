"""From pydantic's findings to field errors with codes of ours."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from asynctask.gateway.front.problems import FieldError, Params

MAX_ERRORS = 20
"""More than these help nobody."""
MAX_PATH = 300

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "mapping_type": "an object",
    "none_required": "null",
}
_LIMITS = {
    "greater_than_equal": ("TooSmall", "ge"),
    "greater_than": ("TooSmall", "gt"),
    "less_than_equal": ("TooGreat", "le"),
    "less_than": ("TooGreat", "lt"),
    "string_too_short": ("TooShort", "min_length"),
    "string_too_long": ("TooLong", "max_length"),
    "too_short": ("TooShort", "min_length"),
    "too_long": ("TooLong", "max_length"),
}


class FieldProblem(ValueError):
    """Raise in a validator to refuse a field with a code of the catalogue."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params: Params = params


def field_errors(problem: ValidationError, prefix: str = "") -> tuple[FieldError, ...]:
    """What is wrong, field by field, as the caller wrote the fields."""
    found = problem.errors(include_url=False, include_input=False)
    inner = {error["loc"][:-1] for error in found}
    # a list whose items are wrong is also said to be too short: it is not
    kept = [error for error in found if error["type"] != "too_short" or error["loc"] not in inner]
    return tuple(_field_error(error, prefix) for error in kept[:MAX_ERRORS])


def path(location: tuple[int | str, ...], prefix: str = "") -> str:
    """`("stages", 0, "name")` as `stages[0].name`."""
    text = prefix
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not any(mark in part for mark in "[]()"):  # pydantic's own names of unions and validators
            text += f".{part}"
    return text.lstrip(".")[:MAX_PATH]


def _field_error(error: Mapping[str, Any], prefix: str) -> FieldError:
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    code, params = _verdict(kind, context, str(error["msg"]))
    return FieldError(path(error["loc"], prefix), code, params)


def _verdict(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, Params]:
    if kind in _LIMITS:
        code, limit = _LIMITS[kind]
        return code, {"limit": context[limit]}
    if kind in _EXPECTED:
        return "WrongType", {"expected": _EXPECTED[kind]}
    match kind:
        case "missing":
            return "Missing", {}
        case "extra_forbidden":
            return "UnknownField", {}
        case "string_pattern_mismatch":
            return "WrongFormat", {"pattern": context["pattern"]}
        case "literal_error" | "enum":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return "NotAChoice", {"choices": choices}
        case "value_error" if isinstance(cause := context.get("error"), FieldProblem):
            return cause.code, cause.params
    if kind.startswith(("datetime_", "date_", "time_", "timezone_")):
        return "InvalidTime", {}
    return "InvalidValue", {"problem": message.removeprefix("Value error, ")[:500]}
