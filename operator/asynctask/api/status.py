"""What tasks and stages both report about their state."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from asynctask.api.base import Count, Message, Model, ReasonName, Time


class Phase(StrEnum):
    """A state in one word, for people. Derived: nothing decides on it."""

    PENDING = "Pending"
    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"
    WAITING = "Waiting"
    BACKING_OFF = "BackingOff"
    STOPPING = "Stopping"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    PARTIAL = "Partial"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    INVALID = "Invalid"


FINAL_PHASES = frozenset({Phase.SUCCEEDED, Phase.PARTIAL, Phase.SKIPPED, Phase.FAILED, Phase.CANCELLED})
"""Phases that nothing but a new run leaves."""

PhaseName = Annotated[Phase, Field(json_schema_extra={"x-inline-enum": True})]
Outcome = Literal["succeeded", "partial", "failed", "stopped"]
ErrorClass = Literal["permanent", "transient", "throttled"]


class Progress(Model):
    """How far the work is. Bytes and items count from the beginning of the stage, over all its attempts."""

    bytes_done: Count | None = None
    """Bytes done so far."""
    bytes_total: Count | None = None
    """Bytes in all, as far as known."""
    items_done: Count | None = None
    """Files or other items done so far."""
    items_total: Count | None = None
    """Items in all, as far as known."""
    bytes_per_second: Count | None = None
    """The rate of late, in bytes per second."""
    remaining_seconds: Count | None = None
    """Estimated time left, in seconds."""
    message: Message = ""
    """What is being done."""

    @property
    def percent(self) -> int | None:
        """Percent done: by bytes where their total is known, else by items; None when neither is."""
        for done, total in ((self.bytes_done, self.bytes_total), (self.items_done, self.items_total)):
            if done is not None and total:
                return min(100, done * 100 // total)
        return None


class LastError(Model):
    """Why the newest attempt that failed did so."""

    attempt: Count = 1
    """Which attempt."""
    error_class: ErrorClass = Field(default="transient", alias="class")
    """Whether trying again can help."""
    reason: ReasonName = ""
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""
    exit_code: Annotated[int, Field(ge=-1, le=255)] | None = None
    """The container's exit code."""
    time: Time | None = None
    """When."""
