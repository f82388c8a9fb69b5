"""From an HTTP request to an operation's handler and back: the one path that every call takes."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import ArchiveError, ArchiveUnavailable
from asynctask.gateway.front import bodies, idempotency
from asynctask.gateway.front.audit import records
from asynctask.gateway.front.audit.trail import Trail
from asynctask.gateway.front.calls import Call, Caller, Desk
from asynctask.gateway.front.idempotency import Keys
from asynctask.gateway.front.operations import Operation, render
from asynctask.gateway.front.problems import (
    InternalError,
    MethodNotAllowed,
    NoSuchRoute,
    NotFound,
    Refusal,
    TimedOut,
    TooLarge,
    Unavailable,
)
from asynctask.gateway.metrics import Metrics
from asynctask.texts import preferred

ENTRY_SECONDS = 35.0
"""To find out who calls and read what they send."""
NOT_FOUND_SECONDS = 0.015
"""No "not found" comes sooner, so that its time does not tell what exists."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Answers are data about others' property: no cache keeps them, no page of others shows them."""

Authenticate = Callable[[web.Request, Operation], Awaitable[Caller]]

log = structlog.get_logger("api")


class Dispatch:
    """Makes an aiohttp handler of each operation."""

    def __init__(self, desk: Desk, authenticate: Authenticate, trail: Trail, keys: Keys, metrics: Metrics) -> None:
        self._desk = desk
        self._authenticate = authenticate
        self._trail = trail
        self._keys = keys
        self._metrics = metrics

    def route(self, operation: Operation) -> web.RouteDef:
        """The operation's route, for the app."""
        lists = bodies.list_fields(operation.query) if operation.query else frozenset()

        async def handle(request: web.Request) -> web.StreamResponse:
            started, call, refusal = perf_counter(), None, None
            language = preferred(request.headers.get("Accept-Language", ""))
            response: web.StreamResponse
            try:
                async with asyncio.timeout(ENTRY_SECONDS):
                    call = await self._call(operation, lists, request)
                response = await (self._change(operation, call) if operation.is_change else _answer(operation, call))
            except Exception as error:  # noqa: BLE001 - a defect in one call must not reach another
                refusal = translated(error, operation)
                response = refusal.response(language, request.path)
                if isinstance(refusal, NotFound):
                    await asyncio.sleep(max(0.0, started + NOT_FOUND_SECONDS - perf_counter()))
            self._observe(operation, request, call, response.status, refusal, perf_counter() - started)
            return response

        no_head = {"allow_head": False} if operation.method == "GET" else {}
        return web.RouteDef(operation.method, operation.path, handle, no_head)

    async def _call(self, operation: Operation, lists: frozenset[str], request: web.Request) -> Call:
        caller = await self._authenticate(request, operation)
        path = bodies.path_values(request.match_info) if request.match_info else {}
        query = bodies.query(request.rel_url.query, operation.query, lists) if operation.query else None
        if query is None and request.rel_url.query_string:
            bodies.refuse_query(request.rel_url.query)
        body = None
        if operation.body and not (operation.body_optional and not request.body_exists):
            body = await bodies.json_body(request, operation.body)
        language = preferred(request.headers.get("Accept-Language", ""))
        call = Call(self._desk, request, caller, language, path, query, body)
        call.request_id = secrets.token_hex(8)
        if operation.is_change:
            call.idempotency_key = idempotency.read_key(request)
        return call

    async def _change(self, operation: Operation, call: Call) -> web.StreamResponse:
        """Once for each Idempotency-Key, and answered only when its audit record is safe."""
        if not operation.audited:
            return await self._once(operation, call, lambda: _answer(operation, call))
        self._trail.check()
        return await self._once(operation, call, lambda: self._recorded(operation, call))

    async def _once(
        self, operation: Operation, call: Call, make: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not call.idempotency_key or not operation.keyed or operation.public:
            return await make()
        raw = await call.request.read() if operation.body else b""
        return await self._keys.once(operation, call, raw, make)

    async def _recorded(self, operation: Operation, call: Call) -> web.StreamResponse:
        try:
            response = await _answer(operation, call)
        except Exception as error:
            refusal = translated(error, operation)
            await self._trail.write(records.of(operation, call, refusal.status, refusal))
            raise refusal from error
        await self._trail.write(records.of(operation, call, response.status, None))
        return response

    def _observe(
        self,
        operation: Operation,
        request: web.Request,
        call: Call | None,
        status: int,
        refusal: Refusal | None,
        seconds: float,
    ) -> None:
        self._metrics.api_calls.labels(operation.name, str(status)).inc()
        self._metrics.api_seconds.labels(operation.name).observe(seconds)
        facts: dict[str, Any] = {"operation": operation.name, "status": status, "ms": round(seconds * 1000, 1)}
        if call:
            caller = call.caller
            facts |= {"caller": caller.name, "via": caller.via, "address": caller.address, "request": call.request_id}
        else:
            facts["address"] = request.remote
        if refusal:
            facts["code"] = refusal.code
        log.info("call", **facts)


async def _answer(operation: Operation, call: Call) -> web.StreamResponse:
    async with asyncio.timeout(operation.seconds):
        return render(operation, await operation.handler(call))


def translated(error: Exception, operation: Operation | None = None) -> Refusal:
    """Whatever was raised, as what the caller is told. The foreign text stays in our log: it may hold secrets."""
    match error:
        case Refusal():
            return error
        case api.Unavailable():
            return Unavailable(retry_after=error.retry_after or 2)
        case api.ApiError():
            log.error("the API server refused what the gateway needs", error=str(error))
            return Unavailable(retry_after=10)
        case TimeoutError():
            return TimedOut(retry_after=2)
        case web.HTTPRequestEntityTooLarge():
            return TooLarge(max=bodies.MAX_BODY_BYTES)
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(allowed=", ".join(sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return NoSuchRoute()
        case ArchiveUnavailable():
            return Unavailable(retry_after=3)
        case ArchiveError():
            log.error("the archive can't be used", code=error.code, error=str(error))
            return Unavailable(retry_after=30)
        case ConnectionError():
            return Unavailable()
    log.error("a call failed", operation=operation.name if operation else "", exc_info=error)
    return InternalError()


def outermost() -> Middleware:
    """Security headers on every answer; problems also for paths that no operation has."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            language = preferred(request.headers.get("Accept-Language", ""))
            response = translated(error).response(language, request.path)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return guard
