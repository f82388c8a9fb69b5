"""The stage API as HTTP: docs/stage-protocol.md."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from asynctask.adapters.artifacts import ArtifactStore, ArtifactTooLarge, InvalidName, Owner
from asynctask.api import names
from asynctask.gateway.contexts import Contexts
from asynctask.gateway.errors import InvalidReport, NoSuchArtifact, StorageFull, TooLarge, TooManyCalls
from asynctask.gateway.identity import Authenticator, Identity
from asynctask.gateway.limits import Buckets
from asynctask.gateway.listeners import Listeners
from asynctask.gateway.live import LiveStage
from asynctask.gateway.messages import parse_complete, parse_report
from asynctask.gateway.shares import Shares
from asynctask.gateway.stagelogs import StageLogs
from asynctask.gateway.stages import Stages

MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 30.0
"""A body, or a block of an artifact, must have come in this time."""
CALLS_PER_SECOND = 5.0
CALLS_AT_ONCE = 40.0
BLOCK = 1 << 16


class StageApi:
    """The handlers. Each finds out who calls, then does one thing."""

    def __init__(
        self,
        authenticator: Authenticator,
        stages: Stages,
        shares: Shares,
        contexts: Contexts,
        artifacts: ArtifactStore,
        logs: StageLogs,
        listeners: Listeners,
        *,
        period: float,
    ) -> None:
        self._authenticator = authenticator
        self._stages = stages
        self._shares = shares
        self._contexts = contexts
        self._artifacts = artifacts
        self._logs = logs
        self._listeners = listeners
        self._period = period
        self._calls = Buckets(CALLS_PER_SECOND, CALLS_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """The routes, for the app."""
        artifact = "/stage/v1/artifacts/{name}"
        return [
            web.get("/stage/v1/context", self.context),
            web.post("/stage/v1/report", self.report),
            web.post("/stage/v1/complete", self.complete),
            web.put(artifact, self.put_artifact),
            web.get(artifact, self.get_artifact),
        ]

    async def context(self, request: web.Request) -> web.Response:
        """What the stage is to do. Makes the pod the holder."""
        identity, live = await self._enter(request)
        recorded = await live.begin(identity.caller)
        allowed = await self._shares.begin(live)
        return _json(await self._contexts.context(identity, live, recorded, allowed, self._period))

    async def report(self, request: web.Request) -> web.Response:
        """How far it is, its checkpoint, what failed, what it logs."""
        identity, live = await self._enter(request)
        report = parse_report(await _body(request))
        used = report.used_bytes_per_second
        acknowledged = await live.report(identity.caller, report, self._shares.bandwidth(live, used))
        if report.log:
            self._logs.write(live, identity.caller.attempt, report.log)
        await self._listeners.told(live, identity.caller.attempt, report)
        return _json(
            {
                "acknowledgedSequence": acknowledged,
                "checkpointSequence": live.checkpoint_sequence,
                "command": await self._contexts.command(identity, live),
                **await self._shares.report(live, used),
            }
        )

    async def complete(self, request: web.Request) -> web.Response:
        """How it ended."""
        identity, live = await self._enter(request)
        complete = parse_complete(await _body(request))
        await live.complete(identity.caller, complete)
        await self._listeners.told(live, identity.caller.attempt, complete)
        self._shares.end(live)
        return _json({"acknowledged": True})

    async def put_artifact(self, request: web.Request) -> web.Response:
        """Keep a stream under a name."""
        identity, live = await self._enter(request)
        await live.admit(identity.caller)
        if (request.content_length or 0) > self._artifacts.max_bytes:
            raise TooLarge(f"an artifact has at most {self._artifacts.max_bytes} bytes")
        spec, name = live.spec, request.match_info["name"]
        try:
            owner = Owner(spec.task_uid, live.namespace, spec.task_name)
            size = await self._artifacts.put(owner, spec.run, name, _blocks(request))
        except InvalidName as error:
            raise InvalidReport(str(error), field="name") from None
        except ArtifactTooLarge as error:
            raise TooLarge(str(error)) from None
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            raise StorageFull(f"the artifact could not be kept: {error.strerror}", retry_after=30) from error
        return _json({"bytes": size})

    async def get_artifact(self, request: web.Request) -> web.StreamResponse:
        """A stream kept under a name."""
        identity, live = await self._enter(request)
        await live.admit(identity.caller)
        spec, name = live.spec, request.match_info["name"]
        try:
            # a restarted run rests on the results of earlier ones: what they stored is part of them
            runs = sorted({spec.run, *(names.run_of(known.object) for known in spec.inputs)}, reverse=True)
            paths = [self._artifacts.path(spec.task_uid, run, name) for run in runs]
        except InvalidName as error:
            raise InvalidReport(str(error), field="name") from None
        for path in paths:
            if await asyncio.to_thread(path.is_file):
                return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})
        raise NoSuchArtifact("no artifact has this name")

    async def _enter(self, request: web.Request) -> tuple[Identity, LiveStage]:
        bearer = await self._authenticator.bearer(request.headers.get("Authorization", ""))
        if wait := self._calls.take(bearer.pod_uid):
            raise TooManyCalls(f"at most {CALLS_PER_SECOND:g} calls a second", retry_after=wait)
        identity = await self._authenticator.identify(bearer)
        return identity, await self._stages.open(identity)


async def _body(request: web.Request) -> bytes:
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(BODY_SECONDS):
            block = await request.content.read(BLOCK)
        if not block:
            return
        yield block


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
