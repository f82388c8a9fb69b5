"""The two clients: the same operations, called or awaited."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import httpx

from asynctask_client.errors import ApiUnavailable
from asynctask_client.events import Decoder, Event
from asynctask_client.operations import AsyncOperations, Operations
from asynctask_client.requests import RETRIED, Request, Settings, pause, quoted, refusal, retry_after

STREAM = "/api/v1/stream"
SILENCE_SECONDS = 60.0
"""Heartbeats come more often; a stream silent for longer is dead."""


class Client(Operations):
    """Calls the API. Use it as a context manager, or close it.

    Without arguments it takes ASYNCTASK_API_URL and ASYNCTASK_API_TOKEN. Calls that find the API away are tried again,
    changes with one Idempotency-Key, so nothing is made twice. Raises ApiError, and ApiUnavailable in the end.
    """

    def __init__(self, url: str | None = None, *, http: httpx.Client | None = None, **settings: Any) -> None:
        self.settings = Settings.of(url, **settings)
        self._http = http or httpx.Client(timeout=self.settings.timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def pages(self, operation: Callable[..., Mapping[str, Any]], /, *args: Any, **query: Any) -> Iterator[Any]:
        """Every item of a list operation, page after page: `client.pages(client.list_tasks, status=["failed"])`."""
        while True:
            page = operation(*args, **query)
            yield from page["items"]
            if not (cursor := page.get("nextCursor")):
                return
            query["cursor"] = cursor

    def stream(self, topics: Sequence[str], last_event_id: str = "") -> Iterator[Event]:
        """Follow topics, for ever. A broken stream goes on after the last event; `reset` says that some were lost."""
        decoder, failures = Decoder(last_event_id), 0
        while True:
            try:
                arguments = _stream_arguments(self.settings, topics, decoder)
                with self._http.stream("GET", self.settings.url + STREAM, **arguments) as response:
                    if response.status_code >= 400 and response.status_code not in RETRIED:
                        response.read()
                        raise refusal(response)
                    if response.status_code < 400:
                        failures = 0
                        for line in response.iter_lines():
                            if event := decoder.line(line):
                                yield event
            except httpx.TransportError:
                pass
            failures += 1
            time.sleep(decoder.retry_seconds or pause(failures))

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
        raw: bool = False,
    ) -> Any:
        request = Request.make(method, path, query, body, if_match, idempotency_key, raw=raw)
        for attempt in range(1, self.settings.attempts + 1):
            is_last = attempt == self.settings.attempts
            try:
                response = self._http.request(method, self.settings.url + path, **request.arguments(self.settings))
            except httpx.TransportError as error:
                if is_last:
                    raise ApiUnavailable(f"no answer from {self.settings.url}: {error}", request.key) from error
                time.sleep(pause(attempt))
                continue
            if response.status_code not in RETRIED or is_last:
                return request.answer(response)
            time.sleep(pause(attempt, retry_after(response)))
        raise AssertionError

    @staticmethod
    def _quote(part: str) -> str:
        return quoted(part)


class AsyncClient(AsyncOperations):
    """The same for asyncio. Use it as an async context manager."""

    def __init__(self, url: str | None = None, *, http: httpx.AsyncClient | None = None, **settings: Any) -> None:
        self.settings = Settings.of(url, **settings)
        self._http = http or httpx.AsyncClient(timeout=self.settings.timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def pages(
        self, operation: Callable[..., Awaitable[Mapping[str, Any]]], /, *args: Any, **query: Any
    ) -> AsyncIterator[Any]:
        """Every item of a list operation, page after page."""
        while True:
            page = await operation(*args, **query)
            for item in page["items"]:
                yield item
            if not (cursor := page.get("nextCursor")):
                return
            query["cursor"] = cursor

    async def stream(self, topics: Sequence[str], last_event_id: str = "") -> AsyncIterator[Event]:
        """Follow topics, for ever. A broken stream goes on after the last event; `reset` says that some were lost."""
        decoder, failures = Decoder(last_event_id), 0
        while True:
            try:
                arguments = _stream_arguments(self.settings, topics, decoder)
                async with self._http.stream("GET", self.settings.url + STREAM, **arguments) as response:
                    if response.status_code >= 400 and response.status_code not in RETRIED:
                        await response.aread()
                        raise refusal(response)
                    if response.status_code < 400:
                        failures = 0
                        async for line in response.aiter_lines():
                            if event := decoder.line(line):
                                yield event
            except httpx.TransportError:
                pass
            failures += 1
            await asyncio.sleep(decoder.retry_seconds or pause(failures))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
        raw: bool = False,
    ) -> Any:
        request = Request.make(method, path, query, body, if_match, idempotency_key, raw=raw)
        for attempt in range(1, self.settings.attempts + 1):
            is_last = attempt == self.settings.attempts
            try:
                arguments = request.arguments(self.settings)
                response = await self._http.request(method, self.settings.url + path, **arguments)
            except httpx.TransportError as error:
                if is_last:
                    raise ApiUnavailable(f"no answer from {self.settings.url}: {error}", request.key) from error
                await asyncio.sleep(pause(attempt))
                continue
            if response.status_code not in RETRIED or is_last:
                return request.answer(response)
            await asyncio.sleep(pause(attempt, retry_after(response)))
        raise AssertionError

    @staticmethod
    def _quote(part: str) -> str:
        return quoted(part)


def _stream_arguments(settings: Settings, topics: Sequence[str], decoder: Decoder) -> dict[str, Any]:
    headers = settings.credentials() | {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if decoder.last_event_id:
        headers["Last-Event-ID"] = decoder.last_event_id
    timeout = httpx.Timeout(settings.timeout_seconds, read=SILENCE_SECONDS)
    return {"params": {"topics": ",".join(topics)}, "headers": headers, "timeout": timeout}
