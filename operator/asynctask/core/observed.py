"""Jobs and pods as the rules see them: typed projections that decode only what is read.

A pod takes about 10 KB as a dictionary and a few hundred bytes here; thousands are kept.
"""

from datetime import datetime, timedelta

import msgspec

from asynctask.api import names


class Part(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A piece of an object: camel case outside, unknown fields skipped."""


class Owner(Part, frozen=True):
    """One owner reference."""

    uid: str = ""
    name: str = ""
    kind: str = ""
    controller: bool = False


class Annotations(Part, frozen=True):
    """The annotations that are read."""

    displaced_by: str = msgspec.field(default="", name=names.ANNOTATION_DISPLACED_BY)
    displaced_time: datetime | None = msgspec.field(default=None, name=names.ANNOTATION_DISPLACED_TIME)
    held: str = msgspec.field(default="", name=names.ANNOTATION_HELD)


NO_ANNOTATIONS = Annotations()


class Meta(Part, frozen=True):
    """Object metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: Annotations = NO_ANNOTATIONS
    owner_references: tuple[Owner, ...] = ()

    def is_owned_by(self, uid: str) -> bool:
        """Whether the object of this uid controls it."""
        return any(owner.controller and owner.uid == uid for owner in self.owner_references)

    @property
    def task_uid(self) -> str:
        """The task that this belongs to; empty when none."""
        return self.labels.get(names.LABEL_TASK_UID, "")

    @property
    def stage(self) -> str:
        """The stage's name within the task."""
        return self.labels.get(names.LABEL_STAGE, "")

    @property
    def run(self) -> int:
        """The run; 0 when the label is not a number."""
        return _number(self.labels.get(names.LABEL_RUN, ""))

    @property
    def attempt(self) -> int:
        """The attempt; 0 when the label is not a number."""
        return _number(self.labels.get(names.LABEL_ATTEMPT, ""))


class StatusCondition(Part, frozen=True):
    """A condition of a Job or a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Waiting(Part, frozen=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(Part, frozen=True):
    """A container that runs."""

    started_at: datetime | None = None


class Terminated(Part, frozen=True):
    """A container that ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Part, frozen=True):
    """One of the three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True):
    """The stage's container."""

    name: str = ""
    state: ContainerState = ContainerState()


class PodStatus(Part, frozen=True):
    """What the kubelet and the scheduler say."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: tuple[StatusCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Part, frozen=True):
    """A stage's pod."""

    metadata: Meta
    status: PodStatus = PodStatus()

    @property
    def state(self) -> ContainerState:
        """The state of the stage's container."""
        return self.status.container_statuses[0].state if self.status.container_statuses else ContainerState()

    @property
    def is_live(self) -> bool:
        """Whether its process may still do something."""
        return self.status.phase not in {"Succeeded", "Failed"}

    def condition(self, kind: str) -> StatusCondition | None:
        """The condition of this type, if it is set."""
        return next((item for item in self.status.conditions if item.type == kind), None)

    @property
    def is_disrupted(self) -> bool:
        """Whether the cluster, not the stage, ended it: eviction, preemption, node shutdown."""
        condition = self.condition("DisruptionTarget")
        return condition is not None and condition.status == "True"

    @property
    def digest(self) -> tuple[object, ...]:
        """All that any rule reads of it: two versions with the same digest call for the same decision."""
        state = self.state
        scheduled = self.condition("PodScheduled")
        return (
            self.metadata.deletion_timestamp,
            self.status.phase,
            self.status.reason,
            self.status.message,
            self.is_disrupted,
            scheduled.message if scheduled and scheduled.status == "False" else None,
            (state.waiting.reason, state.waiting.message)
            if state.waiting and state.waiting.reason != "ContainerCreating"
            else None,
            state.running is not None,
            state.terminated,
        )

    @property
    def asked_to_stop_at(self) -> datetime | None:
        """When its deletion was asked for: the API server stores that moment plus the grace period."""
        if self.metadata.deletion_timestamp is None:
            return None
        return self.metadata.deletion_timestamp - timedelta(seconds=self.metadata.deletion_grace_period_seconds or 0)


class JobSpec(Part, frozen=True):
    """The part of a Job's spec that changes."""

    suspend: bool = False


class JobStatus(Part, frozen=True):
    """What the Job controller says."""

    active: int = 0
    terminating: int = 0
    start_time: datetime | None = None
    conditions: tuple[StatusCondition, ...] = ()


class Job(Part, frozen=True):
    """One attempt of a stage."""

    metadata: Meta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    def condition(self, kind: str) -> StatusCondition | None:
        """The condition of this type, if it is true."""
        return next((item for item in self.status.conditions if item.type == kind and item.status == "True"), None)

    @property
    def digest(self) -> tuple[object, ...]:
        """All that a decision turns on; the start time only matters to decisions that time brings about."""
        failed = self.condition("Failed")
        notes = self.metadata.annotations
        return (self.spec.suspend, self.is_over, failed.reason if failed else None, self.is_stopped, notes)

    @property
    def is_kueues(self) -> bool:
        """Whether Kueue decides when it runs: then `suspend` is Kueue's to write, and its Workload is ours to hold."""
        return names.LABEL_KUEUE_QUEUE in self.metadata.labels

    @property
    def is_held(self) -> bool:
        """Whether nobody will start it: suspended, or with Kueue its Workload inactive."""
        return bool(self.metadata.annotations.held) if self.is_kueues else self.spec.suspend

    @property
    def is_over(self) -> bool:
        """Whether the Job controller has given its verdict."""
        return bool(self.condition("Complete") or self.condition("Failed"))

    @property
    def may_work(self) -> bool:
        """Whether it has a pod that works, or will make one."""
        return not (self.is_over or self.spec.suspend)

    @property
    def is_stopped(self) -> bool:
        """Whether it is suspended and its pods are gone, as far as the Job controller knows."""
        return (
            self.spec.suspend
            and self.is_held
            and bool(self.condition("Suspended"))
            and not (self.status.active or self.status.terminating)
        )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
