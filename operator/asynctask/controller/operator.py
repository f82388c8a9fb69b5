"""One replica of the operator, from start to stop."""

import asyncio
import signal
import socket
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from time import monotonic
from typing import Any

import kopf
import structlog
from aiohttp import web

from asynctask.adapters import memory
from asynctask.adapters.cluster import ApiError, Cluster, open_session
from asynctask.adapters.connection import Connection
from asynctask.adapters.followed import collections
from asynctask.adapters.lease import Elector
from asynctask.adapters.limiter import WriteLimiter
from asynctask.adapters.metrics import OperatorMetrics
from asynctask.adapters.reach import Reach
from asynctask.adapters.reflector import Reflector
from asynctask.adapters.store import Key
from asynctask.api import names
from asynctask.context import Context
from asynctask.controller import events, liveness
from asynctask.controller.probes import application
from asynctask.controller.queues import Limits
from asynctask.controller.queuestatus import keep_telling
from asynctask.controller.readiness import Readiness
from asynctask.controller.recall import recall
from asynctask.controller.resync import Resync
from asynctask.controller.schedules import Schedules
from asynctask.reconcile import Reconciler
from asynctask.scheduling import Scheduler
from asynctask.settings import OperatorSettings

log = structlog.get_logger()
DRAIN_SECONDS = 20.0
PULSE_SECONDS = 10.0
KOPF_EXIT_SECONDS = 3.0
LEADS_AT_ONCE_SECONDS = 0.5
SERVED_RETRY_SECONDS = 0.5
SCHEDULE_WORKERS = 16


class LeadershipLost(Exception):
    """Another replica may lead by now: nothing more may be written."""


class Operator:
    """Everything that runs in the process, and how it is taken down."""

    def __init__(self, settings: OperatorSettings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._metrics = OperatorMetrics()
        cluster = Cluster(
            connection,
            timeout_seconds=settings.request_timeout_seconds,
            limiter=WriteLimiter(settings.writes_per_second),
            observe=self._metrics.observe_request,
            user_agent="asynctask-operator",
        )
        self._context = Context(settings, cluster, self._metrics)
        self._scheduler = Scheduler(
            self._context.queue.add,
            call_later=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
        )
        self._scheduler.on_pass = self._metrics.admission_seconds.observe
        self._scheduler.on_displaced = lambda queue: self._metrics.displaced.labels(queue).inc()
        self._limits = Limits(self._context, self._scheduler)
        self._reconciler = Reconciler(self._context, self._scheduler)
        self._schedules = Schedules(self._context)
        self._reflectors = [reflector for namespace in self._namespaces() for reflector in self._follow(namespace)]
        self._resync = Resync(self._context, self._schedules, self._reflectors, self._wake)
        self._resynced_at = monotonic()
        self._reach = Reach()
        self._leads = False
        self._led_since = float("inf")
        self._synced = False
        self._stopping = asyncio.Event()
        self._kopf_stop = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Serve until `stop`. Raises LeadershipLost, or whatever ended a part that must not end."""
        loop = asyncio.get_running_loop()
        self._take_signals()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._context.cluster)
            await self._serve_probes(stack)
            lead = asyncio.Event()
            elector = self._elector(loop, lead)
            parts = [asyncio.create_task(self._kopf(), name="kopf")]
            warm = (self._keep_warm(reflector, lead) for reflector in self._reflectors)
            parts += [asyncio.create_task(part, name="reflector") for part in warm]
            parts.append(asyncio.create_task(self._act(lead), name="act"))
            if elector:
                elector.start()
            else:
                parts.append(asyncio.create_task(self._feel(), name="pulse"))
                self._led_since = monotonic()
                lead.set()
            for part in parts:
                part.add_done_callback(self._part_ended)
            await self._stopping.wait()
            await self._take_down(parts, elector)
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Finish what is in flight, give the Lease up, and return from `run`."""
        self._stopping.set()

    def _take_signals(self) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, self.stop)

    def _wake(self, keys: Iterable[Key]) -> None:
        if not self._synced:  # all that there is comes in
            self._context.queue.sweep(keys)
            return
        for key in keys:
            self._context.queue.add(key)

    def _namespaces(self) -> tuple[str, ...]:
        return self._settings.watch_namespaces or ("",)

    def _follow(self, namespace: str) -> list[Reflector[Any]]:
        return [
            Reflector(self._context.cluster, collection, self._wake, self._seen, namespace)
            for collection in collections(self._context.store, self._schedules.take_task)
        ]

    def _seen(self, plural: str, version: str) -> None:
        self._metrics.events.labels(plural).inc()
        self._context.echoes.seen(plural, version)

    async def _keep_warm(self, reflector: Reflector[Any], lead: asyncio.Event) -> None:
        """Follow a collection. A replica that leads at once, as after a restart, lists it but once: after that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(lead.wait(), LEADS_AT_ONCE_SECONDS)
        await reflector.run()

    def _elector(self, loop: asyncio.AbstractEventLoop, lead: asyncio.Event) -> Elector | None:
        settings = self._settings
        if not settings.leader_election:
            return None

        def begin() -> None:
            self._led_since = monotonic()
            loop.call_soon_threadsafe(lead.set)

        def lost() -> None:
            self._failure = LeadershipLost("the Lease is another's, or could not be renewed in time")
            self._leads = False
            loop.call_soon_threadsafe(self._stopping.set)

        return Elector(
            self._connection,
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.identity or socket.gethostname(),
            duration_seconds=settings.lease_duration_seconds,
            renew_seconds=settings.lease_renew_seconds,
            on_lead=begin,
            on_lost=lost,
            observe=self._reach.observe,
        )

    async def _feel(self) -> None:
        """Ask the API server for next to nothing now and then, as the elector does where there is one."""
        async with Cluster(self._connection, timeout_seconds=PULSE_SECONDS, observe=self._reach.observe) as cluster:
            while True:
                with suppress(ApiError, ValueError, LookupError):
                    await cluster.served(names.GROUP, names.VERSION)
                await asyncio.sleep(PULSE_SECONDS)

    async def _kopf(self) -> None:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            session = open_session(self._connection, "asynctask-operator-watch", authorized=True)
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

        @kopf.on.startup(registry=registry)
        async def started(**_: object) -> None:
            # kopf puts handlers of its own there within the next turns of the loop
            asyncio.get_running_loop().call_later(0.2, self._take_signals)

        events.register(registry, self._context, self._schedules, self._wake, self._limits.refresh)
        await self._kinds_are_served()
        namespaces = self._settings.watch_namespaces
        await kopf.operator(
            registry=registry,
            settings=events.settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            # kopf's own default asks the system for a user name, which the uid of a container rarely has.
            identity=self._settings.identity or socket.gethostname(),  # type: ignore[arg-type]  # a NewType of kopf's own
            stop_flag=self._kopf_stop,
        )

    async def _kinds_are_served(self) -> None:
        """kopf looks once which kinds there are and never follows one that an API server has only begun to serve."""
        while True:
            missing = events.PLURALS
            try:
                missing -= await self._context.cluster.served(names.GROUP, names.VERSION)
            except ApiError as error:
                log.warning("waiting for the API server", error=str(error)[:200])
            if not missing:
                return
            log.warning("waiting for the API server to serve our kinds", missing=sorted(missing))
            await asyncio.sleep(SERVED_RETRY_SECONDS)

    async def _act(self, lead: asyncio.Event) -> None:
        """Wait for the lead, list everything, then work; list again now and then."""
        await lead.wait()
        log.info("leading")
        self._metrics.leader.set(1)
        started = monotonic()
        while not self._synced:
            try:
                await self._resync.run(not_before=self._led_since)
                self._synced = True
            except ApiError as error:
                log.warning("waiting for the API server", error=str(error)[:200])
                await asyncio.sleep(1)
        self._hold_running()
        self._leads = True
        self._resynced_at = monotonic()
        memory.settle()
        log.info("synced", tasks=len(self._context.store.tasks), seconds=round(monotonic() - started, 3))
        workers = [asyncio.create_task(self._work(), name="worker") for _ in range(self._settings.workers)]
        telling = keep_telling(self._context, self._scheduler, self._limits)
        schedules = (self._schedules.work(lambda: self._leads) for _ in range(SCHEDULE_WORKERS))
        workers += [asyncio.create_task(work, name="schedules") for work in schedules]
        workers.append(asyncio.create_task(telling, name="queue status"))
        workers.append(asyncio.create_task(self._limits.keep(), name="limits"))
        workers.append(asyncio.create_task(Readiness(self._context).keep_telling(), name="readiness"))
        for worker in workers:
            worker.add_done_callback(self._part_ended)
        try:
            while True:
                await asyncio.sleep(self._settings.resync_seconds)
                await self._repair()
        finally:
            for worker in workers:
                worker.cancel()

    async def _repair(self) -> None:
        try:
            missed = await self._resync.run()
            self._resynced_at = monotonic()
            self._limits.refresh()
            self._scheduler.request_pass()
            if missed:
                log.info("a listing found what no watch told", changes=missed)
        except ApiError as error:
            log.warning("listing failed", error=str(error)[:200])

    def _hold_running(self) -> None:
        """Count what runs and recall who waits before anything new is admitted; look first at what runs."""
        self._limits.refresh()
        running, unknown = recall(self._context.store, self._scheduler)
        self._wake(unknown)
        self._context.queue.prefer(running)
        self._scheduler.request_pass()

    async def _work(self) -> None:
        queue = self._context.queue
        while True:
            key = await queue.get()
            try:
                if self._leads:
                    await self._reconciler.reconcile(key)
            finally:
                queue.done(key)
            await asyncio.sleep(0)  # a task that only waits is looked at without a pause: let others have their turn

    def _part_ended(self, part: asyncio.Task[None]) -> None:
        """No part may end unasked. kopf, on its way out, cancels what was begun after it: its own end says why."""
        if self._stopping.is_set():
            return
        if part.cancelled() and part.get_name() != "kopf":
            asyncio.get_running_loop().call_later(KOPF_EXIT_SECONDS, self._fail, part)
            return
        if part.get_name() == "kopf" and not part.cancelled() and part.exception() is None:
            log.info("asked to stop")  # by a signal that came before we took signals back
            self._stopping.set()
            return
        self._fail(part)

    def _fail(self, part: asyncio.Task[None]) -> None:
        if self._stopping.is_set():
            return
        error = RuntimeError(f"{part.get_name()} was cancelled") if part.cancelled() else part.exception()
        self._failure = self._failure or error or RuntimeError(f"{part.get_name()} ended by itself")
        log.error("a part of the operator ended", part=part.get_name(), error=repr(error))
        self._stopping.set()

    async def _take_down(self, parts: list[asyncio.Task[None]], elector: Elector | None) -> None:
        """In-flight work first, then the Lease, kopf last: on its way out it cancels every task begun after its own."""
        log.info("stopping", in_flight=len(self._context.queue))
        self._leads = False
        try:
            patience = 0.0 if self._failure else DRAIN_SECONDS
            await asyncio.wait_for(self._context.queue.drained(), patience)
        except TimeoutError:
            log.warning("stopped with work in flight; its next owner takes it up")
        for part in parts:
            if part.get_name() != "kopf":
                part.cancel()
        if elector:
            await asyncio.to_thread(elector.stop)
        self._kopf_stop.set()
        await asyncio.wait(parts, timeout=10)

    async def _serve_probes(self, stack: AsyncExitStack) -> None:
        app = application(self._metrics.registry, self._live, self._ready, self._refresh)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, port=self._settings.metrics_port, reuse_port=False).start()

    def _live(self) -> str:
        """What a restart would mend."""
        now = monotonic()
        signs = liveness.Signs(
            reached=self._reach.seconds(),
            oldest_key=self._context.queue.oldest_seconds() if self._leads else 0.0,
            watch_silence=now - min(reflector.last_heard for reflector in self._reflectors),
            overdue=self._context.echoes.overdue(liveness.MAX_ECHO_SECONDS),
            listed_ago=now - self._resynced_at if self._leads else 0.0,
        )
        settings = self._settings
        return liveness.ailment(signs, stuck_key=settings.stuck_key_seconds, resync=settings.resync_seconds)

    def _ready(self) -> str:
        if self._stopping.is_set():
            return "stopping"
        return "" if all(reflector.has_listed for reflector in self._reflectors) else "the caches are not warm yet"

    def _refresh(self) -> None:
        metrics, queue = self._metrics, self._context.queue
        metrics.queue_depth.set(len(queue))
        metrics.queue_oldest.set(queue.oldest_seconds())
        metrics.tasks.set(len(self._context.store.tasks))
        metrics.schedules.set(len(self._schedules.store.entries))
        metrics.tell_queues(
            {name: self._scheduler.usage(name) for name in self._scheduler.queues()},
            self._scheduler.reasons(),
        )
