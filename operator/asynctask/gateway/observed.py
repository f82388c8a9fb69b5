"""What the gateway follows, as typed projections that decode only what bandwidth turns on."""

from typing import Any

import msgspec

from asynctask.api.status import Phase
from asynctask.core.observed import Meta, Part

DEFAULT_PRIORITY = 3


class Location(Part, frozen=True):
    """A place on an endpoint."""

    endpoint: str = ""


class StageSpec(Part, frozen=True):
    """What is read of a Stage's spec."""

    task_uid: str = msgspec.field(name="taskUID", default="")
    locations: tuple[Location, ...] = ()


class Completion(Part, frozen=True):
    """An attempt that has ended."""

    attempt: int = 1


class Bandwidth(Part, frozen=True):
    """What a stage was told and what it used."""

    allowed_bytes_per_second: int | None = None
    used_bytes_per_second: int | None = None


class StageStatus(Part, frozen=True):
    """What is read of a Stage's status."""

    phase: str = Phase.RUNNING
    attempt: int = 1
    completion: Completion | None = None
    bandwidth: Bandwidth | None = None


class Stage(Part, frozen=True):
    """A Stage, as far as it uses endpoints."""

    metadata: Meta
    spec: StageSpec = StageSpec()
    status: StageStatus = StageStatus()

    @property
    def is_at_work(self) -> bool:
        """Whether it may move something: its attempt runs, or is about to, or is not known to have ended."""
        completion = self.status.completion
        has_ended = completion is not None and completion.attempt >= self.status.attempt
        return self.status.phase == Phase.RUNNING and not has_ended


class TaskSpec(Part, frozen=True):
    """What is read of a task's spec."""

    priority: int | None = None
    min_megabytes_per_second: int = 0


class TaskStatus(Part, frozen=True):
    """What is read of a task's status."""

    phase: str = ""
    priority: int | None = None


class Task(Part, frozen=True):
    """A task, as far as it says how much its stages get."""

    metadata: Meta
    spec: TaskSpec = TaskSpec()
    status: TaskStatus = TaskStatus()

    @property
    def priority(self) -> int:
        """As given, else as its type presets it, which its status says."""
        return self.spec.priority or self.status.priority or DEFAULT_PRIORITY


class EndpointSpec(Part, frozen=True):
    """What is read of an endpoint's spec."""

    limits: dict[str, Any] = msgspec.field(default_factory=dict)


class StorageEndpoint(Part, frozen=True):
    """An endpoint, as far as it has limits."""

    metadata: Meta
    spec: EndpointSpec = EndpointSpec()
