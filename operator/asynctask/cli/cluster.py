"""The Kubernetes API for commands: the user's own kubeconfig and rights, foreign errors translated here.

The `kubernetes` package takes most of a second to import, so it is imported when a command first needs it: help and
completion stay quick.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asynctask.api import names
from asynctask.api.kinds import Kind
from asynctask.cli.failures import NO_SERVER, NOT_FOUND, REFUSED, Failure

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]
PAGE = 500
MERGE = "application/merge-patch+json"
TIMEOUT_SECONDS = 30


@dataclass
class Cluster:
    """One API server, as the user's kubeconfig has it."""

    kubeconfig: str | None = None
    context: str | None = None
    _namespace: str | None = field(default=None, repr=False)

    @cached_property
    def _client(self) -> "ApiClient":
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException

        try:
            settings = client.Configuration()
            config.load_kube_config(self.kubeconfig, self.context, client_configuration=settings)
            self._namespace = self._named_namespace()
        except (ConfigException, OSError) as problem:
            try:
                config.load_incluster_config(settings)
            except ConfigException:
                raise Failure(
                    f"no cluster to talk to: {problem}",
                    "set KUBECONFIG or --kubeconfig, and choose with --context",
                    NO_SERVER,
                ) from None
        settings.retries = False
        return client.ApiClient(settings)

    def _named_namespace(self) -> str:
        from kubernetes import config

        contexts, active = config.list_kube_config_contexts(self.kubeconfig)
        chosen = next((one for one in contexts if one["name"] == self.context), active)
        return str(chosen["context"].get("namespace") or "default")

    @property
    def namespace(self) -> str:
        """The namespace of the chosen context."""
        _ = self._client
        return self._namespace or "default"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._client.configuration.host)

    @property
    def bearer_token(self) -> str | None:
        """The token that the kubeconfig proves the user with, if it is one."""
        value = self._client.configuration.get_api_key_with_prefix("authorization") or ""
        return value.removeprefix("Bearer ") or None

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Read one object. Fails when there is none."""
        return self.raw("GET", path(kind, namespace, name))

    def list(self, kind: Kind, namespace: str | None, selector: str = "", fields: str = "") -> Iterator[Object]:
        """The objects of a namespace, or of all."""
        query: dict[str, str] = {"limit": str(PAGE)}
        query |= {"labelSelector": selector} if selector else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = self.raw("GET", path(kind, namespace), query=query)
            yield from page["items"]
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    def create(self, kind: Kind, namespace: str, body: Object, *, dry_run: bool = False) -> Object:
        """Create an object, or only ask whether it could be."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.raw("POST", path(kind, namespace), body=body, query=query)

    def patch(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any], subresource: str = "") -> Object:
        """Change some fields of an object (RFC 7386)."""
        query = {"fieldValidation": "Strict"}
        return self.raw("PATCH", path(kind, namespace, name, subresource), body=dict(body), query=query, content=MERGE)

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object and, in the background, what it owns."""
        self.raw("DELETE", path(kind, namespace, name), body={"propagationPolicy": "Background"})

    def watch(self, kind: Kind, namespace: str | None, *, name: str = "", version: str = "") -> Iterator[Object]:
        """Events of a kind, of one object where it is named, until the server ends the stream."""
        query = {"watch": "1", "timeoutSeconds": "280"} | ({"resourceVersion": version} if version else {})
        query |= {"fieldSelector": f"metadata.name={name}"} if name else {}
        for line in self.lines(path(kind, namespace), query, timeout=300):
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            yield event

    def lines(self, url: str, query: Mapping[str, str], timeout: float | None = None) -> Iterator[bytes]:
        """The lines of an answer, as they come."""
        with _translated():
            answer = self._client.call_api(
                "GET", self._client.configuration.host + url + _query(query), self._headers(), _request_timeout=timeout
            )
            if answer.status >= 300:
                raise _failure(answer.status, answer.read() or b"")
            rest = b""
            try:
                for block in answer.response.stream(amt=None, decode_content=True):
                    *lines, rest = (rest + block).split(b"\n")
                    yield from lines
                if rest:
                    yield rest
            finally:
                answer.response.close()

    def raw(
        self, method: str, url: str, *, body: Any = None, query: Mapping[str, str] | None = None, content: str = ""
    ) -> Object:
        """Any request whose answer is JSON."""
        with _translated():
            headers = self._headers() | {"Content-Type": content or "application/json"}
            answer = self._client.call_api(
                method,
                self._client.configuration.host + url + _query(query or {}),
                headers,
                body=body,
                _request_timeout=TIMEOUT_SECONDS,
            )
            payload = answer.read() or b"{}"
            if answer.status >= 300:
                raise _failure(answer.status, payload)
        result: Object = json.loads(payload)
        return result

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "asynctask-cli"}
        settings = self._client.configuration
        if token := settings.get_api_key_with_prefix("authorization"):
            headers["Authorization"] = token
        elif settings.username:
            pair = f"{settings.username}:{settings.password}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return headers


def path(kind: Kind, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """The URL path of a collection, an object or a subresource."""
    scope = f"/namespaces/{namespace}" if namespace and kind.namespaced else ""
    parts = [part for part in (name, subresource) if part]
    return f"/apis/{names.GROUP}/{names.VERSION}{scope}/" + "/".join([kind.plural, *parts])


def _query(query: Mapping[str, str]) -> str:
    from urllib.parse import urlencode

    return "?" + urlencode(query) if query else ""


@contextmanager
def _translated() -> Iterator[None]:
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise _failure(error.status or 0, (error.body or "").encode() if isinstance(error.body, str) else b"") from None
    except (HTTPError, OSError) as error:
        raise Failure(
            f"the API server can't be reached: {error}", "is the cluster up? `kubectl version` asks it", NO_SERVER
        ) from None


def _failure(status: int, payload: bytes) -> Failure:
    try:
        answer = json.loads(payload)
        message = str(answer.get("message") or "")
        causes = [
            f"{one.get('field', '')}: {one.get('message', '')}"
            for one in (answer.get("details") or {}).get("causes", ())
        ]
    except (ValueError, AttributeError):
        message, causes = payload[:300].decode(errors="replace"), []
    hint = "\n  ".join(causes)
    match status:
        case 401:
            return Failure(
                "the API server does not know you", "log in again; `kubectl auth whoami` asks who you are", REFUSED
            )
        case 403:
            return Failure(
                message,
                "ask who gives rights in this namespace for the role asynctask-viewer, -editor or -approver",
                REFUSED,
            )
        case 404 if "could not find the requested resource" in message or "page not found" in message:
            return Failure(
                "AsyncTask is not installed in this cluster",
                "helm install asynctask charts/asynctask -n asynctask-system --create-namespace",
                NOT_FOUND,
            )
        case 404:
            return Failure(message, code=NOT_FOUND)
    return Failure(message or f"the API server answered {status}", hint if len(causes) > 1 else "", REFUSED)
