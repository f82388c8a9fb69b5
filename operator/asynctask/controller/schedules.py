"""TaskSchedules at work: woken by the clock, by changes of theirs and by the ends of their tasks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from pydantic import ValidationError

from asynctask.adapters.cluster import SCHEDULES, TASKS, AlreadyExists, ApiError, Conflict, NotFound, Refused
from asynctask.adapters.schedulestore import ScheduleStore
from asynctask.adapters.store import Key
from asynctask.adapters.workqueue import WorkQueue
from asynctask.context import Context
from asynctask.core.mergepatch import difference
from asynctask.core.schedules.decide import decide
from asynctask.core.schedules.facts import Facts, Plan

log = structlog.get_logger()


class Schedules:
    """Gather, decide, perform, for schedules. Holds nothing that a new replica would miss."""

    def __init__(self, context: Context) -> None:
        self.store = ScheduleStore()
        self._context = context
        self._cluster = context.cluster
        self._queue: WorkQueue[Key] = WorkQueue()

    def take(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a TaskSchedule; it concerns no task that there is."""
        for key in self.store.apply(event, body):
            self._queue.add(key)
        return set()

    def take_task(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a task, here and in the store; returns the tasks concerned."""
        for key in self.store.apply_task(event, body):
            self._queue.add(key)
        return self._context.store.apply_task(event, body)

    def sweep(self) -> None:
        """Have all looked at when there is time: clocks may have been set."""
        self._queue.sweep(self.store.entries)

    async def work(self, leads: Callable[[], bool]) -> None:
        """Look at one schedule after the other, without end."""
        while True:
            key = await self._queue.get()
            try:
                if leads():
                    await self._reconcile(key)
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: Key) -> None:
        """One look. Never raises: what goes wrong is tried again later."""
        try:
            if await self._look(key):
                self._queue.forget(key)
                return
            self._queue.retry(key)
        except Conflict:
            self._queue.retry(key)
        except ApiError as error:
            delay = self._queue.retry(key)
            log.warning("a schedule must wait", schedule=key, error=str(error)[:300], retry_seconds=round(delay, 2))
        except ValidationError as error:
            log.warning("a schedule can't be read", schedule=key, error=str(error)[:500])
        except Exception:
            self._queue.retry(key)
            log.exception("a schedule could not be looked at", schedule=key)

    async def _look(self, key: Key) -> bool:
        """Gather, decide, perform; returns whether it went well."""
        schedule = self.store.schedule(key)
        if schedule is None:
            return True
        template = self.store.raw(key)["spec"]["taskTemplate"]["spec"]
        facts = Facts(schedule, template, self.store.tasks_of(schedule.metadata.uid), self._context.now())
        plan = decide(facts)
        for task in plan.cancel:
            await self._cancel(key[0], task.name)
        refusal = await self._create(facts, plan)
        if refusal:
            log.warning("a schedule's task is refused", schedule=key, error=refusal[:500])
            plan = decide(replace(facts, refused=refusal))
        await self._say(key, facts, plan)
        for task in plan.delete:
            await self._delete(key[0], task.name, task.uid)
        if plan.left_out:
            self._context.metrics.schedule_runs.labels(str(plan.left_out)).inc()
            log.info("a schedule left a run out", schedule=key, reason=str(plan.left_out))
        if plan.wake_at is not None:
            self._queue.add_after(key, (plan.wake_at - self._context.now()).total_seconds() + 0.005)
        return not refusal

    async def _create(self, facts: Facts, plan: Plan) -> str:
        """Make the task, or find it made; returns why that can't be."""
        if plan.create is None:
            return ""
        namespace, name = facts.schedule.metadata.namespace, plan.create["metadata"]["name"]
        try:
            body = await self._cluster.create(TASKS, namespace, dict(plan.create))
        except Refused as error:
            return error.message
        except AlreadyExists:
            body = await self._cluster.get(TASKS, namespace, name)
            owners = {owner["uid"] for owner in body["metadata"].get("ownerReferences", ())}
            if facts.schedule.metadata.uid not in owners:
                return f"there is a task {name} that is not this schedule's; delete it, or rename the schedule"
        self._context.metrics.schedule_runs.labels("Made").inc()
        self._take_in(body)
        return ""

    async def _say(self, key: Key, facts: Facts, plan: Plan) -> None:
        if plan.status is None or key not in self.store.entries:
            return
        patch = difference(self.store.raw(key)["status"], plan.status)
        if not patch:
            return
        body = {"metadata": {"resourceVersion": facts.schedule.metadata.resource_version}, "status": patch}
        try:
            fresh = await self._cluster.patch(SCHEDULES, *key, body, "status")
        except Conflict:
            self.take("MODIFIED", await self._cluster.get(SCHEDULES, *key))
            raise
        except NotFound:
            return
        self.store.apply("MODIFIED", fresh)

    async def _cancel(self, namespace: str, name: str) -> None:
        try:
            self._take_in(await self._cluster.patch(TASKS, namespace, name, {"spec": {"cancel": True}}))
        except NotFound as error:
            raise Conflict(404, "Gone", f"gone before it could be cancelled: {error.message}") from error

    async def _delete(self, namespace: str, name: str, uid: str) -> None:
        try:
            await self._cluster.delete(TASKS, namespace, name, uid)
        except NotFound:
            pass
        except Conflict:
            log.info("an old task is another by now", task=(namespace, name))

    def _take_in(self, body: Mapping[str, Any]) -> None:
        for key in self.take_task("MODIFIED", body):
            self._context.queue.add(key)
