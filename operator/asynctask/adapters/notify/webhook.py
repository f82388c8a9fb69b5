"""Events to programs: a signed POST, as Standard Webhooks 1.0 has it (ids, timestamps, HMAC-SHA256).

The receiver checks the signature over `id.timestamp.body`, refuses timestamps that are old, and remembers ids: what is
sent again after a lost answer bears the same one.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from asynctask.adapters.notify.base import Outgoing
from asynctask.adapters.notify.http import HttpClient
from asynctask.core.notifications.events import Event

SECRET_PREFIX = "whsec_"  # noqa: S105 - what such secrets begin with


class Webhook:
    """One receiver."""

    def __init__(
        self,
        client: HttpClient,
        url: str,
        secret: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._url, self._clock = client, url, clock
        self._key = key_of(secret) if secret else b""

    async def send(self, outgoing: Outgoing) -> None:
        """Post the event."""
        body = document(outgoing)
        stamp = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": outgoing.id,
            "webhook-timestamp": stamp,
            "Idempotency-Key": outgoing.id,
        }
        if self._key:
            headers["webhook-signature"] = signature(self._key, outgoing.id, stamp, body)
        await self._client.ask("POST", self._url, body, headers)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()


def document(outgoing: Outgoing) -> bytes:
    """The body: what happened, for programs, and the same in words."""
    event = outgoing.events[0]
    return orjson.dumps(
        {
            "type": f"asynctask.{event.headline}",
            "timestamp": event.time.isoformat(),
            "data": {**described(event), "text": outgoing.message.subject},
        }
    )


def described(event: Event) -> dict[str, Any]:
    """An event for programs."""
    return {
        "eventId": event.id,
        "kind": event.kind,
        "turn": event.turn,
        "namespace": event.namespace,
        "name": event.name,
        "taskId": event.task_id,
        "taskType": event.task_type,
        "priority": event.priority,
        "queue": event.queue,
        "initiator": event.initiator,
        "schedule": event.schedule,
        "params": dict(event.params),
    }


def key_of(secret: str) -> bytes:
    """The key of a secret: base64 after `whsec_`, else its own bytes."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:  # noqa: A002 - the standard's word
    """`v1,` and the HMAC-SHA256 of id, timestamp and body in base64."""
    mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()
