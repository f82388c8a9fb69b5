"""Messages to telephones, through the HTTP interface of whatever gateway there is."""

import re
from dataclasses import dataclass, field

from asynctask.adapters.notify import templates
from asynctask.adapters.notify.base import Outgoing, permanent, transient
from asynctask.adapters.notify.http import HttpClient


@dataclass(frozen=True, slots=True)
class Request:
    """The request, as a template."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    accepted: str = ""
    """A pattern that the answer holds when the message was taken; empty: any answer of 2xx will do."""
    refused: str = ""
    """A pattern that the answer holds when this message will never be taken."""


class SmsGateway:
    """One gateway."""

    def __init__(self, client: HttpClient, request: Request, secrets: dict[str, str]) -> None:
        self._client, self._request = client, request
        self._secrets = {f"secret.{name}": value for name, value in secrets.items()}
        self._accepted = re.compile(request.accepted) if request.accepted else None
        self._refused = re.compile(request.refused) if request.refused else None

    async def send(self, outgoing: Outgoing) -> None:
        """Hand over one message."""
        request = self._request
        values = {
            "phone": outgoing.address,
            "message": outgoing.message.short,
            "id": outgoing.id,
            **self._secrets,
        }
        headers = {"Idempotency-Key": outgoing.id}
        headers |= {name: templates.fill(text, values, templates.in_header) for name, text in request.headers.items()}
        body = None
        if request.body:
            headers["Content-Type"] = request.content_type
            body = templates.fill(request.body, values, templates.in_body(request.content_type)).encode()
        url = templates.fill(request.url, values, templates.in_url)
        answer = await self._client.ask(request.method, url, body, headers)
        if self._refused and self._refused.search(answer):
            raise permanent("the gateway refused the message")
        if self._accepted and not self._accepted.search(answer):
            raise transient("the gateway did not say that it took the message")

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()
