"""One client at the other end of a stream: what waits for it, and the writing. Nobody else waits for it.

A client that keeps up is written to straight from the event loop, once for all that a round has for it; waking a task
for each would be the larger part of the work. Only who lags behind is waited for by a task of its own.
"""

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

    @property
    def is_idle(self) -> bool:
        """Whether the peer has taken all that was written, so that more can be sent without waiting."""

    def send(self, data: bytes) -> None:
        """Write without waiting; only while it is idle."""

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
        self._sink: Sink | None = None
        """Once the first frame is written."""
        self._is_due = False
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
        self._wake()

    def lose(self) -> None:
        """What it has is no longer whole."""
        self._waiting.clear()
        self._bytes = 0
        if not self._is_lost:
            self.resets += 1
        self._is_lost = True
        self._wake()

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
                self._sink = sink
            if self._is_closed:
                return

    def _wake(self) -> None:
        if self._sink is None or not self._sink.is_idle:
            self._come.set()
        elif not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        """What has come since, as one write, or as many as the peer takes without being waited for."""
        self._is_due = False
        while self._sink and self._sink.is_idle:
            if not (data := self._take()):
                return
            self._sink.send(data)
        self._come.set()

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
