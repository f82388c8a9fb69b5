"""Makers: one task and what was observed of it, said in sentences, and what `decide` makes of it.

`make_task().stage("scan").stage("copy").succeeded("scan").running("copy").told()`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.core import manifests
from asynctask.core.decide import decide
from asynctask.core.facts import Admission, Displacement, Facts, Limits, PodSettings, Resolved
from asynctask.core.observed import Job, Pod
from asynctask.core.others import Other, other
from asynctask.core.plan import (
    Action,
    DeleteStage,
    DeleteTask,
    HoldWorkload,
    PatchStage,
    PatchTask,
    Plan,
    StartStage,
    SuspendJob,
)
from asynctask.core.problems import Problem
from asynctask.core.resolve import resolve

Body = dict[str, Any]
NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
UID = "5f0b52c4-0000-4000-8000-000000000001"
ADMITTED = Admission(admitted=True)
REFUSED = Admission(reason=Reason.QUEUE_FULL, message="1 of 1 run")


def ago(seconds: float) -> str:
    """A moment before NOW, as the API server writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_task(name: str = "nightly", **spec: Any) -> Scene:
    """A task without stages yet, submitted ten minutes ago."""
    return Scene(name=name, spec=spec)


@dataclass(frozen=True)
class Told:
    """A plan as a person would tell it."""

    phase: str
    reason: str
    message: str
    actions: tuple[str, ...]
    plan: Plan

    @property
    def succeeded(self) -> str:
        """The status of the summary condition."""
        return self.condition("Succeeded").get("status", "")

    def condition(self, kind: str) -> Body:
        """One condition of the task's status."""
        found = [c for c in (self.plan.status or {}).get("conditions", ()) if c["type"] == kind]
        return found[0] if found else {}

    def patch(self, stage: str) -> Body:
        """What is merged into a Stage's status."""
        merged: Body = {}
        for action in self.plan.actions:
            if isinstance(action, PatchStage) and tell_name(action.name)[0] == stage:
                merged |= action.status
        return merged


@dataclass(frozen=True)
class Scene:
    """Immutable: every sentence gives a new scene, so tables may share their beginnings."""

    name: str = "nightly"
    spec: Mapping[str, Any] = field(default_factory=dict)
    templates: tuple[Body, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Body] = field(default_factory=dict)
    jobs: Mapping[str, Body] = field(default_factory=dict)
    pods: tuple[Body, ...] = ()
    others: Mapping[str, Other] = field(default_factory=dict)
    cycle: tuple[str, ...] = ()
    children: Mapping[str, Other] = field(default_factory=dict)
    endpoints: Mapping[str, StorageEndpoint] = field(default_factory=dict)
    type: TaskType | None = None
    admission: Admission = ADMITTED
    limits: Limits = field(default_factory=Limits)
    pod_settings: PodSettings = field(default_factory=PodSettings)
    data_owner_allowed: bool = False
    queue_known: bool = True
    now: datetime = NOW
    pods_gone: Mapping[str, datetime] = field(default_factory=dict)
    known_since: datetime | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    pod_refusals: Mapping[str, str] = field(default_factory=dict)
    archive_required: bool = False

    # -- the task

    def stage(self, name: str, **template: Any) -> Scene:
        """One more stage; a pod unless approval, wait or task is given."""
        if not {"job", "approval", "wait", "task"} & template.keys():
            template["job"] = {"image": "example/copy:1"}
        return replace(self, templates=(*self.templates, {"name": name, **template}))

    def with_spec(self, **spec: Any) -> Scene:
        """Fields of the task's spec."""
        return replace(self, spec={**self.spec, **spec})

    def with_status(self, **status: Any) -> Scene:
        """What its status says."""
        return replace(self, status={**self.status, **status})

    def with_meta(self, **meta: Any) -> Scene:
        """Fields of its metadata."""
        return replace(self, meta={**self.meta, **meta})

    def paused(self) -> Scene:
        """Somebody asked for a pause."""
        return self.with_spec(suspend=True)

    def cancelled(self) -> Scene:
        """Somebody cancelled it."""
        return self.with_spec(cancel=True)

    def not_admitted(self) -> Scene:
        """The queue is full."""
        return replace(self, admission=REFUSED)

    def refused(self, **answer: Any) -> Scene:
        """The queue says no, and why."""
        return replace(self, admission=replace(REFUSED, queue="bulk", **answer))

    def has_to_yield(self, by: str = "task urgent", reason: Reason = Reason.DISPLACED) -> Scene:
        """The queue takes its place back."""
        return replace(self, admission=Admission(displacement=Displacement(reason, by)))

    def ended(self, status: str = "True", reason: str = "Succeeded", seconds_ago: float = 60) -> Scene:
        """The current run is over and said so."""
        condition = {"type": "Succeeded", "status": status, "reason": reason, "lastTransitionTime": ago(seconds_ago)}
        run = self.spec.get("run", 1)
        phase = "Succeeded" if status == "True" else "Failed"
        return self.with_status(run=run, phase=phase, conditions=[condition], completionTime=ago(seconds_ago))

    def to_be_archived(self) -> Scene:
        """Tasks stay until the gateway has archived them."""
        return replace(self, archive_required=True)

    def archived(self, generation: int = 1, status: str = "True") -> Scene:
        """The gateway has said that it is archived."""
        condition = {"type": "Archived", "status": status, "reason": "Archived", "observedGeneration": generation}
        return self.with_status(conditions=[*self.status.get("conditions", ()), condition])

    def depends_on(self, name: str, other: Other | None = None, condition: str = "PartiallySucceeded") -> Scene:
        """Another task must have ended; None: there is none of that name."""
        scene = self.with_spec(dependsOn=[*self.spec.get("dependsOn", ()), {"name": name, "condition": condition}])
        return scene if other is None else replace(scene, others={**self.others, name: other})

    # -- what was observed

    def began(self, name: str, seconds_ago: float = 60, run: int | None = None, **status: Any) -> Scene:
        """The Stage object is there."""
        task = self._task(run)
        template = next(t for t in self.task.spec.stages or () if t.name == name)
        body = manifests.stage(task, template, (), ())
        body["metadata"] |= {"uid": f"stage-{name}-{task.spec.run}", "creationTimestamp": ago(seconds_ago)}
        body["metadata"]["resourceVersion"] = "1"
        known = self.stages.get(body["metadata"]["name"], body)
        merged = {**known, "status": {**known.get("status", {}), **status}}
        return replace(self, stages={**self.stages, body["metadata"]["name"]: merged})

    def job(
        self, name: str, *, attempt: int = 1, run: int | None = None, seconds_ago: float = 60, **fields: Any
    ) -> Scene:
        """Its Job is there; `suspend`, `condition=(type, reason)`, `active`, `started_ago`."""
        task = self._task(run)
        object_name = manifests.job_name(task, name, attempt)
        kind, reason = fields.get("condition", ("", ""))
        since = ago(fields.get("condition_ago", 1))
        conditions = [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": since}] if kind else []
        started = fields.get("started_ago", seconds_ago)
        meta = self._child_meta(task, object_name, name, attempt, seconds_ago)
        meta["labels"] |= fields.get("labels", {})
        body = {
            "metadata": meta
            | owned_by("Stage", f"stage-{name}-{task.spec.run}")
            | {"annotations": fields.get("annotations", {})},
            "spec": {"suspend": fields.get("suspend", False)},
            "status": {"active": fields.get("active", 0), "conditions": conditions}
            | ({} if started is None else {"startTime": ago(started)}),
        }
        return replace(self, jobs={**self.jobs, object_name: body})

    def pod(
        self, name: str, phase: str = "Running", *, attempt: int = 1, run: int | None = None, **fields: Any
    ) -> Scene:
        """A pod of it; what became of it in `exit_code`, `message`, `asked_ago`, `ended_ago`, `disrupted`, `waiting`."""
        task = self._task(run)
        number = len(self.pods)
        meta = self._child_meta(task, f"{name}-{number}", name, attempt, fields.get("seconds_ago", 60))
        meta["ownerReferences"] = [_owner("Job", f"uid-{manifests.job_name(task, name, attempt)}")]
        meta |= owned_by("Job", f"uid-{manifests.job_name(task, name, attempt)}")
        if (asked := fields.get("asked_ago")) is not None:
            meta |= {"deletionTimestamp": ago(asked - 60), "deletionGracePeriodSeconds": 60}
        state: Body = {"running": {"startedAt": ago(50)}} if phase == "Running" else {}
        if "exit_code" in fields:
            state = {"terminated": {
                "exitCode": fields["exit_code"], "message": fields.get("message", ""),
                "reason": fields.get("reason", ""),
                "startedAt": ago(50), "finishedAt": ago(fields.get("ended_ago", 2)),
            }}  # fmt: skip
        if waiting := fields.get("waiting"):
            state = {"waiting": {"reason": waiting, "message": "it says why"}}
        conditions = []
        if fields.get("disrupted"):
            conditions.append({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"})
        if fields.get("unschedulable"):
            conditions.append({"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"})
        status: Body = {"phase": phase, "conditions": conditions, "message": fields.get("pod_message", "")}
        status["reason"] = fields.get("pod_reason", "")
        status["containerStatuses"] = [{"name": "stage", "state": state}] if state else []
        return replace(self, pods=(*self.pods, {"metadata": meta, "status": status}))

    def pod_gone(self, name: str, seconds_ago: float, attempt: int = 1) -> Scene:
        """Its pod is no more, without a trace: evicted."""
        uid = f"uid-{manifests.job_name(self.task, name, attempt)}"
        return replace(self, pods_gone={**self.pods_gone, uid: NOW - timedelta(seconds=seconds_ago)})

    def creation_refused(self, name: str, message: str) -> Scene:
        """The API server would not make its Job, or its Stage, a moment ago."""
        return replace(self, refusals={**self.refusals, manifests.stage_name(self.task, name): message})

    def pod_refused(self, name: str, message: str, attempt: int = 1) -> Scene:
        """The Job controller can't make its pod, and said why."""
        uid = f"uid-{manifests.job_name(self.task, name, attempt)}"
        return replace(self, pod_refusals={**self.pod_refusals, uid: message})

    def looked_at_since(self, seconds_ago: float) -> Scene:
        """The operator began this long ago."""
        return replace(self, known_since=NOW - timedelta(seconds=seconds_ago))

    def running(self, name: str, *, attempt: int = 1, run: int | None = None, **status: Any) -> Scene:
        """Its Stage, Job and live pod are there."""
        if attempt > 1:
            status["attempt"] = attempt
        began = self.began(name, run=run, **status)
        return began.job(name, attempt=attempt, run=run, active=1).pod(name, attempt=attempt, run=run)

    def succeeded(self, name: str, run: int | None = None, reason: str = "Succeeded", **status: Any) -> Scene:
        """It ended well, in whole or in part."""
        return self._over(name, run, "True", reason, status)

    def failed(self, name: str, run: int | None = None, reason: str = "PermanentError", **status: Any) -> Scene:
        """It failed for good."""
        return self._over(name, run, "False", reason, status)

    def _over(self, name: str, run: int | None, status: str, reason: str, more: Body) -> Scene:
        condition = {"type": "Succeeded", "status": status, "reason": reason, "lastTransitionTime": ago(10)}
        phase = {"True": "Partial" if reason == "PartiallySucceeded" else "Succeeded"}.get(status, "Failed")
        return self.began(name, run=run, phase=phase, conditions=[condition], completionTime=ago(10), **more)

    # -- what is made of it

    @property
    def task(self) -> AsyncTask:
        """The task itself."""
        return self._task(None)

    @property
    def as_other(self) -> Other:
        """What it is to a task that waits for it."""
        return other(self.task.model_dump(by_alias=True, mode="json", exclude_none=True))

    @property
    def facts(self) -> Facts:
        """All of it as one value."""
        task = self.task
        return Facts(
            task=task,
            resolved=self.resolved,
            now=self.now,
            stages=tuple(Stage.model_validate(body) for body in self.stages.values()),
            jobs={name: msgspec.convert(body, Job) for name, body in self.jobs.items()},
            pods=tuple(msgspec.convert(body, Pod) for body in self.pods),
            dependencies=self.others,
            dependency_cycle=self.cycle,
            children=self.children,
            admission=self.admission,
            pod_settings=self.pod_settings,
            limits=self.limits,
            pods_gone=self.pods_gone,
            known_since=self.known_since,
            refusals=self.refusals,
            pod_refusals=self.pod_refusals,
            archive_required=self.archive_required,
        )

    @property
    def resolved(self) -> Resolved | Problem:
        """The task with its type applied, or what is wrong with it."""
        return resolve(
            self.task, self.type, self.endpoints,
            queue_known=self.queue_known, data_owner_allowed=self.data_owner_allowed,
        )  # fmt: skip

    def told(self) -> Told:
        """What `decide` makes of it."""
        plan = decide(self.facts)
        status = plan.status or {}
        summary = [c for c in status.get("conditions", ()) if c["type"] == "Succeeded"]
        return Told(
            phase=str(status.get("phase", "")),
            reason=str(summary[0]["reason"]) if summary else "",
            message=str(status.get("message", "")),
            actions=tuple(tell(action) for action in plan.actions),
            plan=plan,
        )

    def _task(self, run: int | None) -> AsyncTask:
        meta = {
            "name": self.name,
            "namespace": "team",
            "uid": UID,
            "resourceVersion": "7",
            "creationTimestamp": ago(600),
        }
        spec: Body = {**self.spec}
        if self.type is None and self.templates:
            spec["stages"] = list(self.templates)
        if run is not None:
            spec["run"] = run
        return AsyncTask.model_validate({"metadata": {**meta, **self.meta}, "spec": spec, "status": dict(self.status)})

    def _child_meta(self, task: AsyncTask, name: str, stage: str, attempt: int, seconds_ago: float) -> Body:
        return {
            "name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": "1",
            "creationTimestamp": ago(seconds_ago), "labels": manifests.labels(task, stage, attempt),
        }  # fmt: skip


def owned_by(kind: str, uid: str) -> Body:
    """An owner reference: labels alone prove nothing."""
    return {"ownerReferences": [{"kind": kind, "name": kind.lower(), "uid": uid, "controller": True}]}


def _owner(kind: str, uid: str) -> Body:
    return {"kind": kind, "name": uid, "uid": uid, "controller": True}


def tell(action: Action) -> str:
    """An action in a few words."""
    if isinstance(action, StartStage):
        name, attempt = tell_name(action.job["metadata"]["name"] if action.job else action.name)
        tasks = f" with {len(action.tasks)} tasks" if action.tasks else ""
        return f"start {name}{attempt}{tasks}"
    if isinstance(action, PatchStage):
        attempt = f" a{action.status['attempt']}" if "attempt" in action.status else ""
        return f"{tell_name(action.name)[0]}: {action.status.get('phase', '?')}{attempt}"
    if isinstance(action, SuspendJob):
        return f"{'suspend' if action.suspend else 'resume'} {''.join(tell_name(action.name))}"
    if isinstance(action, HoldWorkload):
        return f"{'hold' if action.hold else 'release'} {''.join(tell_name(action.name))}"
    if isinstance(action, PatchTask):
        return f"task {tell_name(action.name)[0]}: " + ", ".join(f"{k}={v}" for k, v in action.spec.items())
    if isinstance(action, DeleteStage):
        return f"delete {tell_name(action.name)[0]}"
    assert isinstance(action, DeleteTask)
    return "delete the task"


def tell_name(name: str) -> tuple[str, str]:
    """`nightly-0a1b2c3d-scan-r1-a2` → `scan`, ` a2`."""
    words = name.rsplit("-a", 1) if name.rsplit("-a", 1)[-1].isdigit() else [name]
    stage = words[0].rsplit("-r", 1)[0]
    for size, char in enumerate(stage):
        if char == "-" and len(stage) > size + 9 and stage[size + 9] == "-":
            stage = stage[size + 10 :]
            break
    return stage, f" a{words[1]}" if len(words) > 1 else ""
