"""How calls are put and answers are read: what both clients share, without any input or output."""

import json
import os
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from asynctask_client.errors import ApiError

RETRIED = frozenset({429, 502, 503, 504})
"""Statuses after which the same call may do later."""
LONGEST_PAUSE_SECONDS = 30.0
Value = str | int | float | bool | None


@dataclass(frozen=True)
class Settings:
    """What a client is made with."""

    url: str
    token: str | None = None
    token_file: Path | None = None
    language: str = "en"
    timeout_seconds: float = 30.0
    attempts: int = 5
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str | None, **given: Any) -> "Settings":
        """From arguments, else from ASYNCTASK_API_URL and ASYNCTASK_API_TOKEN. Raises ValueError without a URL."""
        found = url or os.environ.get("ASYNCTASK_API_URL", "")
        if not found.startswith(("http://", "https://")):
            raise ValueError("give the API's URL, or set ASYNCTASK_API_URL")
        if given.get("token") is None and given.get("token_file") is None:
            given["token"] = os.environ.get("ASYNCTASK_API_TOKEN")
        return cls(found.rstrip("/"), **given)

    def credentials(self) -> dict[str, str]:
        """The headers that say who we are and which language we read. A token file is read each time: it may rotate."""
        token = self.token_file.read_text().strip() if self.token_file else self.token
        headers = {"Accept-Language": self.language, "User-Agent": "asynctask-client/0.1", **self.headers}
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})


@dataclass(frozen=True)
class Request:
    """One call."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Any
    headers: Mapping[str, str]
    raw: bool

    @classmethod
    def make(
        cls,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        if_match: str | None,
        idempotency_key: str | None,
        *,
        raw: bool,
    ) -> "Request":
        """A change always carries a key, so that trying again never makes it twice."""
        headers = {"If-Match": if_match} if if_match else {}
        if method != "GET":
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        given = {key: value for key, value in (query or {}).items() if value is not None}
        return cls(method, path, given, body, headers, raw)

    @property
    def key(self) -> str | None:
        """Its Idempotency-Key."""
        return self.headers.get("Idempotency-Key")

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """What httpx is given."""
        params = [(key, _text(one)) for key, value in self.query.items() for one in _several(value)]
        found: dict[str, Any] = {"params": params, "headers": settings.credentials() | dict(self.headers)}
        if self.body is not None:
            found["content"] = json.dumps(self.body).encode()
            found["headers"]["Content-Type"] = "application/json"
        return found

    def answer(self, response: httpx.Response) -> Any:
        """What the call gives. Raises ApiError."""
        if response.status_code >= 400:
            raise refusal(response)
        if self.raw:
            return response.content
        return response.json() if response.content else None


def refusal(response: httpx.Response) -> ApiError:
    """The error that an answer tells."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    return ApiError(response.status_code, problem if isinstance(problem, dict) else {}, retry_after(response))


def retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    try:
        return min(float(response.headers.get("Retry-After", "0")), LONGEST_PAUSE_SECONDS)
    except ValueError:
        return 0.0


def pause(attempt: int, asked: float = 0.0) -> float:
    """Seconds before another attempt: doubling, with jitter, and never less than was asked for."""
    return max(asked, random.uniform(0.5, 1.0) * min(2.0**attempt / 4, LONGEST_PAUSE_SECONDS))  # noqa: S311 - jitter


def quoted(part: str) -> str:
    """A part of a path."""
    return quote(part, safe="")


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
