"""The only module that speaks to the Kubernetes API server: aiohttp and orjson, one session, errors translated."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self

import aiohttp
import msgspec
import orjson

from asynctask.adapters.connection import Connection
from asynctask.adapters.limiter import Latency, WriteLimiter
from asynctask.api import kinds, names

Object = dict[str, Any]
Observer = Callable[[str, str, int, float], None]
"""Called after each request with verb, plural, HTTP status and seconds."""

LOSES_CLOSED_TLS = sys.version_info < (3, 12, 8)
"""Python before https://github.com/python/cpython/pull/118960 keeps a connection whose peer never says goodbye."""

WATCH_SECONDS = 290
LOG_SECONDS = 600
WATCH_SILENCE_SECONDS = 100
"""Bookmarks come about once a minute; a stream silent for longer than this is dead."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that the API server found fault with."""

    field: str
    reason: str
    message: str


class ApiError(Exception):
    """The API server refused or failed. `status` is the HTTP status, 0 when no answer came."""

    def __init__(
        self, status: int, reason: str, message: str, retry_after: float = 0.0, causes: tuple[Cause, ...] = ()
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.causes = causes


class NotFound(ApiError):
    """404: the object is not there."""


class AlreadyExists(ApiError):
    """409 on create: an object of that name is there."""


class Conflict(ApiError):
    """409 on update: the object is newer than we thought. Look again."""


class Gone(ApiError):
    """410: the history that a watch asked for is no longer kept. List again."""


class Refused(ApiError):
    """400, 403 or 422: the same request will never do."""


class Unavailable(ApiError):
    """429, 5xx or no answer: the same request may do later."""


@dataclass(frozen=True)
class Resource:
    """A kind as a URL has it."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, an object or a subresource."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return (
            f"{base}{scope}/{self.plural}" + (f"/{name}" if name else "") + (f"/{subresource}" if subresource else "")
        )


def _own(kind: kinds.Kind) -> Resource:
    return Resource(names.GROUP, names.VERSION, kind.plural, kind.namespaced)


TASKS = _own(kinds.ASYNC_TASK)
STAGES = _own(kinds.STAGE)
TYPES = _own(kinds.TASK_TYPE)
QUEUES = _own(kinds.TASK_QUEUE)
ENDPOINTS = _own(kinds.STORAGE_ENDPOINT)
SCHEDULES = _own(kinds.TASK_SCHEDULE)
JOBS = Resource("batch", "v1", "jobs")
PODS = Resource("", "v1", "pods")
EVENTS = Resource("events.k8s.io", "v1", "events")
NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases")
NODES = Resource("", "v1", "nodes", namespaced=False)
NODE_METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes", namespaced=False)
WORKLOADS = Resource("kueue.x-k8s.io", "v1beta1", "workloads")
DISCOVERY = Resource("", "", "discovery", namespaced=False)
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", namespaced=False)
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", namespaced=False)


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _ListMeta


_page = msgspec.json.Decoder(_Page)


def open_session(connection: Connection, user_agent: str, *, authorized: bool = False) -> aiohttp.ClientSession:
    """A session for the API server; with `authorized`, one that proves who we are on every request by itself."""

    async def authorize(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update(connection.headers())
        return await handler(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=connection.ssl, limit=0, keepalive_timeout=75, enable_cleanup_closed=LOSES_CLOSED_TLS
        ),
        headers={"User-Agent": user_agent, "Accept": "application/json"},
        middlewares=(authorize,) if authorized else (),
    )


class Cluster:
    """A client of one API server. Use it as an async context manager."""

    def __init__(
        self,
        connection: Connection,
        *,
        timeout_seconds: float = 30,
        limiter: WriteLimiter | None = None,
        observe: Observer | None = None,
        user_agent: str = "asynctask",
    ) -> None:
        self.connection = connection
        self.limiter = limiter
        self._observe = observe
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=10)
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._latency = Latency()

    async def __aenter__(self) -> Self:
        self._session = open_session(self.connection, self._user_agent)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            await asyncio.sleep(0)  # connections that were aborted are closed in the loop's next turn

    @property
    def is_slow(self) -> bool:
        """Whether writes take long: what can wait should."""
        return self._latency.is_slow

    async def get(self, resource: Resource, namespace: str, name: str, not_older_than: str = "") -> Object:
        """Read one object. Raises NotFound.

        With the resourceVersion of a version known already the answer comes from the server's cache and costs the
        store nothing; it is that version or a later one, though not always the latest.
        """
        params = {"resourceVersion": not_older_than} if not_older_than else None
        return await self._request("GET", resource, resource.path(namespace, name), params=params)

    async def create(self, resource: Resource, namespace: str, body: Object, *, dry_run: bool = False) -> Object:
        """Create an object and return it as stored. Raises AlreadyExists. A dry run is not stored."""
        params = {"dryRun": "All"} if dry_run else None
        return await self._request("POST", resource, resource.path(namespace), body=body, params=params)

    async def patch(self, resource: Resource, namespace: str, name: str, body: Object, subresource: str = "") -> Object:
        """Apply a JSON merge patch (RFC 7386). Raises Conflict when it holds a resourceVersion that is old."""
        path = resource.path(namespace, name, subresource)
        return await self._request("PATCH", resource, path, body=body, content_type="application/merge-patch+json")

    async def json_patch(
        self, resource: Resource, namespace: str, name: str, operations: list[Object], subresource: str = ""
    ) -> Object:
        """Apply a JSON patch (RFC 6902), which unlike a merge patch replaces free-form objects whole and keeps nulls.

        Raises Conflict when it replaces `/metadata/resourceVersion` by one that is old.
        """
        path = resource.path(namespace, name, subresource)
        return await self._request("PATCH", resource, path, body=operations, content_type="application/json-patch+json")

    async def replace(self, resource: Resource, namespace: str, name: str, body: Object) -> Object:
        """Replace an object whole. Raises Conflict when its resourceVersion is old."""
        return await self._request("PUT", resource, resource.path(namespace, name), body=body)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str = "") -> None:
        """Delete an object and, in the background, what it owns. With a uid, only that very object. Raises NotFound."""
        body: Object = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self._request("DELETE", resource, resource.path(namespace, name), body=body)

    async def served(self, group: str, version: str) -> frozenset[str]:
        """The plurals of a group that the server says it serves. One that has just started may not know of any yet."""
        groups = orjson.loads(await self._raw("GET", DISCOVERY, "/apis"))["groups"]
        if not any(known["name"] == group for known in groups):
            return frozenset()
        found = orjson.loads(await self._raw("GET", DISCOVERY, f"/apis/{group}/{version}"))
        return frozenset(item["name"] for item in found["resources"])

    async def pages(
        self, resource: Resource, namespace: str = "", selector: str = "", limit: int = 500, fields: str = ""
    ) -> AsyncIterator[tuple[bytes, str]]:
        """List a collection in pages of raw JSON, each with its resourceVersion. Raises Gone when it took too long."""
        token = ""
        while True:
            params = {"limit": str(limit)}
            if selector:
                params["labelSelector"] = selector
            if fields:
                params["fieldSelector"] = fields
            if token:
                params["continue"] = token
            raw = await self._raw("GET", resource, resource.path(namespace), params=params)
            meta = _page.decode(raw).metadata
            yield raw, meta.resource_version
            token = meta.continue_
            if not token:
                return

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        selector: str = "",
        resource_version: str = "",
        opened: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[bytes]:
        """Follow a collection: one raw JSON event a line, bookmarks included, until the server ends the stream.

        `opened` is called when the server has begun to answer; the first line may be a minute away.

        Raises Gone when the resourceVersion is too old, Unavailable when the stream breaks or falls silent.
        """
        params = {"watch": "1", "allowWatchBookmarks": "1", "timeoutSeconds": str(WATCH_SECONDS)}
        params |= {"resourceVersion": resource_version} if resource_version else {}
        params |= {"labelSelector": selector} if selector else {}
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=WATCH_SILENCE_SECONDS)
        try:
            async with self._open.get(
                self.connection.server + resource.path(namespace),
                params=params,
                headers=self.connection.headers(),
                timeout=timeout,
            ) as response:
                if response.status != 200:
                    raise _error("GET", response.status, await response.read(), response.headers.get("Retry-After"))
                opened()
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(0, "WatchBroken", repr(error)) from error

    async def logs(
        self, namespace: str, pod: str, container: str, *, since: str = "", tail: int = 0
    ) -> AsyncGenerator[bytes]:
        """What a container writes, with times, as it comes, until it ends, or some minutes have passed.

        Who reads slowly slows the sender. `since` is an RFC 3339 time. Raises NotFound, Refused and Unavailable.
        """
        params = {"container": container, "timestamps": "true", "follow": "true"}
        params |= {"sinceTime": since} if since else {}
        params |= {"tailLines": str(tail)} if tail else {}
        timeout = aiohttp.ClientTimeout(total=LOG_SECONDS, connect=10)
        try:
            async with self._open.get(
                self.connection.server + PODS.path(namespace, pod, "log"),
                params=params,
                headers=self.connection.headers(),
                timeout=timeout,
            ) as response:
                if response.status != 200:
                    raise _error("GET", response.status, await response.read(), response.headers.get("Retry-After"))
                async for chunk in response.content.iter_any():
                    yield chunk
        except TimeoutError:
            return  # the caller opens it anew: a connection that died without a word is not waited for any longer
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(0, "LogBroken", repr(error)) from error

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        return self._session

    async def _request(
        self,
        method: str,
        resource: Resource,
        path: str,
        body: Object | list[Object] | None = None,
        params: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        raw = await self._raw(method, resource, path, body=body, params=params, content_type=content_type)
        result: Object = orjson.loads(raw)
        return result

    async def _raw(
        self,
        method: str,
        resource: Resource,
        path: str,
        *,
        body: Object | list[Object] | None = None,
        params: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        if method != "GET" and self.limiter and resource is not LEASES:
            await self.limiter.acquire()
        headers = self.connection.headers()
        data = None
        if body is not None:
            data, headers["Content-Type"] = orjson.dumps(body), content_type
        started, status = perf_counter(), 0
        try:
            async with self._open.request(
                method, self.connection.server + path, params=params, data=data, headers=headers, timeout=self._timeout
            ) as response:
                status, payload = response.status, await response.read()
                if status < 300:
                    return payload
                error = _error(method, status, payload, response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise Unavailable(0, "NoAnswer", repr(problem)) from problem
        finally:
            seconds = perf_counter() - started
            if method != "GET":
                self._latency.seen(seconds)
            if self._observe:
                self._observe(method, resource.plural, status, seconds)
        if status == 429 and self.limiter:
            self.limiter.slow_down(error.retry_after)
        raise error


def _error(method: str, status: int, payload: bytes, retry_after: str | None) -> ApiError:
    causes: tuple[Cause, ...] = ()
    try:
        answer = orjson.loads(payload)
        reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))
        causes = _causes(answer)
    except (orjson.JSONDecodeError, AttributeError):
        reason, message = "", payload[:300].decode(errors="replace")
    kind: type[ApiError] = Unavailable
    if status == 404:
        kind = NotFound
    elif status == 409:
        kind = AlreadyExists if method == "POST" and reason == "AlreadyExists" else Conflict
    elif status == 410:
        kind = Gone
    elif status in {400, 403, 405, 413, 415, 422}:
        kind = Refused
    try:
        delay = float(retry_after or 0)
    except ValueError:
        delay = 0.0
    return kind(status, reason, message, delay, causes)


def _causes(answer: Object) -> tuple[Cause, ...]:
    found = (answer.get("details") or {}).get("causes") or ()
    return tuple(
        Cause(str(cause.get("field", "")), str(cause.get("reason", "")), str(cause.get("message", "")))
        for cause in found
        if cause.get("field")
    )
