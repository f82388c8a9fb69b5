"""What is made of one stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.api.status import FINAL_PHASES, Phase, Progress
from asynctask.core.plan import Action

_OUTCOMES = {
    Phase.SUCCEEDED: "Succeeded",
    Phase.PARTIAL: "PartiallySucceeded",
    Phase.SKIPPED: "Skipped",
    Phase.FAILED: "Failed",
    Phase.CANCELLED: "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one stage and what follows from it."""

    phase: Phase
    reason: Reason | str
    message: str = ""
    actions: tuple[Action, ...] = ()
    holds_slot: bool = False
    wants_slot: bool = False
    wake_at: datetime | None = None
    stage: Stage | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    item_errors: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    failed_now: bool = False
    """Whether an attempt was found to have failed just now: worth an event."""
    is_out: bool = False
    """Whether it has not begun and won't, in this run."""

    @property
    def is_over(self) -> bool:
        """Whether nothing but a new run changes it."""
        return self.phase in FINAL_PHASES

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be expected of it in this run."""
        return self.is_over or self.is_out

    @property
    def outcome(self) -> str:
        """How it ended, in the words of `when` expressions."""
        return (
            "NotRun"
            if self.stage is None and self.phase in {Phase.CANCELLED, Phase.PENDING}
            else _OUTCOMES.get(self.phase, "")
        )

    @property
    def lets_others_begin(self) -> bool:
        """Whether stages that need this one may begin."""
        return self.phase in {Phase.SUCCEEDED, Phase.PARTIAL, Phase.SKIPPED}

    @property
    def progress(self) -> Progress | None:
        """How far the stage says it is."""
        return self.stage.status.progress if self.stage else None
