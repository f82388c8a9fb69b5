"""One guarded HTTP request, and what its answer means for a message."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from asynctask.adapters.notify.base import permanent, throttled, transient
from asynctask.adapters.notify.guard import ForbiddenAddress, GuardedResolver, check_url
from asynctask.core.notifications.addresses import Networks

MAX_ANSWER = 16_384
THIS_MESSAGE = frozenset({400, 410, 413, 414, 422, 431})
"""Answers that say: never this message. Others of 4xx say that the channel is not set up right: that can be mended."""
TRY_LATER = frozenset({408, 423, 425, 429})


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a channel asks."""

    timeout: float
    allowed: Networks
    ca_file: str | None = None
    connections: int = 8


class HttpClient:
    """Requests of one channel. Made inside a running loop."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> str:
        """Send it, once; the beginning of the answer. Raises SendFailed. Redirects are not followed."""
        try:
            target = check_url(url, self._options.allowed)
        except ForbiddenAddress as error:
            raise permanent(f"not sent: {error}") from None
        where = f"{target.scheme}://{target.host}"
        try:
            async with (
                asyncio.timeout(self._options.timeout),
                self._opened().request(method, target, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                text = (await answer.content.read(MAX_ANSWER)).decode("utf-8", "replace")
                _judge(answer.status, answer.headers.get("Retry-After"), where)
                return text
        except ForbiddenAddress as error:
            raise permanent(f"not sent: {error}") from None
        except TimeoutError:
            raise transient(f"{where} did not answer in {self._options.timeout:g} s", is_channel=True) from None
        except aiohttp.InvalidURL:
            raise permanent(f"{where}: not a URL that can be asked") from None
        except aiohttp.ClientError as error:
            raise transient(f"{where}: {_why(error)}", is_channel=True) from None
        except (ValueError, UnicodeError):
            raise permanent(f"{where}: not a request that can be sent") from None

    async def close(self) -> None:
        """Let go of connections."""
        if self._session:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self._options
            tls: Any = True
            if options.ca_file:
                import ssl

                tls = ssl.create_default_context(cafile=options.ca_file)
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(options.allowed), use_dns_cache=False, limit=options.connections, ssl=tls
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"User-Agent": "asynctask"},
            )
        return self._session


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` asks for (RFC 9110, section 10.2.3); None where it says nothing that can be read."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def _judge(status: int, retry: str | None, where: str) -> None:
    if 200 <= status < 300:
        return
    message = f"{where} answered {status}"
    wait = retry_after(retry, datetime.now(UTC))
    if status == 429 or (status == 503 and wait is not None):
        raise throttled(message, wait)
    if 300 <= status < 400:
        raise transient(f"{message}: redirects are not followed, name the final URL", is_channel=True)
    if status in THIS_MESSAGE:
        raise permanent(message)
    raise transient(message, is_channel=status not in TRY_LATER)


def _why(error: aiohttp.ClientError) -> str:
    """Why, without the URL, which may hold a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not accepted"
        case aiohttp.ClientConnectorDNSError():
            return "its name can't be resolved"
        case aiohttp.ClientConnectorError():
            return f"no connection ({error.os_error.strerror or type(error.os_error).__name__})"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return "the connection broke off"
    return type(error).__name__


__all__ = ["HttpClient", "HttpOptions", "retry_after"]
