"""A client of the event stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from front.world import Client

STREAM = "/api/v1/stream"
SECONDS = 20.0


@dataclass(frozen=True)
class Event:
    """One event."""

    name: str
    data: Any
    id: str = ""


@dataclass
class Stream:
    """An open stream, and all that has come."""

    response: aiohttp.ClientResponse
    events: list[Event] = field(default_factory=list)
    last_id: str = ""

    @property
    def id(self) -> str:
        """Its id, from `hello`."""
        return str(self.events[0].data["stream"])

    async def next(self, *names: str, where: Callable[[Any], bool] = lambda _: True) -> Event:
        """Wait for an event of these names; those before it are kept in `events`."""
        async with asyncio.timeout(SECONDS):
            while True:
                event = await self._read()
                if event.name in names and where(event.data):
                    return event

    async def ended(self) -> None:
        """Read on until the server ends the stream."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    await self._read()
                except EOFError:
                    return

    async def _read(self) -> Event:
        fields: dict[str, str] = {}
        while True:
            line = (await self.response.content.readline()).decode()
            if not line:
                raise EOFError
            if line == "\n":
                if "event" in fields:
                    break
                fields.clear()
                continue
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        event = Event(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
        self.last_id = event.id or self.last_id
        self.events.append(event)
        return event


@asynccontextmanager
async def follow(client: Client, *topics: str, last_id: str = "", name: str = STREAM) -> AsyncIterator[Stream]:
    """Open a stream, and read its `hello`."""
    headers = dict(client.headers) | ({"Last-Event-ID": last_id} if last_id else {})
    params = [("topics", topic) for topic in topics]
    timeout = aiohttp.ClientTimeout(total=None)
    async with client.session.get(client.url + name, params=params, headers=headers, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        stream = Stream(response)
        await stream.next("hello")
        yield stream
