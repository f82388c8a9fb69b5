"""Calls to the gateway: one connection each, the token read anew, answers turned into a few exceptions.

Plain ``http.client``, because proxies and redirects have no place between a pod and the gateway of its cluster.
"""

import http.client
import json
import logging
import random
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import IO, Any
from urllib.parse import urlsplit

from asynctask_stage.errors import ErrorClass

CALL_TIMEOUT_SECONDS = 15.0
"""Longest silence in one call; the gateway answers a checkpoint only once the API server has it."""

log = logging.getLogger(__name__)

Body = bytes | IO[bytes] | Iterable[bytes]


class GatewayAway(Exception):
    """No useful answer: no connection, 429 or 5xx. Go on working and try again later."""

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status

    @property
    def error_class(self) -> ErrorClass:
        """How a stage that can't go on without the gateway has failed."""
        return ErrorClass.THROTTLED if self.status == 429 else ErrorClass.TRANSIENT


class Refused(Exception):
    """The pod no longer has the stage (401 twice, 403, 409, 410): stop at once."""


class Invalid(Exception):
    """The gateway did not take the body (400, 413): ``field`` is what to mend, ``too_large`` says to send less."""

    def __init__(self, message: str, *, field: str = "", too_large: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.too_large = too_large


class NotThere(GatewayAway):
    """404: no such artifact; for any other call, no such gateway."""


class GatewayClient:
    """Speaks version 1 of the stage protocol. Thread-safe: a call shares nothing with others."""

    def __init__(self, url: str, token_file: Path | None, *, timeout: float = CALL_TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a URL of a gateway: {url!r}")
        self._host = parts.hostname
        self._port = parts.port
        self._base = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._token_file = token_file
        self._timeout = timeout

    def context(self) -> dict[str, Any]:
        """``GET context``: makes this pod the holder of its stage."""
        try:
            return self._json("GET", "/stage/v1/context")
        except Invalid as error:  # nothing in this call could be mended
            raise GatewayAway(str(error)) from error

    def report(self, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """``POST report``."""
        return self._json("POST", "/stage/v1/report", body, timeout=timeout)

    def complete(self, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """``POST complete``."""
        return self._json("POST", "/stage/v1/complete", body, timeout=timeout)

    def put_artifact(
        self, name: str, make_body: Callable[[], Body], *, length: int | None = None, once: bool = False
    ) -> None:
        """``PUT artifacts/NAME``, chunked where the length is not known. ``once``: the body can be made only once."""
        headers = {"Content-Type": "application/octet-stream"}
        if length is not None:
            headers["Content-Length"] = str(length)
        with self._exchange("PUT", f"/stage/v1/artifacts/{name}", make_body, headers, once=once) as response:
            response.read()

    @contextmanager
    def get_artifact(self, name: str) -> Iterator[http.client.HTTPResponse]:
        """``GET artifacts/NAME`` as a stream."""
        with self._exchange("GET", f"/stage/v1/artifacts/{name}") as response:
            yield response

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if content is not None else {}
        make_body = (lambda: content) if content is not None else None
        with self._exchange(method, path, make_body, headers, timeout=timeout) as response:
            try:
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise GatewayAway(f"broken answer: {error!r}") from error
        if not isinstance(answer, dict):
            raise GatewayAway("broken answer: not an object")
        return answer

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        make_body: Callable[[], Body] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
        once: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        for is_last in (False, True):
            connection = self._connection(timeout or self._timeout)
            try:
                response = self._send(connection, method, path, make_body() if make_body else None, headers or {})
                if response.status == 401 and not is_last:
                    if once:
                        raise GatewayAway("401: the token was not taken", status=401)
                    continue  # the token may just have rotated: it is read again for the second try
                if response.status >= 300:
                    raise _error(response)
                yield response
                return
            finally:
                connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Body | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        try:
            connection.connect()
        except OSError as error:
            raise GatewayAway(f"cannot reach the gateway: {error}") from error
        chunked = body is not None and not isinstance(body, bytes) and "Content-Length" not in headers
        all_headers = {**headers, **self._authorization(), **({"Transfer-Encoding": "chunked"} if chunked else {})}
        try:
            connection.request(method, self._base + path, body, all_headers, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the body was through: the answer may be there to read
        except OSError as error:
            raise GatewayAway(f"lost the gateway: {error}") from error
        try:
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise GatewayAway(f"no answer from the gateway: {error!r}") from error

    def _authorization(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise GatewayAway(f"cannot read the token: {error}") from error
        return {"Authorization": f"Bearer {token}"}


class Backoff:
    """Jittered, doubling pauses between tries, in seconds; ``Retry-After`` outranks them."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        """A try worked."""
        self._next = self._first

    def pause(self, error: GatewayAway | None = None) -> float:
        """The pause after one more failure, spread by half so that a thousand pods don't come back at once."""
        pause = self._next * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy
        self._next = min(self._next * 2, self._longest)
        if error is not None and error.retry_after is not None:
            return max(pause, error.retry_after)
        return pause


def _error(response: http.client.HTTPResponse) -> Exception:
    code, message, field = _read_error(response)
    text = f"{response.status} {code}: {message}"
    match response.status:
        case 400:
            return Invalid(text, field=field)
        case 413:
            return Invalid(text, field=field, too_large=True)
        case 401 | 403 | 409 | 410:
            return Refused(text)
        case 404:
            return NotThere(text, status=404)
    return GatewayAway(text, retry_after=_retry_after(response), status=response.status)


def _read_error(response: http.client.HTTPResponse) -> tuple[str, str, str]:
    try:
        error = json.loads(response.read(65536))["error"]
        return str(error.get("code", "")), str(error.get("message", "")), str(error.get("field") or "")
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return "", response.reason, ""


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else parsedate_to_datetime(value).timestamp() - time()
    except ValueError:
        return None
    return min(max(0.0, seconds), 300.0)
