"""A task's config as its stages get it: checked against the schema of its type, the schema's defaults filled in.

Operator and gateway both call this, so a pod's environment and its context can't differ. Neither schema nor config is
trusted with our time: patterns run on a linear-time engine, references stay within the schema, everything is bounded.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson
from jsonschema.exceptions import ValidationError, best_match

from asynctask.api.reasons import Reason
from asynctask.core import schemas
from asynctask.core.problems import Problem

MAX_BYTES = 64 * 1024
"""The largest config, as JSON, before and after defaults are filled in."""
MAX_PROBLEMS = 20
MAX_MESSAGE = 256


def effective_config(
    config: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The config with defaults filled in, and what is wrong with it or with the schema; no problems: it may be used.

    Defaults are filled as the API server does it for custom resources: into objects that are there, not by making
    objects up (give the object `default: {}` for that).
    """
    given, size = dict(config), _size(config)
    if size is None or size > MAX_BYTES:
        return given, (_too_large(size),)
    if not schema:
        return given, ()
    if problems := schema_problems(schema):
        return given, problems
    compiled = schemas.compiled(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))
    try:
        filled = compiled.fill(given)
        size = _size(filled)
        if size is None or size > MAX_BYTES:
            return given, (_too_large(size),)
        errors = list(islice(compiled.validator.iter_errors(filled), MAX_PROBLEMS))
    except RecursionError:
        return given, (Problem(Reason.INVALID_TYPE, "refers to itself without end", "spec.configSchema"),)
    except schemas.TooMuch as error:
        return given, (Problem(Reason.INVALID_TYPE, str(error), "spec.configSchema"),)
    return filled, tuple(_problem(error) for error in errors)


def schema_problems(schema: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with a config schema itself; what a TaskType's `Ready` condition says."""
    try:
        raw = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):
        return (Problem(Reason.INVALID_TYPE, "is not JSON", "spec.configSchema"),)
    return tuple(
        Problem(Reason.INVALID_TYPE, fault.message[:MAX_MESSAGE], _join("spec.configSchema", fault.path))
        for fault in schemas.compiled(raw).faults
    )


def _size(config: Mapping[str, Any]) -> int | None:
    try:
        return len(orjson.dumps(config))
    except (TypeError, RecursionError):  # orjson refuses nesting deeper than 254
        return None


def _too_large(size: int | None) -> Problem:
    if size is None:
        return Problem(Reason.INVALID_CONFIG, "is not JSON, or is nested too deeply", "spec.config")
    message = f"has {size} bytes as JSON with defaults filled in; at most {MAX_BYTES} are kept"
    return Problem(Reason.CONFIG_TOO_LARGE, message, "spec.config")


def _problem(error: ValidationError) -> Problem:
    # of alternatives that all failed, people want the one that came closest
    closest = best_match(iter([error])) or error
    return Problem(Reason.INVALID_CONFIG, closest.message[:MAX_MESSAGE], _join("spec.config", closest.absolute_path))


def _join(root: str, parts: Iterable[str | int]) -> str:
    """`spec.config.sources[2].path`; names that are no identifiers in brackets, as Kubernetes writes them."""
    text = root
    for part in parts:
        plain = isinstance(part, str) and part.isidentifier()
        text += f".{part}" if plain else f"[{part}]"
    return text[:MAX_MESSAGE]
