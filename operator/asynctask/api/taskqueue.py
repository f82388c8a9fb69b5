"""TaskQueue: who of those that wait may run, and when."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import (
    CONDITIONS_KEYS,
    Condition,
    Count,
    LabelName,
    Metadata,
    Model,
    ObjectName,
    Priority,
    Quantity,
    Rule,
    Seconds,
    Time,
    rules,
)
from asynctask.api.window import Window

Limit = Annotated[int, Field(ge=0, le=100_000)]
Percent = Annotated[int, Field(ge=1, le=100)]


class Quota(Model):
    """What the tasks that run may request together. A task counts with the most that its stages may request at once."""

    cpu: Quantity | None = None
    """CPUs, for example `4` or `2500m`."""
    memory: Quantity | None = None
    """Memory, for example `16Gi`."""


class Pressure(Model):
    """Start nothing while the cluster is as busy as this. What runs goes on."""

    max_node_cpu_percent: Percent | None = Field(default=None, alias="maxNodeCPUPercent")
    """CPU in use over all nodes. Needs metrics.k8s.io (metrics-server); ignored, and said so in a condition, where it is not served."""
    max_node_memory_percent: Percent | None = None
    """Memory in use over all nodes. Needs metrics.k8s.io (metrics-server)."""
    max_network_megabytes_per_second: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """What the running stages of all queues say that they move together; 1 MB is 1,000,000 bytes."""

    @property
    def asks_nodes(self) -> bool:
        """Whether the load of nodes must be known."""
        return self.max_node_cpu_percent is not None or self.max_node_memory_percent is not None


class Weight(Model):
    """One namespace's part in the queue."""

    namespace: LabelName
    """The namespace."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """With 3 it has three tasks running for each one of a namespace with 1, while both have enough waiting."""


class Preemption(Model):
    """Whether urgent tasks may push less urgent ones out. What is pushed out saves a checkpoint and waits on in its old place."""

    policy: Literal["Never", "LowerPriority"] = "Never"
    """`LowerPriority`: a task that waits may stop running ones of a lower priority, if that makes room for it."""
    min_runtime_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """A task is left alone until it has run this long since it last started."""
    max_per_hour: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Tasks that may be pushed out within any hour, over the whole queue."""


class TaskQueueSpec(Model):
    """The queue's limits. What is absent limits nothing."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="!has(self.suspendRunning) || !self.suspendRunning || (has(self.suspend) && self.suspend)",
                message="suspendRunning goes with suspend: true",
                field_path=".suspendRunning",
            ),
            Rule(
                rule="!has(self.kueueLocalQueue) || !(has(self.maxRunning) || has(self.maxRunningPerNamespace) || has(self.maxRunningPerType) || (has(self.quota) && (has(self.quota.cpu) || has(self.quota.memory))) || (has(self.preemption) && has(self.preemption.policy) && self.preemption.policy != 'Never'))",
                message="with kueueLocalQueue, counts, quota and preemption are Kueue's: set them in its ClusterQueue and leave them out here",
                field_path=".kueueLocalQueue",
            ),
        )
    )

    suspend: bool = False
    """Start nothing. What runs goes on to its end, unless `suspendRunning` is true."""
    suspend_running: bool = False
    """With `suspend`: what runs saves a checkpoint, stops, and waits in the queue; it goes on when `suspend` is false again."""
    max_running: Limit | None = None
    """Tasks that may run at once; 0 holds all back; absent: no limit."""
    max_running_per_namespace: Limit | None = None
    """Tasks of one namespace that may run at once."""
    max_running_per_type: Limit | None = None
    """Tasks of one TaskType that may run at once. Tasks with stages of their own count as one type together."""
    quota: Quota = Quota()
    """CPU and memory that the running tasks may request together."""
    start_rate_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Tasks that may start within any minute; starts are spread evenly."""
    promote_after_seconds: Seconds | None = None
    """Each time a task has waited this long it counts as one priority more urgent, up to 1. Absent: it never does, and 5 may starve."""
    head_of_line_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 300
    """Smaller tasks may overtake one that doesn't fit for this long; then room is kept free until it does."""
    window: Window | None = None
    """The hours at which its tasks may run."""
    pressure: Pressure = Pressure()
    """Start nothing while the cluster is busy."""
    fair_share: Annotated[
        tuple[Weight, ...],
        Field(
            max_length=256,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["namespace"]},
        ),
    ] = ()
    """Weights of namespaces: of equally urgent tasks, those of the namespace that has the least running for its weight go first. Others have weight 1."""
    preemption: Preemption = Preemption()
    """Whether urgent tasks may push less urgent ones out."""
    kueue_local_queue: ObjectName | None = None
    """Hand the quota to Kueue: Jobs are made suspended for the LocalQueue of this name in the task's namespace. Counts, quota and preemption are then Kueue's and must be absent here."""


class WaitingCount(Model):
    """How many wait with one priority."""

    priority: Priority
    """The priority, as given: not raised by waiting."""
    count: Count = 0
    """Tasks that wait with it."""


class Used(Model):
    """What the running tasks request together."""

    cpu: Quantity = "0"
    """CPUs."""
    memory: Quantity = "0"
    """Memory."""


class TaskQueueStatus(Model):
    """What is in the queue. Written every few seconds at most."""

    observed_generation: Count = 0
    """The generation of the spec that this speaks of."""
    running: Count = 0
    """Tasks that run."""
    waiting: Count = 0
    """Tasks that wait."""
    waiting_by_priority: Annotated[
        tuple[WaitingCount, ...],
        Field(
            max_length=5,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["priority"]},
        ),
    ] = ()
    """The same by priority; priorities that none waits with are left out."""
    used: Used | None = None
    """CPU and memory that the running tasks request together."""
    waiting_since: Time | None = None
    """When the task that has waited longest began to wait."""
    displaced_last_hour: Count = 0
    """Tasks pushed out by more urgent ones within the hour before this was written."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Admitting`: whether tasks may start now, and if not, what holds them all back. `MetricsAvailable`: whether the load of nodes is known, where `pressure` asks for it."""


class TaskQueue(Model):
    """A queue that tasks wait in, most urgent first. Tasks that name no queue use `default`, which has no limit unless it is made."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="size(self.metadata.name) <= 63",
                message="the name of a queue has at most 63 characters, since tasks carry it as a label",
            ),
        )
    )

    metadata: Metadata
    spec: TaskQueueSpec = TaskQueueSpec()
    status: TaskQueueStatus = TaskQueueStatus()
