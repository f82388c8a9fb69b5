"""Chat and a hundred services more, through apprise, in a process of its own for each message.

Its plugins block, each in its own way, and a thread that hangs can't be ended. A process can be, takes its 50 MB along
when it goes, and sees nothing of ours but the one message. It costs half a second of CPU: chats get few.
"""

import asyncio
import os
import sys

import orjson

from asynctask.adapters.notify.base import Outgoing, permanent, throttled, transient
from asynctask.core.notifications.events import GOOD, Kind

PASSED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
MAX_ANSWER = 65_536


class Apprise:
    """One apprise URL."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url, self._timeout = url, timeout

    async def send(self, outgoing: Outgoing) -> None:
        """Send it, in a process that is ended when it takes too long."""
        request = {
            "url": self._url,
            "title": outgoing.message.subject,
            "body": outgoing.message.body,
            "type": _mood(outgoing),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "asynctask.adapters.notify.apprisechild",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            cwd="/",
        )
        try:
            async with asyncio.timeout(self._timeout):
                answer, _ = await process.communicate(orjson.dumps(request))  # not as an argument: others could read it
        except TimeoutError:
            raise transient(f"the service did not answer in {self._timeout:g} s", is_channel=True) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        _judge(answer[:MAX_ANSWER])

    async def close(self) -> None:
        """Nothing is kept open."""


def _judge(answer: bytes) -> None:
    try:
        result = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise transient("the process that sends through apprise ended without an answer", is_channel=True) from None
    match result.get("result"):
        case "sent":
            return
        case "invalid":
            raise permanent("apprise can't make anything of the channel's URL", is_channel=True)
        case _:
            status = result.get("status")
            message = f"the service did not take the message{f' ({status})' if status else ''}"
            raise throttled(message) if status == 429 else transient(message, is_channel=True)


def _mood(outgoing: Outgoing) -> str:
    kinds = {event.headline for event in outgoing.events}
    if kinds & {Kind.FAILED, Kind.FIRST_FAILURE, Kind.INVALID, Kind.SCHEDULE_STALE}:
        return "failure"
    return "success" if kinds <= {*GOOD, Kind.RECOVERED, Kind.SCHEDULE_FRESH} else "info"
