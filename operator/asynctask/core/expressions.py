"""CEL expressions over `config`, `outputs` and the like: conditions, and values that other tasks are given."""

from collections.abc import Mapping
from functools import cache, lru_cache
from math import isfinite
from typing import Any

import orjson

from asynctask.core import expressioncost

MAX_ITEMS = 10_000
MAX_ITEMS_BYTES = 96 * 1024
"""The Stage object holds them."""


class ExpressionError(Exception):
    """An expression that can't be evaluated, or that gives what it may not."""


@lru_cache(maxsize=512)
def compile_expression(text: str) -> str:
    """What is wrong with the syntax of an expression; empty when nothing is."""
    try:
        _cel().compile(text)
    except Exception as error:  # noqa: BLE001 - the library raises several kinds, all of them the text's fault
        return f"not a CEL expression: {_first_line(error)}"
    return ""


def holds(text: str, variables: Mapping[str, Any]) -> bool:
    """Evaluate an expression such as `outputs.compare.changed > 0`. Raises ExpressionError."""
    result = _evaluate(text, variables)
    if not isinstance(result, bool):
        raise ExpressionError(f"gives {type(result).__name__}, not true or false")
    return result


def value(text: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression to something that a config may hold, with its type. Raises ExpressionError."""
    return _plain(_evaluate(text, variables))


def items(text: str, variables: Mapping[str, Any]) -> tuple[Any, ...]:
    """Evaluate an expression to a list; a number N stands for 0 to N-1. Raises ExpressionError."""
    result = _evaluate(text, variables)
    count = result if isinstance(result, int) and not isinstance(result, bool) else None
    if count is None and not isinstance(result, list):
        raise ExpressionError(f"gives {type(result).__name__}, not a list or a number")
    size = len(result) if count is None else count
    if not 0 <= size <= MAX_ITEMS:
        raise ExpressionError(f"gives {size} items; at most {MAX_ITEMS} are taken")
    found = tuple(range(size)) if count is not None else tuple(_plain(item) for item in result)
    if (length := len(orjson.dumps(found))) > MAX_ITEMS_BYTES:
        raise ExpressionError(f"gives {length} bytes as JSON; at most {MAX_ITEMS_BYTES} are kept")
    return found


def _evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    # a variable takes time to hand over: only those that the text may mean
    given = {name: _writable(content) for name, content in variables.items() if name in text}
    if why_not := expressioncost.fault(text, given):
        raise ExpressionError(why_not)
    try:
        return _cel().evaluate(text, given)
    except KeyError as error:
        raise ExpressionError(f"there is no {error.args[0]!r}; has(…) asks whether a field is there") from error
    except Exception as error:  # see above
        raise ExpressionError(_first_line(error)) from error


def _writable(content: Any) -> Any:
    """Plain dictionaries, which is all that the library takes."""
    return {key: _writable(part) for key, part in content.items()} if isinstance(content, Mapping) else content


def _plain(found: Any) -> Any:
    """What JSON can hold, keys in order. Raises ExpressionError for anything else."""
    if isinstance(found, list):
        return [_plain(part) for part in found]
    if isinstance(found, dict) and all(isinstance(key, str) for key in found):
        return {key: _plain(found[key]) for key in sorted(found)}
    if found is None or isinstance(found, bool | int | str) or (isinstance(found, float) and isfinite(found)):
        return found
    raise ExpressionError(
        f"gives {type(found).__name__}; a config holds texts, numbers, true, false, lists and objects"
    )


@cache
def _cel() -> Any:
    """Imported with the first expression: the package brings its command line, 8 MiB and a quarter of the start."""
    import cel

    return cel


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
