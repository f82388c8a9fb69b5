"""Conditions as the Kubernetes API conventions have them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from asynctask.api.base import Condition
from asynctask.core.times import stamp


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition as it should be."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def merge(
    current: Iterable[Condition], wanted: Iterable[Wanted], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Set the wanted conditions, keep the others; `lastTransitionTime` moves only when the status does."""
    kept = {condition.type: condition for condition in current}
    result = {kind: dump(condition) for kind, condition in kept.items()}
    for item in wanted:
        before = kept.get(item.type)
        since = before.last_transition_time if before and before.status == item.status else now
        result[item.type] = {
            "type": item.type,
            "status": item.status,
            "reason": item.reason,
            "message": item.message[:1024],
            "observedGeneration": generation,
            "lastTransitionTime": stamp(since or now),
        }
    return [result[kind] for kind in sorted(result)]


def dump(condition: Condition) -> dict[str, Any]:
    """A condition as the API server stores it."""
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": stamp(condition.last_transition_time),
    }
