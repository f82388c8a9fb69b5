"""A stage that is no pod, and the verdicts that all of that kind share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage, StageInput
from asynctask.api.status import Phase
from asynctask.api.templates import StageTemplate
from asynctask.core import conditions, evidence, manifests
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.plan import Action, PatchStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Gate:
    """One such stage of the current run."""

    facts: Facts
    resolved: Resolved
    template: StageTemplate
    stage: Stage | None
    want: Want
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the stages before it left, by name."""
    inputs: tuple[StageInput, ...] = ()
    """The objects of the stages before it; which run's they are, too."""
    is_given_up: bool = False
    """Another stage failed: what has not begun won't."""

    @property
    def name(self) -> str:
        """The Stage object's name."""
        return manifests.stage_name(self.facts.task, self.template.name)

    @property
    def began(self) -> datetime:
        """When the stage began: now, if it has not."""
        created = self.stage.metadata.creation_timestamp if self.stage else None
        return created or self.facts.now


def refused(gate: Gate) -> Verdict | None:
    """The API server would not make its Stage, or a task of it, a moment ago: say why. The queue tries again."""
    message = gate.facts.refusals.get(gate.name)
    if message is None:
        return None
    why, started = evidence.refusal(message), gate.began if gate.stage else None
    return Verdict(Phase.STARTING, why.reason, why.message, stage=gate.stage, started=started)


def waiting(
    gate: Gate, reason: Reason, message: str, due: datetime | None = None, *, tell_changes: bool = False
) -> Verdict:
    """It goes on waiting; its Stage is told once, and with `tell_changes` also when the words change."""
    stage = gate.stage
    actions: tuple[Action, ...] = ()
    is_told = stage is not None and stage.status.phase == Phase.WAITING
    has_changed = stage is not None and tell_changes and stage.status.message != message[:1024]
    if stage is not None and (has_changed or not is_told):
        actions = (PatchStage(stage.metadata.name, {"phase": Phase.WAITING, "message": message[:1024]}),)
    return Verdict(Phase.WAITING, reason, message, actions, wake_at=due, stage=stage, started=gate.began)


def finish(
    gate: Gate,
    phase: Phase,
    reason: Reason,
    message: str = "",
    when: datetime | None = None,
    more: Mapping[str, Any] | None = None,
) -> Verdict:
    """The stage ends: one patch that says how. `more` are further fields of its status."""
    good = phase in {Phase.SUCCEEDED, Phase.PARTIAL}
    summary = conditions.Wanted("Succeeded", "True" if good else "False", reason, message)
    current = gate.stage.status.conditions if gate.stage else ()
    patch: dict[str, Any] = {
        "phase": phase,
        "message": message[:1024],
        "completionTime": stamp(when or gate.facts.now),
        "conditions": conditions.merge(current, [summary], 1, gate.facts.now),
        **(more or {}),
    }
    return Verdict(
        phase,
        reason,
        message,
        (PatchStage(gate.name, patch),),
        stage=gate.stage,
        outputs=patch.get("outputs", {}),
        item_errors=patch.get("itemErrors", {}).get("count", 0),
        started=gate.began,
        ended=when or gate.facts.now,
        failed_now=not good and phase is not Phase.CANCELLED,
    )
