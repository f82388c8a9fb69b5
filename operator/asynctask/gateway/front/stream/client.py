"""One client at the other end of a stream: what waits for it, and the writing. Nobody else waits for it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Protocol

from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.stream import frames
from asynctask.gateway.front.stream.topics import Topic

MAX_WAITING_BYTES = 256 * 1024
"""Of frames that clients share: what one lags behind by costs little until it is written."""
WRITE_BYTES = 16 * 1024
WRITE_SECONDS = 30.0
"""A client that takes nothing for this long is gone."""


@dataclass(frozen=True)
class Grant:
    """That a client may follow a topic, and in which namespaces; None: all."""

    topic: Topic
    namespaces: frozenset[str] | None = None
    namespace: str = ""
    """Of a topic on one task: its namespace."""


class Sink(Protocol):
    """Where frames go: an HTTP response."""

    async def write(self, data: bytes) -> None:
        """Write, and wait while the peer is slow."""


class Client:
    """A stream that is open."""

    def __init__(self, caller: Caller, position: Callable[[], str], is_known: Callable[[], Awaitable[bool]]) -> None:
        self.id = token_urlsafe(16)
        self.caller = caller
        self.grants: dict[str, Grant] = {}
        self.is_known = is_known
        """Whether the caller could still sign in the way they did."""
        self._position = position
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._come = asyncio.Event()
        self._is_lost = False
        self._is_closed = False
        self.resets = 0

    def put(self, frame: bytes) -> None:
        """Send this. When too much waits already, drop all of it: the client is told to look at everything anew."""
        if self._bytes + len(frame) > MAX_WAITING_BYTES:
            self.lose()
            return
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._come.set()

    def lose(self) -> None:
        """What it has is no longer whole."""
        self._waiting.clear()
        self._bytes = 0
        if not self._is_lost:
            self.resets += 1
        self._is_lost = True
        self._come.set()

    def close(self) -> None:
        """End the stream once what waits is written."""
        self._is_closed = True
        self._come.set()

    async def serve(self, sink: Sink) -> None:
        """Write until the stream is closed. Raises ConnectionError and TimeoutError when the peer is gone."""
        while True:
            await self._come.wait()
            self._come.clear()
            while data := self._take():
                async with asyncio.timeout(WRITE_SECONDS):
                    await sink.write(data)
            if self._is_closed:
                return

    def _take(self) -> bytes:
        if self._is_lost:
            self._is_lost = False
            topics = [grant.topic.name for grant in self.grants.values()]
            return frames.frame("reset", {"topics": topics}, self._position())
        taken, size = [], 0
        while self._waiting and size < WRITE_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._bytes -= size
        return taken[0] if len(taken) == 1 else b"".join(taken)
