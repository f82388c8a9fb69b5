"""AsyncTask's API as a program without Kubernetes calls it: HTTP, a token, JSON."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from .machine import RELEASE, SYSTEM
from .terminal import DemoError

if TYPE_CHECKING:
    from localcluster.kubectl import Kubectl

AUDIENCE = "asynctask-api"
SECONDS = 30


class Api:
    """The API through a forwarded port, for a service account with rights in one namespace. Use it in a `with`."""

    def __init__(self, kubectl: Kubectl, namespace: str, account: str, roles: tuple[str, ...]) -> None:
        self._kubectl, self._namespace, self._account = kubectl, namespace, account
        self._roles = roles
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self._token = ""
        self.etag = ""
        """The version of what was answered last."""

    def __enter__(self) -> Self:
        self._kubectl.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._named(self._account)},
            *(self._binding(role) for role in self._roles),
        )
        inside = f"--namespace={self._namespace}"
        self._token = self._kubectl("create", "token", self._account, inside, f"--audience={AUDIENCE}").strip()
        command = [*self._kubectl.command, "port-forward", f"--namespace={SYSTEM}", f"service/{RELEASE}-api", ":80"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            self.__exit__()
            raise DemoError(f"kubectl could not forward a port to the API; look: kubectl -n {SYSTEM} get pods")
        self.url = f"http://127.0.0.1:{found[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            if self._process.stdout:
                self._process.stdout.close()

    def __call__(self, method: str, path: str, body: Any = None, *, if_match: str = "", **query: Any) -> Any:
        """One call; the JSON that it is answered with."""
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        headers |= {"If-Match": if_match} if if_match else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                payload = answer.read()
                self.etag = answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise DemoError(f"{method} {path} was answered {error.code}: {said[:500]}") from None
        except OSError as error:
            raise DemoError(f"{method} {path} found no answer: {error}") from None
        return json.loads(payload) if payload else None

    def _named(self, name: str) -> dict[str, Any]:
        return {"name": name, "namespace": self._namespace}

    def _binding(self, role: str) -> dict[str, Any]:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": self._named(f"{self._account}-{role}"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **self._named(self._account)}],
        }
