"""AsyncTasks and Stages as the archiver follows them: decoded is what is compared, the rest kept as it came in."""

from typing import Any

import msgspec
import orjson

from asynctask.api.status import FINAL_PHASES

_FINAL = frozenset(str(phase) for phase in FINAL_PHASES)


class Part(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A piece of an object: camel case outside, unknown fields skipped."""


class Meta(Part, frozen=True, omit_defaults=True):
    """Object metadata: what is kept of it."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 1
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Object(Part, frozen=True):
    """An object, whole."""

    metadata: Meta
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def size(self) -> int:
        """About how much memory it takes."""
        return len(self.spec) + len(self.status) + 500

    def kept(self) -> "Object":
        """A copy that does not hold on to the whole page or line that it came in."""
        return Object(self.metadata, self.spec.copy(), self.status.copy())

    def body(self) -> dict[str, Any]:
        """As the API server has it, without managedFields."""
        return {
            "metadata": msgspec.to_builtins(self.metadata),
            "spec": orjson.loads(memoryview(self.spec)),
            "status": orjson.loads(memoryview(self.status)),
        }


class Condition(Part, frozen=True):
    """What is compared of a condition."""

    type: str = ""
    status: str = ""
    reason: str = ""
    observed_generation: int = 0


class StageLine(Part, frozen=True):
    """A task's line on a stage."""

    name: str = ""
    object: str = ""
    phase: str = ""


class TaskSpec(Part, frozen=True):
    """What is read of a task's spec."""

    run: int = 1
    ttl_seconds_after_finished: int | None = None


class TaskStatus(Part, frozen=True):
    """What makes a task's row another. Progress does not."""

    phase: str = ""
    message: str = ""
    run: int = 0
    stage: str = ""
    priority: int | None = None
    start_time: str | None = None
    completion_time: str | None = None
    item_error_count: int = 0
    stages: tuple[StageLine, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether its run has."""
        return self.phase in _FINAL and self.completion_time is not None


class ItemErrors(Part, frozen=True):
    """How many items failed."""

    count: int = 0


class StageSpec(Part, frozen=True):
    """What is read of a Stage's spec."""

    task_uid: str = msgspec.field(name="taskUID", default="")


class StageStatus(Part, frozen=True):
    """What makes a stage's row another. Progress does not."""

    phase: str = ""
    message: str = ""
    attempt: int = 1
    failures: int = 0
    completion_time: str | None = None
    completion: msgspec.Raw = msgspec.Raw(b"")
    review: msgspec.Raw = msgspec.Raw(b"")
    reviews: msgspec.Raw = msgspec.Raw(b"")
    last_error: msgspec.Raw = msgspec.Raw(b"")
    conditions: tuple[Condition, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self.phase in _FINAL


_object = msgspec.json.Decoder(Object).decode
task_spec = msgspec.json.Decoder(TaskSpec).decode
task_status = msgspec.json.Decoder(TaskStatus).decode
stage_spec = msgspec.json.Decoder(StageSpec).decode
stage_status = msgspec.json.Decoder(StageStatus).decode


def from_body(body: dict[str, Any]) -> Object:
    """An object that the API server was asked for."""
    return _object(orjson.dumps(body))


def task_digest(item: Object, status: TaskStatus) -> int:
    """Two states of a task with the same digest need not both be written."""
    meta = item.metadata
    of = (status.phase, status.message, status.run, status.stage, status.priority, status.completion_time)
    more = (status.item_error_count, status.start_time, _conditions(status.conditions), _lines(status.stages))
    return hash((meta.generation, tuple(sorted(meta.labels.items())), of, more))


def stage_digest(status: StageStatus) -> int:
    """Two states of a stage with the same digest need not both be written."""
    of = (status.phase, status.message, status.attempt, status.failures, status.completion_time)
    raw = (status.completion, status.review, status.reviews, status.last_error)
    return hash((of, tuple(bytes(part) for part in raw), _conditions(status.conditions)))


def _conditions(conditions: tuple[Condition, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((item.type, item.status, item.reason) for item in conditions if item.type != "Archived")


def _lines(stages: tuple[StageLine, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((line.name, line.phase) for line in stages)
