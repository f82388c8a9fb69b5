"""What the stage protocol demands of a body; the fake gateway is as strict as the real one."""

import json
import math
from collections.abc import Mapping
from typing import Any

_REPORT = {"sequence", "progress", "usedBytesPerSecond", "checkpoint", "log", "itemErrors", "itemErrorCount"}
_COMPLETE = {"sequence", "outcome", "class", "reason", "message", "outputs", "progress", "itemErrors", "itemErrorCount"}
_NUMBERS = {"bytesDone", "bytesTotal", "itemsDone", "itemsTotal", "bytesPerSecond", "remainingSeconds"}
_ITEM = {"path", "class", "reason", "message"}
_CLASSES = {"permanent", "transient", "throttled"}


class Violation(Exception):
    """A body that breaks the protocol, and the field where it does."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_report(body: Mapping[str, Any]) -> None:
    """Raise ``Violation`` unless it is a report."""
    _check_common(body, _REPORT)
    _demand(_is_count(body.get("usedBytesPerSecond", 0)), "usedBytesPerSecond", "finite and not negative")
    if "checkpoint" in body:
        _check_object(body["checkpoint"], "checkpoint", 32 * 1024)
    lines = body.get("log", [])
    _demand(isinstance(lines, list) and len(lines) <= 100, "log", "at most 100")
    for index, line in enumerate(lines):
        _demand(set(line) == {"time", "level", "message"}, f"log[{index}]", "time, level and message")
        _demand(len(line["message"].encode()) <= 4096, f"log[{index}].message", "at most 4 KiB")


def check_complete(body: Mapping[str, Any]) -> None:
    """Raise ``Violation`` unless it is a completion."""
    _check_common(body, _COMPLETE)
    _demand(body.get("outcome") in {"succeeded", "partial", "failed", "stopped"}, "outcome", "unknown")
    failed = body["outcome"] == "failed"
    _demand((body.get("class") in _CLASSES) if failed else body.get("class") is None, "class", "goes with failed")
    _check_object(body.get("outputs", {}), "outputs", 16 * 1024)


def _check_common(body: Mapping[str, Any], known: set[str]) -> None:
    for key in body.keys() - known:
        raise Violation(key, "unknown field")
    _demand(type(body.get("sequence")) is int and body["sequence"] > 0, "sequence", "a positive integer")
    progress = body.get("progress", {})
    _demand(isinstance(progress, dict), "progress", "an object")
    for key, value in progress.items():
        if key == "message":
            _demand(isinstance(value, str), "progress.message", "a string")
        else:
            _demand(key in _NUMBERS and _is_count(value), f"progress.{key}", "finite and not negative")
    items = body.get("itemErrors", [])
    _demand(isinstance(items, list) and len(items) <= 100, "itemErrors", "at most 100")
    for index, item in enumerate(items):
        _demand(
            set(item) == _ITEM and item["class"] in _CLASSES, f"itemErrors[{index}]", "path, class, reason, message"
        )
    _demand(_is_count(body.get("itemErrorCount", 0)), "itemErrorCount", "finite and not negative")


def _check_object(value: Any, field: str, limit: int) -> None:
    _demand(isinstance(value, dict), field, "an object")
    _demand(len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) <= limit, field, "too large")


def _is_count(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _demand(is_met: bool, field: str, message: str) -> None:
    if not is_met:
        raise Violation(field, message)
