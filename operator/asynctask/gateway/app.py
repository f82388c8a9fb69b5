"""The gateway put together: the stage API on one port, that for people and programs on another, metrics on a third."""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Self

import aiohttp
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import open_archive, tasks
from asynctask.adapters.artifacts import ArtifactStore
from asynctask.gateway import archives, leader, sweeping
from asynctask.gateway.archiver.leading import Leading
from asynctask.gateway.archiver.writer import Writer
from asynctask.gateway.contexts import Contexts
from asynctask.gateway.errors import GatewayError, InvalidReport, NotNow, TooLarge
from asynctask.gateway.estate import Estate
from asynctask.gateway.front.app import Front
from asynctask.gateway.front.auth.access import Access
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.view import View
from asynctask.gateway.identity import Authenticator, Freshness
from asynctask.gateway.itemledger import ItemLedger
from asynctask.gateway.listeners import Listeners
from asynctask.gateway.logs import sweeping as logsweeping
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.logs.collector import Collector
from asynctask.gateway.logs.feed import LogFeed
from asynctask.gateway.metrics import Metrics
from asynctask.gateway.notifier import notifying
from asynctask.gateway.notifier.inboxfeed import InboxFeed
from asynctask.gateway.notifier.listening import NewsListener
from asynctask.gateway.routes import MAX_BODY_BYTES, StageApi
from asynctask.gateway.shares import Shares
from asynctask.gateway.stagelogs import StageLogs
from asynctask.gateway.stages import Stages
from asynctask.settings import GatewaySettings

SHUTDOWN_SECONDS = 10.0
"""Calls under way have this long to end."""
FLUSH_SECONDS = 10.0
"""Then progress that waits has this long to be written."""
READY_RETRY_SECONDS = 1.0
ARTIFACTS_PER_RUN = 4
"""A run may keep this many times the largest artifact."""

log = structlog.get_logger("gateway")


class Gateway:
    """Serves from `async with` to the end of it; what waits is written before it ends."""

    def __init__(
        self, settings: GatewaySettings, cluster: api.Cluster, metrics: Metrics, freshness: Freshness | None = None
    ) -> None:
        freshness = freshness or Freshness()
        period = settings.progress_period_seconds
        self._settings = settings
        self._cluster = cluster
        self._metrics = metrics
        self._artifacts = ArtifactStore(
            Path(settings.artifacts_directory),
            settings.artifact_max_bytes,
            ARTIFACTS_PER_RUN * settings.artifact_max_bytes,
        )
        self._stages = Stages(cluster, metrics, freshness, period=period)
        self._estate = Estate(cluster, settings.watch_namespaces)
        self._book = LogBook(self._artifacts.root, settings.log_max_bytes, metrics)
        self._listeners = Listeners(book=self._book)
        self._api = StageApi(
            Authenticator(cluster, freshness, metrics),
            self._stages,
            Shares(self._estate),
            Contexts(cluster, freshness),
            self._artifacts,
            StageLogs(metrics),
            self._listeners,
            period=period,
        )
        gone = self._archived if settings.archive_url else None
        self._view = View(cluster, settings.watch_namespaces, gone)
        self._desk = Desk(
            settings=settings,
            cluster=cluster,
            artifacts=self._artifacts,
            access=Access(cluster, settings.watch_namespaces),
            now=lambda: datetime.now(UTC),
            view=self._view,
            estate=self._estate,
        )
        self._front = Front(self._desk, metrics)
        self._stack = AsyncExitStack()
        self.ready = False
        """Whether calls should come here: the API server has answered, and the end has not begun."""
        self.port = 0
        self.metrics_port = 0
        self.api_port = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._flush)
            if url := self._settings.archive_url:
                self._desk.archive = archive = await stack.enter_async_context(open_archive(url))
                self._desk.writer = writer = Writer(archive, [NewsListener()])
                works = (self._collect, notifying.work(self._desk, archive, self._metrics))
                lead = leader.lead(self._cluster, writer, self._settings, self._metrics.registry, works)
                self._listeners.items = items = ItemLedger(archive, self._metrics, self._desk.now)
                for work in (archives.prepare(archive), lead, items.run()):
                    stack.push_async_callback(_end, asyncio.create_task(work))
            else:
                lead = Leading(self._cluster.connection, self._settings, (self._collect,)).run()
                stack.push_async_callback(_end, asyncio.create_task(lead))
            for work in (
                self._book.run(),
                self._stages.sweep(),
                self._estate.run(),
                self._view.run(),
                self._become_ready(),
                sweeping.keep(self._cluster, self._artifacts),
                logsweeping.keep(self._cluster, self._book.root, lambda: self._desk.archive),
            ):
                stack.push_async_callback(_end, asyncio.create_task(work))
            probes = web.Application()
            probes.add_routes(
                [
                    web.get("/metrics", self._show_metrics),
                    web.get("/healthz", _ok),
                    web.get("/readyz", self._show_ready),
                ]
            )
            self.metrics_port = await _serve(stack, probes, self._settings.metrics_port)
            app = web.Application(middlewares=[_observer(self._metrics)], client_max_size=MAX_BODY_BYTES)
            app.add_routes(self._api.routes())
            self.port = await _serve(stack, app, self._settings.port)
            self.api_port = (await stack.enter_async_context(self._front)).port
            if hub := self._desk.stream:
                self._listeners.stream = hub
                stack.push_async_callback(_end, asyncio.create_task(LogFeed(hub, self._book.root).run()))
                if self._desk.archive:
                    inboxes = InboxFeed(self._desk.archive, hub, self._desk.now)
                    stack.push_async_callback(_end, asyncio.create_task(inboxes.run()))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ready = False
        await self._stack.aclose()

    async def _archived(self, task_ids: Collection[str]) -> Collection[str]:
        """Which of these tasks the archive knows to have left the cluster."""
        if self._desk.archive is None:
            return task_ids
        async with self._desk.archive.read() as connection:
            return await tasks.known_gone(connection, task_ids)

    async def _collect(self) -> None:
        await Collector(self._cluster, self._view, self._book, self._settings.watch_namespaces).run()

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._stages.flush()
        except TimeoutError:
            log.warning("the API server did not take all progress in time; the stages will send it again")

    async def _become_ready(self) -> None:
        """Ready is who can review tokens, which takes the API server and the rights of ours that matter most, and knows
        how much stages may move.
        """
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "none"}}
        while True:
            try:
                await self._cluster.create(api.TOKEN_REVIEWS, "", body)
            except api.ApiError as error:
                log.warning("not ready: can't review tokens", error=str(error))
                await asyncio.sleep(READY_RETRY_SECONDS)
            else:
                await self._estate.known()
                self.ready = True
                return

    async def _show_ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self.ready else web.Response(text="not ready\n", status=503)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel, and wait until its connections are closed."""
    task.cancel()
    await asyncio.wait([task])


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _serve(stack: AsyncExitStack, app: web.Application, port: int) -> int:
    """Serve an app on all interfaces, of either family; returns the port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()
    return int(runner.addresses[0][1])


def _observer(metrics: Metrics) -> Middleware:
    """Count each call, and turn whatever is raised into an answer of the protocol."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = perf_counter()
        resource = request.match_info.route.resource
        route = resource.canonical.removeprefix("/stage/v1/").removesuffix("/{name}") if resource else "other"
        response: web.StreamResponse
        try:
            response = await handler(request)
        except GatewayError as error:
            response = error.response()
        except Exception as error:  # noqa: BLE001 - a defect in one call must not reach another
            response = _translated(error).response()
        metrics.calls.labels(route, str(response.status)).inc()
        metrics.call_seconds.labels(route).observe(perf_counter() - started)
        return response

    return observe


def _translated(error: Exception) -> GatewayError:
    match error:
        case api.Unavailable():
            return NotNow("the API server can't be reached right now", retry_after=error.retry_after or 1)
        case api.ApiError():
            log.error("the API server refused what the gateway needs", error=str(error))
            return NotNow("the API server refuses the gateway; its log says why", retry_after=10)
        case web.HTTPRequestEntityTooLarge():
            return TooLarge(f"a body has at most {MAX_BODY_BYTES} bytes")
        case web.HTTPException():
            failure = GatewayError(error.reason)
            failure.status, failure.code = error.status, "NoSuchRoute"
            return failure
        case web.RequestPayloadError() | aiohttp.ClientPayloadError() | ConnectionError() | TimeoutError():
            return InvalidReport("the body broke off")
    log.error("a call failed", exc_info=error)
    return GatewayError("an error in the gateway; its log has it")
