"""Config fields of the stages: read, bounded, and named when they are wrong."""

from collections.abc import Sequence
from typing import Any

from asynctask_stage import PermanentError


def strings(values: list[Any], field: str) -> tuple[str, ...]:
    """A list of strings."""
    if not all(isinstance(value, str) for value in values):
        raise PermanentError(f"config.{field} must be a list of strings", reason="InvalidConfig")
    return tuple(values)


def bounded(value: int, field: str, least: int, most: int) -> int:
    """A number within bounds."""
    if not least <= value <= most:
        raise PermanentError(f"config.{field} must be {least} to {most}, not {value}", reason="InvalidConfig")
    return value


def choice(value: str, field: str, choices: Sequence[str]) -> str:
    """One of several words."""
    if value not in choices:
        raise PermanentError(f"config.{field} must be one of {', '.join(choices)}", reason="InvalidConfig")
    return value
