"""Which pod has a stage: pure rules over what the Stage records.

Pods of a stage are ordered by (attempt, creation time, uid); the highest that has spoken holds the stage, and whatever
is lower is refused. Two things are recorded, in the same object that holds the checkpoint, and every write of ours
carries the resourceVersion it was decided on, so a pod can never write past a successor that has written:

* `status.attempt`, raised by the operator before a new attempt starts: fences all pods of older attempts;
* `status.holder`, written by the gateway: fences older pods of the same attempt (suspended and resumed, evicted).

A pod is recorded before it is given its context, so of two pods of an attempt just one begins, whichever gateways they
ask. A holder whose pod the cluster still has alive is not pushed aside: its successor waits (`LiveStage.begin`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from asynctask.gateway.errors import StageGone, StaleAttempt


@dataclass(frozen=True, slots=True)
class Caller:
    """A pod, as far as its order among the pods of its stage goes."""

    attempt: int
    created: datetime
    pod_uid: str
    pod_name: str = field(compare=False)

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Of two pods of a stage the one with the higher order has it."""
        return self.attempt, self.created, self.pod_uid

    @classmethod
    def recorded(cls, holder: Mapping[str, Any] | None) -> Self | None:
        """The holder that a status names."""
        if not holder:
            return None
        created = holder.get("podCreationTime")
        return cls(
            int(holder.get("attempt", 1)),
            datetime.fromisoformat(created) if created else datetime.min.replace(tzinfo=UTC),
            str(holder["podUID"]),
            str(holder.get("podName", "")),
        )

    def to_status(self) -> dict[str, Any]:
        """As `status.holder`."""
        return {
            "podUID": self.pod_uid,
            "podName": self.pod_name,
            "attempt": self.attempt,
            "podCreationTime": self.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


@dataclass(frozen=True, slots=True)
class Recorded:
    """One version of a Stage: what the gateway decides on, the rest of the status as it came."""

    version: str
    uid: str
    deleting: bool
    attempt: int
    over: bool
    holder: Caller | None
    status: Mapping[str, Any] | None

    @classmethod
    def of(cls, stage: Mapping[str, Any]) -> Self:
        """Read an object of the API server."""
        metadata, status = stage["metadata"], stage.get("status")
        known = status or {}
        return cls(
            version=metadata["resourceVersion"],
            uid=metadata["uid"],
            deleting="deletionTimestamp" in metadata,
            attempt=int(known.get("attempt") or 1),
            over=any(c["type"] == "Succeeded" and c["status"] != "Unknown" for c in known.get("conditions", ())),
            holder=Caller.recorded(known.get("holder")),
            status=status,
        )

    def part(self, name: str) -> dict[str, Any]:
        """A field of the status, empty when absent."""
        value = (self.status or {}).get(name)
        return value if isinstance(value, dict) else {}

    def is_held_by(self, caller: Caller) -> bool:
        """Whether the caller is recorded as the holder."""
        return self.holder is not None and self.holder.pod_uid == caller.pod_uid

    def completed_by(self, attempt: int) -> str | None:
        """The outcome that this attempt has reported."""
        completion = self.part("completion")
        return str(completion["outcome"]) if completion and int(completion.get("attempt", 1)) == attempt else None


def check(recorded: Recorded, caller: Caller) -> None:
    """Refuse a caller that does not have the stage, or no longer. Raises StaleAttempt and StageGone."""
    if recorded.deleting:
        raise StageGone("the stage is being deleted")
    if caller.attempt < recorded.attempt:
        raise StaleAttempt(f"attempt {caller.attempt} has been replaced by attempt {recorded.attempt}")
    if recorded.holder and caller.order < recorded.holder.order:
        raise StaleAttempt(f"pod {recorded.holder.pod_name} has the stage now")
    if recorded.over:
        raise StaleAttempt("the stage is over")
