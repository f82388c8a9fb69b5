"""What one task is to another that waits for it: a few words, so that thousands may be kept and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asynctask.api import names
from asynctask.api.reasons import Reason
from asynctask.api.status import Phase

End = Literal["", "Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Skipped"]
"""How a run ended; empty while it has not."""
BAD_ENDS: frozenset[End] = frozenset({"Failed", "Cancelled", "Skipped"})
_OTHER_ENDS: dict[str, End] = {Reason.CANCELLED: "Cancelled", Reason.SKIPPED: "Skipped"}
MAX_WORDS = 300


@dataclass(frozen=True, slots=True)
class Other:
    """A task that somebody waits for: as a dependency, or as a child."""

    name: str
    end: End = ""
    """How the run that its spec asks for ended."""
    words: str = ""
    """Why it failed, or why it can't begin."""
    is_invalid: bool = False
    suspend: bool = False
    cancel: bool = False
    priority: int = 0
    run: int = 0
    """Of a child: the parent's run that it was made in."""
    stage: str = ""
    """Of a child: the parent's stage that made it."""
    stage_uid: str = ""
    """Of a child: the Stage that owns it. Labels prove nothing."""
    index: int = -1
    """Of a child: its position among those of the stage."""

    @property
    def is_over(self) -> bool:
        """Whether nothing but a new run of it changes how it ended."""
        return self.end != ""


def other(body: Mapping[str, Any]) -> Other:
    """The task as others see it, from the object itself."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    labels, owners = meta.get("labels", {}), meta.get("ownerReferences", ())
    end = _end(spec, status)
    is_invalid = not end and status.get("phase") == Phase.INVALID
    return Other(
        name=meta["name"],
        end=end,
        words=str(status.get("message", ""))[:MAX_WORDS] if is_invalid or end in BAD_ENDS else "",
        is_invalid=is_invalid,
        suspend=bool(spec.get("suspend")),
        cancel=bool(spec.get("cancel")),
        priority=spec.get("priority") or 0,
        run=run_of(labels),
        stage=labels.get(names.LABEL_STAGE, ""),
        stage_uid=next((owner["uid"] for owner in owners if owner.get("controller")), ""),
        index=_number(labels.get(names.LABEL_INDEX, ""), -1),
    )


def run_of(labels: Mapping[str, str]) -> int:
    """The run that an object with these labels was made in; 0 when they don't say."""
    return _number(labels.get(names.LABEL_RUN, ""), 0)


def depth_of(labels: Mapping[str, str]) -> int:
    """How many tasks are above the one with these labels."""
    return _number(labels.get(names.LABEL_DEPTH, ""), 0)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _end(spec: Mapping[str, Any], status: Mapping[str, Any]) -> End:
    if status.get("run", 0) != spec.get("run", 1):
        return ""
    for condition in status.get("conditions", ()):
        if condition["type"] == "Succeeded" and condition["status"] != "Unknown":
            reason = condition.get("reason")
            if condition["status"] == "True":
                return "PartiallySucceeded" if reason == Reason.PARTIALLY_SUCCEEDED else "Succeeded"
            return _OTHER_ENDS.get(reason, "Failed")
    return ""
