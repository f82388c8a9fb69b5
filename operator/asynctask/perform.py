"""Carries out a plan: children first, then the status, then events. Everything may be done twice without harm."""

from collections.abc import Mapping
from time import time_ns
from typing import Any

import orjson
import structlog

from asynctask.adapters.cluster import (
    EVENTS,
    JOBS,
    STAGES,
    TASKS,
    WORKLOADS,
    AlreadyExists,
    ApiError,
    Conflict,
    NotFound,
    Refused,
    Resource,
)
from asynctask.adapters.followed import decode_job
from asynctask.adapters.store import Key
from asynctask.api import names
from asynctask.context import Context
from asynctask.core import jobends, manifests
from asynctask.core.facts import Facts
from asynctask.core.mergepatch import difference
from asynctask.core.plan import (
    Action,
    DeleteStage,
    DeleteTask,
    Event,
    HoldWorkload,
    PatchStage,
    PatchTask,
    Plan,
    StartStage,
    SuspendJob,
)
from asynctask.core.times import stamp
from asynctask.display import Displays, only_words_differ
from asynctask.endings import Endings

log = structlog.get_logger()
Body = dict[str, Any]
REFUSED_FOR_GOOD = frozenset({400, 422})
"""The object itself is at fault; 403 may be a quota that others will free."""


def _tells_of_itself(action: Action) -> bool:
    """Whether what follows from an action comes as an event, or was decided with it."""
    if isinstance(action, PatchStage):
        return "completionTime" in action.status
    return isinstance(action, StartStage | SuspendJob | HoldWorkload)


class CreationRefused(Exception):
    """The API server would not make something that stages need to begin, for a reason that may pass."""

    def __init__(self, refusals: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in refusals.items()))
        self.refusals = refusals
        """What it said, by the Stage's name."""


class Performer:
    """The hands of the reconciler."""

    def __init__(self, context: Context, displays: Displays) -> None:
        self._context = context
        self._cluster = context.cluster
        self._store = context.store
        self._displays = displays
        self._endings = Endings(room=context.settings.workers * 3 // 4)

    async def __call__(self, key: Key, facts: Facts, plan: Plan) -> bool:
        """Carry out the plan; returns whether the task should be looked at again at once. Raises CreationRefused."""
        if not plan.only_ends or facts.task.status.completion_time:
            return await self._carry_out(key, facts, plan)
        async with self._endings.turn() as waited:
            if waited and not self._is_current(key, facts):
                return True
            return await self._carry_out(key, facts, plan)

    def _is_current(self, key: Key, facts: Facts) -> bool:
        """Whether task and Stages are still what the plan was made for."""
        task, meta = self._store.tasks.get(key), facts.task.metadata
        stages = self._store.stages.get(meta.uid, {})
        known = {stage.metadata.name: stage.metadata.resource_version for stage in facts.stages}
        return (
            task is not None
            and str(task.version) == meta.resource_version
            and known == {name: str(entry.version) for name, entry in stages.items()}
        )

    async def _carry_out(self, key: Key, facts: Facts, plan: Plan) -> bool:
        refusals: dict[str, str] = {}
        for action in plan.actions:
            if isinstance(action, PatchStage) and action.name in refusals:
                continue
            try:
                await self._act(key, facts, action)
            except Refused as error:
                if not isinstance(action, StartStage):
                    raise
                refusals[action.name] = error.message
        written = not refusals and plan.status is not None and await self._write_status(key, facts, plan, plan.status)
        for event in plan.events:
            if written or not event.with_status:
                await self._tell(key, facts, event)
        if refusals:
            raise CreationRefused(refusals)
        return not all(_tells_of_itself(action) for action in plan.actions)

    async def _act(self, key: Key, facts: Facts, action: Action) -> None:
        namespace = key[0]
        try:
            if isinstance(action, StartStage):
                self._endings.begin()
                await self._start(namespace, facts, action)
            elif isinstance(action, PatchStage):
                await self._patch_stage(namespace, facts, action)
            elif isinstance(action, SuspendJob):
                change: Body = {"spec": {"suspend": action.suspend}}
                if action.annotations:
                    change["metadata"] = {"annotations": dict(action.annotations)}
                body = await self._cluster.patch(JOBS, namespace, action.name, change)
                self._store.apply_job("MODIFIED", decode_job(body))
            elif isinstance(action, HoldWorkload):
                await self._hold(namespace, action)
            elif isinstance(action, PatchTask):
                body = await self._cluster.patch(TASKS, namespace, action.name, {"spec": dict(action.spec)})
                self._take_in(self._store.apply_task("MODIFIED", body))
            elif isinstance(action, DeleteStage):
                await self._cluster.delete(STAGES, namespace, action.name, action.uid)
            elif isinstance(action, DeleteTask):
                await self._cluster.delete(TASKS, namespace, key[1], action.uid)
        except NotFound as error:
            if not isinstance(action, DeleteStage | DeleteTask):
                raise Conflict(404, "Gone", f"gone before it could be changed: {error.message}") from error

    async def _hold(self, namespace: str, action: HoldWorkload) -> None:
        """Say on the Job that its Workload is inactive for as long as it may be: a crash in between loses neither."""
        notes = {"metadata": {"annotations": dict(action.annotations)}}
        if action.hold:
            body = await self._cluster.patch(JOBS, namespace, action.name, notes)
            self._store.apply_job("MODIFIED", decode_job(body))
        selector = f"{names.LABEL_KUEUE_JOB_UID}={action.uid}"
        found = [
            item["metadata"]["name"]
            async for page, _ in self._cluster.pages(WORKLOADS, namespace, selector)
            for item in orjson.loads(page)["items"]
        ]
        if not found:
            raise Conflict(404, "NoWorkload", f"Kueue has no Workload for Job {action.name} yet")
        for name in found:
            await self._cluster.patch(WORKLOADS, namespace, name, {"spec": {"active": not action.hold}})
        if not action.hold:
            body = await self._cluster.patch(JOBS, namespace, action.name, notes)
            self._store.apply_job("MODIFIED", decode_job(body))

    async def _start(self, namespace: str, facts: Facts, action: StartStage) -> None:
        owner: Mapping[str, Any]
        if action.stage is not None:
            owner = await self._create(STAGES, namespace, action.stage)
            self._store.apply_stage("ADDED", owner)
        else:
            stage = next(stage for stage in facts.stages if stage.metadata.name == action.name)
            owner = {"metadata": {"name": stage.metadata.name, "uid": stage.metadata.uid}}
        if action.job is not None:
            try:
                body = await self._create(JOBS, namespace, manifests.owned(action.job, owner))
            except Refused as error:
                if error.status not in REFUSED_FOR_GOOD:
                    raise
                end = jobends.refused(error.message, self._context.now())
                await self._patch_stage(namespace, facts, PatchStage(action.name, end))
                self._context.queue.add((namespace, facts.task.metadata.name))
                return
            self._store.apply_job("ADDED", decode_job(body))
            self._context.metrics.stage_attempts.inc()
        for task in action.tasks:
            body = await self._create(TASKS, namespace, manifests.owned(task, owner))
            self._take_in(self._store.apply_task("ADDED", body))

    async def _create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> Body:
        """Create, or take what is there: the name says that it is the same, the owner proves it."""
        try:
            return await self._cluster.create(resource, namespace, dict(body))
        except AlreadyExists as error:
            found = await self._cluster.get(resource, namespace, body["metadata"]["name"])
            owners = {owner["uid"] for owner in found["metadata"].get("ownerReferences", ())}
            if owners.isdisjoint(owner["uid"] for owner in body["metadata"]["ownerReferences"]):
                raise Conflict(409, "NotOurs", f"{error.message}, and belongs to something else") from error
            return found

    async def _patch_stage(self, namespace: str, facts: Facts, action: PatchStage) -> None:
        entry = self._store.stages.get(facts.task.metadata.uid, {}).get(action.name)
        version = str(entry.version) if entry else ""
        body: Body = {"metadata": {"resourceVersion": version} if version else {}, "status": dict(action.status)}
        try:
            fresh = await self._cluster.patch(STAGES, namespace, action.name, body, "status")
        except Conflict:
            self._store.apply_stage("MODIFIED", await self._cluster.get(STAGES, namespace, action.name))
            raise
        self._store.apply_stage("MODIFIED", fresh)
        self._context.echoes.expect(STAGES.plural, fresh["metadata"]["resourceVersion"])

    async def _write_status(self, key: Key, facts: Facts, plan: Plan, wanted: Mapping[str, Any]) -> bool:
        entry = self._store.tasks.get(key)
        if entry is None or entry.uid != facts.task.metadata.uid:
            return False
        current = orjson.loads(entry.raw)["status"]
        patch = difference(current, wanted)
        said = plan.urgency == "queued" and only_words_differ(current, wanted)
        if not patch or said or (plan.urgency != "now" and self._displays.was_sent(key, wanted)):
            self._displays.unchanged(key)
            return False
        delay = self._displays.delay(key, current, wanted, plan.urgency, busy=self._is_busy)
        if delay > 0:
            self._context.queue.add_after(key, delay)
            return False
        body = {"metadata": {"resourceVersion": facts.task.metadata.resource_version}, "status": patch}
        try:
            fresh = await self._cluster.patch(TASKS, key[0], key[1], body, "status")
        except Conflict:
            self._take_in(self._store.apply_task("MODIFIED", await self._cluster.get(TASKS, key[0], key[1])))
            raise
        except NotFound:
            return False
        self._displays.written(key, wanted)
        self._context.echoes.expect(TASKS.plural, fresh["metadata"]["resourceVersion"])
        self._take_in(self._store.apply_task("MODIFIED", fresh) - {key})
        if wanted.get("completionTime") and not current.get("completionTime"):
            self._context.metrics.ended.labels(str(wanted["phase"])).inc()
            self._displays.forget(key)
        return True

    @property
    def _is_busy(self) -> bool:
        """Whether operator or API server have enough to do: a status that only informs can wait."""
        return self._context.queue.is_backed_up or self._cluster.is_slow

    async def _tell(self, key: Key, facts: Facts, event: Event) -> None:
        """Post a Kubernetes event. One that can't be posted is not worth failing for."""
        now = self._context.now()
        body: Body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{key[1][:230]}.{time_ns():x}", "namespace": key[0]},
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": event.type,
            "reason": str(event.reason),
            "note": event.message[:1000],
            "action": "Reconcile",
            "reportingController": f"{names.GROUP}/operator",
            "reportingInstance": (self._context.settings.identity or "operator")[:128],
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": "AsyncTask",
                "namespace": key[0],
                "name": key[1],
                "uid": facts.task.metadata.uid,
            },
        }
        log.info(event.message, task=key, reason=str(event.reason), at=stamp(now))
        try:
            await self._cluster.create(EVENTS, key[0], body)
        except ApiError as error:
            log.warning("an event could not be posted", task=key, error=str(error)[:200])

    def _take_in(self, keys: set[Key]) -> None:
        for key in keys:
            self._context.queue.add(key)
