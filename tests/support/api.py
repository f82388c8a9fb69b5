"""The API server as plain requests: what it made of an object, or the fields for which it refused it."""

import base64
import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from asynctask.api.kinds import KINDS
from asynctask.api.names import API_VERSION

Object = dict[str, Any]
_PLURALS = {kind.name: (kind.plural, kind.namespaced) for kind in KINDS}


@dataclass  # not frozen: whoever passes an exception on sets its traceback
class Refused(Exception):
    """The server's no: its words, and its reasons by field."""

    status: int
    message: str
    causes: dict[str, str]

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"


class Api:
    """Requests of an administrator. Namespaced kinds go into `namespace` unless the object says otherwise."""

    def __init__(self, kubeconfig: Path, namespace: str = "default") -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urlsplit(cluster["server"])
        trust = ssl.create_default_context(cadata=_text(cluster, "certificate-authority", kubeconfig.parent))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(_text(user, "client-key", kubeconfig.parent))
            pair.write("\n" + _text(user, "client-certificate", kubeconfig.parent))
            pair.flush()
            trust.load_cert_chain(pair.name)
        self.namespace = namespace
        self.trust = trust
        self._connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=trust, timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def create(self, body: Object, *, keep: bool = True) -> Object:
        """The object as the server has it; with `keep` false only as it would have it. Raises Refused."""
        path = f"{self._path(body['kind'])}?fieldValidation=Strict{'' if keep else '&dryRun=All'}"
        return self.call("POST", path, {"apiVersion": API_VERSION, **body})

    def patch(self, body: Object, change: Object, *, subresource: str = "") -> Object:
        """The object after a merge patch. Raises Refused."""
        path = f"{self._path(body['kind'])}/{body['metadata']['name']}{subresource}"
        return self.call("PATCH", path, change, "application/merge-patch+json")

    def apply(self, body: Object, manager: str) -> Object:
        """The object after a server-side apply. Raises Refused."""
        path = f"{self._path(body['kind'])}/{body['metadata']['name']}?fieldManager={manager}"
        return self.call("PATCH", path, {"apiVersion": API_VERSION, **body}, "application/apply-patch+yaml")

    def delete(self, body: Object) -> Object:
        """Delete the object. Raises Refused."""
        return self.call("DELETE", f"{self._path(body['kind'])}/{body['metadata']['name']}")

    def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Object:
        """Any request. Raises Refused for a status of 400 or more."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content, "Accept": "application/json"}
        try:
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):
            if method not in {"GET", "DELETE"}:
                raise
            self._connection.close()  # the server let an idle connection go; the next request opens another
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
        result: Object = json.loads(answer.read())
        if answer.status < 400:
            return result
        causes = (result.get("details") or {}).get("causes") or []
        said: dict[str, str] = {}
        for cause in causes:
            said[cause.get("field", "")] = "; ".join(filter(None, (said.get(cause.get("field", "")), cause["message"])))
        raise Refused(answer.status, result.get("message", ""), said)

    def _path(self, kind: str) -> str:
        if kind == "Namespace":
            return "/api/v1/namespaces"
        plural, namespaced = _PLURALS[kind]
        return f"/apis/{API_VERSION}/{f'namespaces/{self.namespace}/' if namespaced else ''}{plural}"


def _text(entry: Object, name: str, folder: Path) -> str:
    """A value that a kubeconfig has in itself or in a file beside it."""
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"]).decode()
    return (folder / entry[name]).read_text()
