"""What is to be done about one task: values only, carried out by `reconcile.perform`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from asynctask.api.reasons import Reason

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StartStage:
    """Create a Stage, if it is not there, and what it owns. Names are derived, so a replay makes nothing twice."""

    name: str
    stage: Body | None = None
    job: Body | None = None
    tasks: tuple[Body, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchStage:
    """Merge into a Stage's status."""

    name: str
    status: Body


@dataclass(frozen=True, slots=True)
class SuspendJob:
    """Stop a Job's pod, or let the Job make a new one."""

    name: str
    suspend: bool
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    """Set in the same write, or taken away."""


@dataclass(frozen=True, slots=True)
class HoldWorkload:
    """The same for a Job whose `suspend` is Kueue's: have Kueue stop it and leave it, or queue it again."""

    name: str
    uid: str
    hold: bool
    annotations: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PatchTask:
    """Merge into the spec of a child task: pause, resume, cancel."""

    name: str
    spec: Body


@dataclass(frozen=True, slots=True)
class DeleteStage:
    """Delete a Stage of a run that nothing refers to any more."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class DeleteTask:
    """Delete the task itself: its time to live is over."""

    uid: str


Action = StartStage | PatchStage | SuspendJob | HoldWorkload | PatchTask | DeleteStage | DeleteTask


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling a person who looks at the task later."""

    type: Literal["Normal", "Warning"]
    reason: Reason
    message: str
    with_status: bool = False
    """Posted only when the plan's status is written: said once, however often it is looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One step. Actions are carried out in order, then the status is written, then events."""

    actions: tuple[Action, ...] = ()
    status: Body | None = None
    """The task's whole status as it should be; None leaves it alone."""
    urgency: Literal["now", "soon", "progress", "queued"] = "soon"
    """When the status must be written: `now` when something rests on it, else when it has had time for company."""
    events: tuple[Event, ...] = ()
    holds_slot: bool = False
    wants_slot: bool = False
    opens_at: datetime | None = None
    """When the window opens that it waits for and nothing else."""
    waits_for: str = ""
    """The reason why it waits without asking for a place: its hours are shut, or other tasks have not ended."""
    wake_at: datetime | None = None

    @property
    def only_ends(self) -> bool:
        """Whether all that is left of a task is to say how it ended."""
        return bool(self.status and self.status.get("completionTime")) and all(
            isinstance(action, PatchStage) for action in self.actions
        )
