"""One task, one step at a time: gather what is known, decide, perform."""

from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import structlog
from pydantic import ValidationError

from asynctask.adapters.cluster import ApiError, Conflict, Unavailable
from asynctask.adapters.store import Key
from asynctask.api.asynctask import AsyncTask
from asynctask.api.names import DEFAULT_QUEUE
from asynctask.context import Context
from asynctask.core import displaced, evidence, requests
from asynctask.core.admission.model import Running, Task
from asynctask.core.decide import decide
from asynctask.core.facts import Facts, PodSettings, Resolved
from asynctask.core.plan import Plan
from asynctask.core.problems import Problem
from asynctask.core.resolve import resolve
from asynctask.display import Displays
from asynctask.perform import CreationRefused, Performer
from asynctask.scheduling import Scheduler

log = structlog.get_logger()
MAX_STEPS = 6


class Reconciler:
    """Brings tasks forward. Holds nothing that a new replica would miss."""

    def __init__(self, context: Context, scheduler: Scheduler) -> None:
        self._context = context
        self._scheduler = scheduler
        self._displays = Displays(context.settings)
        self._perform = Performer(context, self._displays)

    async def reconcile(self, key: Key) -> None:
        """Look at one task until nothing is left to do now. Never raises: what goes wrong is tried again later."""
        queue, metrics = self._context.queue, self._context.metrics
        started = perf_counter()
        result = "ok"
        try:
            refused = await self._steps(key)
            if refused:
                result = "refused"
                queue.retry(key)
                log.warning("the API server refused", task=key, error=str(refused)[:500])
            else:
                queue.forget(key)
        except Conflict:
            result = "conflict"
            queue.retry(key)
        except Unavailable as error:
            result = "unavailable"
            delay = max(queue.retry(key), 0.0)
            log.warning(
                "the API server is not available", task=key, error=str(error)[:300], retry_seconds=round(delay, 2)
            )
        except ApiError as error:
            result = "refused"
            queue.retry(key)
            log.warning("the API server refused", task=key, error=str(error)[:500])
        except Exception:
            result = "error"
            queue.retry(key)
            log.exception("a task could not be looked at", task=key)
        self._scheduler.seen(key)
        metrics.reconciles.labels(result).inc()
        metrics.reconcile_seconds.observe(perf_counter() - started)

    async def _steps(self, key: Key) -> CreationRefused | None:
        """Returns what the API server would not make, once the task's status says so."""
        refused: CreationRefused | None = None
        self._mind_remains(key)
        for _ in range(MAX_STEPS):
            try:
                facts = await self._gather(key)
            except ValidationError as error:
                log.warning("a task can't be read", task=key, error=str(error)[:500])
                return None
            if facts is None:
                if not self._scheduler.are_remains(key):
                    self._let_go(key)
                return None
            if refused:
                facts = replace(facts, refusals=refused.refusals)
            plan = self._admit(key, facts, decide(facts))
            self._account(key, facts, plan)
            try:
                again = await self._perform(key, facts, plan)
            except CreationRefused as error:
                refused = CreationRefused({**facts.refusals, **error.refusals})
                continue
            if plan.wake_at is not None:
                self._context.queue.add_after(
                    key, max(0.0, (plan.wake_at - self._context.now()).total_seconds()) + 0.005
                )
            if not again:
                return refused
        if not refused:
            self._context.queue.add(key)
        return refused

    async def _gather(self, key: Key) -> Facts | None:
        context, store = self._context, self._context.store
        task = store.task(key)
        if task is None:
            return None
        uid = task.metadata.uid
        before = context.now() - timedelta(seconds=context.limits.pod_refused_seconds)
        in_vain = evidence.in_vain(store.jobs.get(uid, {}).values(), store.pods.get(uid, {}).values(), before)
        pod_refusals = await context.pod_refusals.of(key[0], in_vain)
        stages = store.stages_of(uid)
        dependencies = {}
        for dependency in task.spec.depends_on:
            other = store.other((key[0], dependency.name))
            if other is not None:
                dependencies[dependency.name] = other
        return Facts(
            task=task,
            resolved=await self._resolve(task),
            now=context.now(),
            stages=stages,
            jobs=dict(store.jobs.get(uid, {})),
            pods=tuple(store.pods.get(uid, {}).values()),
            pods_gone=store.pods_gone,
            known_since=store.known_since,
            dependencies=dependencies,
            dependency_cycle=store.dependencies.cycle(key),
            children={child.name: child for child in store.children(uid)},
            admission=self._scheduler.answer(key),
            pod_refusals=pod_refusals,
            pod_settings=self._pod_settings(task),
            limits=context.limits,
            archive_required=context.settings.archive_required,
        )

    async def _resolve(self, task: AsyncTask) -> Resolved | Problem:
        context, store = self._context, self._context.store
        namespace, spec = task.metadata.namespace, task.spec
        version, task_type = store.types.get(spec.type or "", (0, None))
        endpoints = store.endpoints.get(namespace, {})
        queue_known = spec.queue_name == DEFAULT_QUEUE or spec.queue_name in store.queues
        stages = task_type.spec.stages if task_type else spec.stages or ()
        owner_allowed = False
        if any(stage.job and stage.job.security_profile == "DataOwner" for stage in stages):
            owner_allowed = await context.allows_data_owner(namespace)
        versions = tuple(version for version, _ in endpoints.values())
        queue = store.queues.get(spec.queue_name)
        hours = queue[1].spec.window if queue else None
        basis = (task.metadata.generation, version, task_type is None, versions, queue_known, hours, owner_allowed)
        known = context.resolved.get(task.metadata.uid, basis)
        if known is None:
            models = {name: endpoint for name, (_, endpoint) in endpoints.items()}
            known = resolve(
                task,
                task_type,
                models,
                queue_known=queue_known,
                data_owner_allowed=owner_allowed,
                queue_window=hours,
            )
            context.resolved.put(task.metadata.uid, basis, known)
        return known

    def _admit(self, key: Key, facts: Facts, plan: Plan) -> Plan:
        """Ask for a place when the plan wants one; with it, decide again."""
        if not plan.wants_slot or plan.holds_slot or facts.admission.admitted:
            return plan
        if not isinstance(facts.resolved, Resolved):
            return plan
        task = requests.task(facts, facts.resolved, self._scheduler.first_asked(key))
        return decide(replace(facts, admission=self._scheduler.ask(task)))

    def _account(self, key: Key, facts: Facts, plan: Plan) -> None:
        if plan.holds_slot:
            self._scheduler.hold(self._running(key, facts), displaced.leaves(facts))
        elif not plan.wants_slot:
            self._let_go(key, keep_display=True)
            if plan.waits_for:
                self._scheduler.elsewhere(key, facts.task.spec.queue_name, plan.waits_for)
            if plan.opens_at and isinstance(facts.resolved, Resolved):
                turn = (facts.resolved.priority, requests.submitted(facts, self._scheduler.first_asked(key)))
                self._scheduler.before_window(key, facts.resolved.queue, turn, plan.opens_at.timestamp())
        elif told := facts.task.status.waiting:
            self._scheduler.told(key, told.reason)

    def _mind_remains(self, key: Key) -> None:
        """What a deleted task of this name held is held on until none of its pods can write any more."""
        store = self._context.store
        for uid in [uid for uid, owner in store.remains.items() if owner == key]:
            remains = (key[0], f"{key[1]} (deleted, {uid[:8]})")
            if store.is_at_work(uid):
                self._scheduler.leave_behind(key, remains)
            else:
                del store.remains[uid]
                self._scheduler.release(remains)

    def _running(self, key: Key, facts: Facts) -> Running:
        if isinstance(facts.resolved, Resolved):
            return requests.running(facts, facts.resolved, self._scheduler.first_asked(key))
        return Running(Task(key, facts.task.spec.queue_name, 0.0), 0.0)

    def _pod_settings(self, task: AsyncTask) -> PodSettings:
        settings, queue = self._context.pod_settings, self._context.store.queues.get(task.spec.queue_name)
        handed_to = queue[1].spec.kueue_local_queue if queue else None
        return replace(settings, kueue_queue=handed_to) if handed_to else settings

    def _let_go(self, key: Key, *, keep_display: bool = False) -> None:
        self._scheduler.release(key)
        if not keep_display:
            self._displays.forget(key)
