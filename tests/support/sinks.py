"""Servers that take messages, as badly as a test wants: mail over SMTP, requests over HTTP."""

import asyncio
import ssl
import threading
import warnings
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Mailbox:
    """A mail server on a thread of its own."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What is said of a recipient, in place of taking it."""
    data_answers: deque[str] = field(default_factory=deque)
    """What is said of the next mails, in place of taking them."""
    hang: threading.Event = field(default_factory=threading.Event)
    """While set, nothing is answered to a mail."""
    connections: int = 0
    port: int = 0
    logins: list[bytes] = field(default_factory=list)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """A connection."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient."""
        if answer := self.answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A mail."""
        while self.hang.is_set():
            await asyncio.sleep(0.02)
        if self.data_answers:
            return self.data_answers.popleft()
        self.mails.append(cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=default)))
        self.recipients += envelope.rcpt_tos
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """A login."""
        self.logins.append(data.password)
        return AuthResult(success=data.password == b"s3cret", handled=False)  # the server is to answer

    @property
    def subjects(self) -> list[str]:
        """What came."""
        return [str(mail["Subject"]) for mail in self.mails]


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, auth: bool = False, port: int = 0
) -> Iterator[Mailbox]:
    """A mail server; with `tls` it offers STARTTLS, or speaks TLS from the start."""
    box, loop = Mailbox(), asyncio.new_event_loop()
    options: dict[str, Any] = {"hostname": "127.0.0.1", "loop": loop}
    if tls and not implicit:
        options |= {"tls_context": tls, "require_starttls": True}
    if auth:
        options |= {
            "authenticator": box.authenticate,
            "auth_required": True,
            "auth_require_tls": bool(tls and not implicit),
        }

    def speak() -> SMTP:
        with warnings.catch_warnings(
            action="ignore"
        ):  # of logins without STARTTLS, which a server of TLS can't know better
            return SMTP(box, **options)

    async def listen() -> asyncio.Server:
        return await loop.create_server(speak, "127.0.0.1", port, ssl=tls if implicit else None)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        box.port = server.sockets[0].getsockname()[1]
        yield box
    finally:
        box.hang.clear()
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Inlet:
    """An HTTP server: what came, and what it answers."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    """Statuses of the next answers; 0 breaks the connection off after the request was taken."""
    status: int = 200
    """Of answers beyond those."""
    text: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang: asyncio.Event = field(default_factory=asyncio.Event)
    """While set, nothing is answered."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    on_request: Callable[[Request], None] = lambda _: None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        taken = Request(request.method, request.path, request.query_string, dict(request.headers), await request.read())
        self.requests.append(taken)
        self.arrived.set()
        self.on_request(taken)
        while self.hang.is_set():
            await asyncio.sleep(0.02)
        status = self.answers.popleft() if self.answers else self.status
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200, text=self.text, headers=self.headers)

    @property
    def ids(self) -> list[str]:
        """Idempotency keys that came."""
        return [request.headers["Idempotency-Key"] for request in self.requests]


@asynccontextmanager
async def http_server() -> AsyncIterator[Inlet]:
    """An HTTP server in this loop."""
    inlet = Inlet()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", inlet.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        inlet.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield inlet
    finally:
        inlet.hang.clear()
        await runner.cleanup()
