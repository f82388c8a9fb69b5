"""`/api/v1/stream`: everything that a client follows, over one connection."""

import asyncio
import socket
from contextlib import suppress
from typing import Annotated, Any

from aiohttp import HttpVersion11, web
from pydantic import Field

from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import FieldError, InvalidField, NotFound, Refusal, TooManyRequests, Unavailable
from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.front.stream.topics import MAX_LENGTH, MAX_TOPICS, BadTopic, Topic, parse, split

MAX_STREAMS = 5_000
MAX_STREAMS_OF_USER = 1_200
"""A web centre opens one a tab, and may stand before all its users under one name."""
SOCKET_BYTES = 16 * 1024
"""Unsent bytes of a client's connection, beyond which it is waited for."""
KERNEL_BYTES = 64 * 1024
PATIENCE_SECONDS = 0.02

Topics = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)], ...], Field(max_length=MAX_TOPICS)]


class StreamQuery(Camel):
    """What to follow."""

    topics: Topics = ()
    """`tasks` (with filters, percent-encoded: `tasks?status=running,queued&queue=nightly`), `task:ID`, `logs:ID` or
    `logs:ID/STAGE` (`?tail=N` lines to begin with), `queues`, `overview`, `notifications`."""
    last_event_id: Annotated[str, Field(max_length=100)] = ""
    """Where a stream broke off, for clients that can't set the header `Last-Event-ID`."""


class StreamTopics(Camel):
    """What to follow from now on; what is not named here is followed no longer."""

    topics: Topics


class StreamState(Camel):
    """A stream that is open."""

    stream: str
    """Its id."""
    topics: tuple[str, ...]
    """What it follows: those of the topics asked for that the caller may see."""


def operations(desk: Desk) -> tuple[Operation, ...]:
    """The stream."""
    routes = StreamRoutes(desk)
    return (
        Operation(
            "GET", "/api/v1/stream", "followEvents", "Follow tasks, logs, queues over one connection", "stream",
            routes.open, query=StreamQuery, media_type="text/event-stream", seconds=None,
            errors=(InvalidField, TooManyRequests, Unavailable),
            description="Server-sent events. `hello` says the id of the stream; `task`, `stage`, `progress`, `gone`, "
            "`queue`, `overview`, `logs` and `notification` name the topic that they belong to; `reset` lists topics "
            "to be read anew, because events were lost; `end` names a topic that does not exist or may not be seen "
            "(any more). Reconnect with `Last-Event-ID` to miss nothing.",
        ),
        Operation(
            "POST", "/api/v1/stream/{stream_id}/topics", "setStreamTopics", "Change what a stream follows", "stream",
            routes.change, body=StreamTopics, answer=StreamState, audited=False, errors=(InvalidField, NotFound),
            description="NotFound also when the stream is another replica's: then open it anew with the topics wanted.",
        ),
    )  # fmt: skip


class StreamRoutes:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _hub(self) -> Hub:
        if self._desk.stream is None:
            raise Unavailable
        return self._desk.stream

    async def open(self, call: Call) -> web.StreamResponse:
        """Serve a stream until one side ends it."""
        query: StreamQuery = call.query
        hub, request = self._hub, call.request
        if not self._desk.view.is_known:
            raise Unavailable(retry_after=1)
        topics = _topics(query.topics)
        if hub.size >= MAX_STREAMS:
            raise Unavailable(retry_after=10)
        if hub.streams_of(call.caller.name) >= MAX_STREAMS_OF_USER:
            raise TooManyRequests(retry_after=30)
        client = hub.new_client(call.caller, lambda: self._is_known(call))
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would keep events back
                "X-Content-Type-Options": "nosniff",
            }
        )
        await hub.open(client, topics, request.headers.get("Last-Event-ID", query.last_event_id)[:100])
        try:
            await response.prepare(request)
            with suppress(ConnectionError, TimeoutError):
                await client.serve(_Connection(request, response))
        finally:
            hub.leave(client)
        return response

    async def change(self, call: Call) -> StreamState:
        """Follow other topics from now on."""
        body: StreamTopics = call.body
        client = self._hub.client(call.path["stream_id"], call.caller.name)
        if client is None:
            raise NotFound
        got = await self._hub.follow(client, _topics(body.topics))
        return StreamState(stream=client.id, topics=tuple(topic.text for topic in got))

    async def _is_known(self, call: Call) -> bool:
        """Whether the credentials that a stream was opened with would still open it."""
        if self._desk.enter is None:
            return False
        try:
            caller = await self._desk.enter(call.request, _STREAM)
        except Refusal as refusal:
            return refusal.status != 401
        return caller.name == call.caller.name


class _Connection:
    """The response, and that its peer takes what is sent."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response
        if request.transport and (connection := request.transport.get_extra_info("socket")):
            # by itself the kernel would keep megabytes for each client that does not read
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    @property
    def is_idle(self) -> bool:
        """Whether the kernel has all that was written."""
        transport = self._request.transport
        return transport is not None and not transport.is_closing() and not transport.get_write_buffer_size()

    def send(self, data: bytes) -> None:
        """Write as the response itself would, once its headers are written (RFC 9112, 7.1: a chunk)."""
        transport = self._request.transport
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    @property
    def _is_chunked(self) -> bool:
        return self._request.version >= HttpVersion11

    async def write(self, data: bytes) -> None:
        """Write; while much of it waits in the connection, so does the caller."""
        await self._response.write(data)
        transport = self._request.transport
        while transport is not None and transport.get_write_buffer_size() > SOCKET_BYTES:
            await asyncio.sleep(PATIENCE_SECONDS)
            transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError


async def _nothing(_: Call) -> None:
    return None


_STREAM = Operation("GET", "/api/v1/stream", "followEvents", "", "stream", _nothing)


def _topics(texts: tuple[str, ...]) -> list[Topic]:
    """Read topics. Raises InvalidField."""
    found: list[Topic] = []
    errors: list[FieldError] = []
    for index, text in enumerate(split(texts)):
        try:
            found.append(parse(text))
        except BadTopic as error:
            params: dict[str, Any] = {"topic": text[:100], "problem": str(error)[:200]}
            errors.append(FieldError(f"topics[{index}]", "NotATopic", params))
    if errors:
        raise InvalidField(*errors[:20])
    if len(found) > MAX_TOPICS:
        raise InvalidField.of("topics", "TooLong", limit=MAX_TOPICS)
    return found
