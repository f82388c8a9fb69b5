"""`when` expressions: CEL over `config` and `outputs`."""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any


class ExpressionError(Exception):
    """An expression that can't be evaluated, or that gives no boolean."""


@lru_cache(maxsize=512)
def compile_expression(text: str) -> str:
    """What is wrong with the syntax of an expression; empty when nothing is."""
    try:
        _cel().compile(text)
    except Exception as error:  # noqa: BLE001 - the library raises several kinds, all of them the text's fault
        return f"not a CEL expression: {_first_line(error)}"
    return ""


def holds(text: str, config: Mapping[str, Any], outputs: Mapping[str, Mapping[str, Any]]) -> bool:
    """Evaluate an expression such as `outputs.compare.changed > 0`. Raises ExpressionError."""
    try:
        result = _cel().evaluate(
            text, {"config": dict(config), "outputs": {name: dict(value) for name, value in outputs.items()}}
        )
    except KeyError as error:
        raise ExpressionError(f"there is no {error.args[0]!r}; has(…) asks whether a field is there") from error
    except Exception as error:  # see above
        raise ExpressionError(_first_line(error)) from error
    if not isinstance(result, bool):
        raise ExpressionError(f"gives {type(result).__name__}, not true or false")
    return result


@cache
def _cel() -> Any:
    """Imported with the first expression: the package brings its command line, 8 MiB and a quarter of the start."""
    import cel

    return cel


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
