"""Mail, to one recipient at a time: what a server says of one must not decide about another."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal

import aiosmtplib

from asynctask.adapters.notify.base import Outgoing, SendFailed, permanent, throttled, transient
from asynctask.core.notifications.rules import is_mail

Security = Literal["starttls", "tls", "none"]
THROTTLING = re.compile(r"\b4\.(7|5)\.\d+\b")
"""Enhanced status codes (RFC 3463) of policies such as "too many messages"."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server and how to speak to it."""

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    username: str = ""
    password: str = ""
    ca_file: str = ""
    timeout: float = 30.0


class Smtp:
    """Mail through one server."""

    def __init__(self, server: MailServer, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._server, self._clock = server, clock
        self._tls = ssl.create_default_context(cafile=server.ca_file or None) if server.security != "none" else None

    async def send(self, outgoing: Outgoing) -> None:
        """Send one mail."""
        if not is_mail(outgoing.address):
            raise permanent("not a mail address")
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
            username=server.username or None,
            password=server.password or None,
        )
        try:
            async with client:
                await client.send_message(
                    self._mail(outgoing), sender=parseaddr(server.sender)[1], recipients=[outgoing.address]
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise judged(error) from None

    async def close(self) -> None:
        """Nothing is kept open."""

    def _mail(self, outgoing: Outgoing) -> EmailMessage:
        name, sender = parseaddr(self._server.sender)
        mail = EmailMessage()
        mail["From"] = Address(display_name=name, addr_spec=sender)
        mail["To"] = outgoing.address
        mail["Subject"] = outgoing.message.subject
        mail["Date"] = format_datetime(self._clock())
        # the same for each attempt: mail programs show what came twice once
        mail["Message-ID"] = f"<{outgoing.id}@{sender.rpartition('@')[2] or 'asynctask'}>"
        mail["X-AsyncTask-Message-Id"] = outgoing.id
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail.set_content(outgoing.message.body)
        return mail


def judged(error: Exception) -> SendFailed:
    """What an error means. What is said of the recipient or the message is theirs; all else is the channel's."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return _of_answer(error.recipients[0].code, error.recipients[0].message, "the recipient")
        case aiosmtplib.SMTPRecipientRefused():
            return _of_answer(error.code, error.message, "the recipient")
        case aiosmtplib.SMTPDataError():
            return _of_answer(error.code, error.message, "the message")
        case aiosmtplib.SMTPAuthenticationError():
            return transient(f"the mail server refused the credentials ({error.code})", is_channel=True)
        case aiosmtplib.SMTPSenderRefused():
            return transient(f"the mail server refused the sender ({error.code})", is_channel=True)
        case aiosmtplib.SMTPResponseException() if error.code in {421, 450} and THROTTLING.search(error.message):
            return throttled(f"the mail server wants less ({error.code})")
        case aiosmtplib.SMTPResponseException():
            return transient(f"the mail server answered {error.code}", is_channel=True)
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return transient("the mail server did not answer in time", is_channel=True)
        case ssl.SSLError():
            return transient("no secure connection to the mail server", is_channel=True)
        case ValueError():
            return permanent("not a message that can be sent as mail")
    return transient(f"no connection to the mail server ({type(error).__name__})", is_channel=True)


def _of_answer(code: int, text: str, what: str) -> SendFailed:
    status = next(iter(re.findall(r"^\d\.\d+\.\d+", text)), "")
    message = f"the mail server refused {what} ({code}{' ' + status if status else ''})"
    if 500 <= code < 600:
        return permanent(message)
    if code == 421:
        return transient(message, is_channel=True)
    if THROTTLING.search(text):
        return throttled(message, is_channel=False)
    return transient(message)
