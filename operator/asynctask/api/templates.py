"""How a stage is written down, in a TaskType or in a task of its own."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.approval import ApprovalStage
from asynctask.api.base import (
    NAME_KEYS,
    SET_KEYS,
    Expression,
    FieldName,
    JsonObject,
    LabelName,
    Model,
    ObjectName,
    Priority,
    Quantity,
    Rule,
    Seconds,
    StageName,
    Text,
    rules,
)

Argument = Annotated[str, Field(max_length=4096)]
LabelValue = Annotated[str, Field(max_length=63)]
ConfigKey = Annotated[str, Field(min_length=1, max_length=63)]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
ResourceName = Literal["cpu", "memory", "ephemeral-storage"]
Profile = Literal["Restricted", "DataOwner"]
Access = Literal["Read", "Write"]
EndCondition = Literal["Succeeded", "PartiallySucceeded", "Finished"]
"""How something that is waited for must have ended: in full, at least in part, or in any way."""


class SecretKeyRef(Model):
    """One key of a Secret in the task's namespace."""

    name: ObjectName
    """The Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """The key in it."""


class EnvVar(Model):
    """One environment variable of the stage's container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="!self.name.startsWith('ASYNCTASK_') && !self.name.startsWith('CONFIG_')",
                message="names that begin with ASYNCTASK_ or CONFIG_ are the operator's",
                field_path=".name",
                reason="FieldValueForbidden",
            ),
            Rule(
                rule="!has(self.secretKeyRef) || !has(self.value) || self.value == ''",
                message="give either a value or secretKeyRef",
            ),
        )
    )

    name: FieldName
    """The variable's name. Names that begin with ASYNCTASK_ or CONFIG_ are the operator's."""
    value: Argument = ""
    """Its value, unless `secretKeyRef` is given."""
    secret_key_ref: SecretKeyRef | None = None
    """Take the value from a Secret of the namespace."""


class Resources(Model):
    """CPU, memory and scratch space of the container."""

    requests: dict[ResourceName, Quantity] = Field(default_factory=dict, max_length=8)
    """What it is sure to get, and what queues count."""
    limits: dict[ResourceName, Quantity] = Field(default_factory=dict, max_length=8)
    """What it may not pass."""


class Toleration(Model):
    """A node taint that the pod bears."""

    key: Annotated[str, Field(max_length=317)] = ""
    """The taint's key; empty with operator Exists means all."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """How the value is compared."""
    value: LabelValue = ""
    """The taint's value."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """The effect borne; empty means all."""


class JobStage(Model):
    """A stage that is a pod. Any image will do: exit code 0 means done."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    """The container image."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the image is pulled."""
    command: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """The entry point; the image's own when empty. `$(CONFIG_SOURCE_PATH)` and the like are filled in."""
    args: Annotated[tuple[Argument, ...], Field(max_length=256)] = ()
    """Arguments of the entry point, filled in the same way."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64, json_schema_extra=NAME_KEYS)] = ()
    """More environment variables."""
    resources: Resources = Resources()
    """CPU, memory and scratch space."""
    workspace: bool = False
    """Mount the task's workspace: a directory that outlives the pod."""
    security_profile: Profile = "Restricted"
    """`Restricted` is non-root without capabilities. `DataOwner` may read and own every file; only in namespaces labelled for it."""
    node_selector: Annotated[dict[LabelKey, LabelValue], Field(max_length=32)] = Field(default_factory=dict)
    """Labels that the node must carry."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """Taints that the pod bears."""
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds between the request to stop and the kill: time to save a checkpoint."""
    checkpoint_period_seconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """How often a stage should save a checkpoint: at most this much work is repeated."""
    pod_override: JsonObject | None = None
    """More fields of the pod: affinity, dnsConfig, dnsPolicy, hostAliases, imagePullSecrets, priorityClassName, runtimeClassName, schedulerName, topologySpreadConstraints."""


class WaitStage(Model):
    """A stage that waits for time to pass. It holds no quota."""

    delay_seconds: Seconds
    """How long, counted from the moment the stage began."""


class ChildTemplate(Model):
    """What a task that a `task` stage starts is made from."""

    type: ObjectName
    """Its TaskType."""
    config: JsonObject = Field(default_factory=dict)
    """Its config."""
    config_from: Annotated[dict[ConfigKey, Expression], Field(max_length=64)] = Field(default_factory=dict)
    """Config fields that are computed: CEL expressions over `config` and `outputs`, in `forEach` also over `item` and
    `index`. They go over `config`, and keep their type."""
    priority: Priority | None = None
    """Its priority. Absent: the parent's, also when that is changed."""
    queue_name: LabelName | None = None
    """Its queue; the parent's when absent."""


class ChildTask(ChildTemplate):
    """A task that a `task` stage starts."""

    name: StageName
    """Its name within the stage."""


class ForEach(ChildTemplate):
    """One task for each item of a list."""

    items: Expression
    """A CEL expression over `config` and `outputs` (by stage) that gives a list, or a number N for 0 to N-1. At most
    10,000 items; with none the stage is skipped."""


class TaskStage(Model):
    """A stage that starts other tasks and waits for them. It holds no quota meanwhile.

    Its outputs are `total`, `succeeded`, `partial` and `failed`, which later stages may read.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(rule="has(self.tasks) != has(self.forEach)", message="give either tasks or forEach"),
        )
    )

    tasks: Annotated[tuple[ChildTask, ...], Field(min_length=1, max_length=64, json_schema_extra=NAME_KEYS)] | None = (
        None
    )
    """The tasks to start, in this order."""
    for_each: ForEach | None = None
    """One task for each item of a list, in its order."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many of them are there at once; their own queue decides which of those run."""
    max_failures: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """How many may fail: the stage is then done in part. With one more, no further task is started, and the stage fails
    when those that were have ended. Absent: all are tried, and the stage fails if one did."""


class Retry(Model):
    """How often and how soon a failed attempt is tried again. Permanent errors never are."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """Attempts in a row that may fail. An attempt that moved the checkpoint on starts the count anew."""
    backoff_seconds: Annotated[int, Field(ge=1, le=86_400)] = 10
    """Pause before the second attempt; doubled each time. Four times this when throttled."""
    max_backoff_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """The longest pause."""


class StageTemplate(Model):
    """One stage of a task: exactly one of `job`, `approval`, `wait` and `task`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="[has(self.job), has(self.approval), has(self.wait), has(self.task)].exists_one(x, x)",
                message="a stage is exactly one of job, approval, wait and task",
            ),
        )
    )

    name: StageName
    """The stage's name within the task."""
    title: Text = Text()
    """What people see."""
    needs: Annotated[tuple[StageName, ...], Field(max_length=32, json_schema_extra=SET_KEYS)] | None = None
    """Stages that must have ended before this one begins. Absent: the stage before it in the list. Empty: none."""
    needs_condition: EndCondition | None = None
    """How they must have ended. `Succeeded`: in full, else this one is skipped. `PartiallySucceeded`, and absent: in full or
    in part. `Finished`: in any way, also when they failed, were cancelled or never began: for cleaning up."""
    when: Expression | None = None
    """A CEL expression over `config`, and over `outputs` and `outcomes` of the stages before it, by name; when it is false
    the stage is skipped. An outcome is `Succeeded`, `PartiallySucceeded`, `Skipped`, `Failed`, `Cancelled` or `NotRun`."""
    job: JobStage | None = None
    """A pod."""
    approval: ApprovalStage | None = None
    """A person's decision."""
    wait: WaitStage | None = None
    """A delay."""
    task: TaskStage | None = None
    """Other tasks."""
    retry: Retry | None = None
    """Overrides the task's retry policy."""
    active_deadline_seconds: Seconds | None = None
    """The stage fails when one attempt has run this long. A pause starts the clock anew."""

    @property
    def kind(self) -> Literal["job", "approval", "wait", "task"]:
        """Which of the four it is."""
        if self.job:
            return "job"
        if self.approval:
            return "approval"
        return "wait" if self.wait else "task"


class LocationField(Model):
    """A config field that holds a location on storage."""

    field: FieldName
    """The top-level config field: a string or a list of strings."""
    access: Access = "Read"
    """`Read` mounts read-only."""


Stages = Annotated[
    tuple[StageTemplate, ...],
    Field(
        min_length=1,
        max_length=32,
        json_schema_extra={
            **NAME_KEYS,
            **rules(
                Rule(
                    rule="self.all(s, !has(s.needs) || s.needs.all(n, self.exists(t, t.name == n)))",
                    message="needs must name stages of the same list",
                ),
            ),
        },
    ),
]
Locations = Annotated[
    tuple[LocationField, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["field"]}),
]
