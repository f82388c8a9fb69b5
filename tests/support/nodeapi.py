"""The API server of a cluster whose API server may be killed: reads that try again, waits that watch."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from support.api import Api, Object, Refused
from support.patience import patient

RETRY_SECONDS = 0.25
"""Between two tries to reach an API server that is down."""

WHEN_STARTING = {403, 410, 429, 500, 503}
"""What an API server may say that has just come up."""

Objects = Mapping[str, Object]
_LOST = (OSError, http.client.HTTPException, json.JSONDecodeError)


class LateError(AssertionError):
    """What was waited for did not come in time."""


class NodeApi(Api):
    """An administrator who does not give up at once. May be used by several threads."""

    def __init__(self, kubeconfig: Path, namespace: str = "default") -> None:
        self._threads = threading.local()
        self._opened: list[http.client.HTTPSConnection] = []
        super().__init__(kubeconfig, namespace)

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Object:
        """Any request. Raises Refused for a status of 400 or more."""
        if method != "GET":
            self._connection.close()  # an idle connection may be one to a server that has been killed since
        return super().call(method, path, body, content)

    def get(self, path: str, *, within: float = 60) -> Object:
        """An object or a list. Raises Refused."""
        deadline = monotonic() + within
        while True:
            try:
                return self.call("GET", path)
            except _LOST:
                self._connection.close()
                if monotonic() > deadline:
                    raise
                sleep(RETRY_SECONDS)

    def merge(self, path: str, change: Object) -> Object:
        """The object after a merge patch. Raises Refused."""
        return self.call("PATCH", path, change, "application/merge-patch+json")

    def until(self, path: str, holds: Callable[[Object], Any], *, within: float, why: str) -> Object:
        """One object, once `holds` is true of it. It need not exist yet."""
        collection, _, name = path.rpartition("/")
        found = self.until_all(
            f"{collection}?fieldSelector=metadata.name%3D{name}",
            lambda objects: name in objects and holds(objects[name]),
            within=within,
            why=why,
        )
        return found[name]

    def until_gone(self, path: str, *, within: float) -> None:
        """Return once the object is no more."""
        collection, _, name = path.rpartition("/")
        selector = f"{collection}?fieldSelector=metadata.name%3D{name}"
        self.until_all(selector, lambda objects: name not in objects, within=within, why=f"{name} goes")

    def until_all(self, path: str, holds: Callable[[Objects], Any], *, within: float, why: str) -> Objects:
        """All objects of a collection (its path may have selectors) by name, once `holds` is true of them."""
        deadline = monotonic() + patient(within)
        objects: Objects = {}
        while True:
            try:
                for objects in self._states(path, deadline):
                    if holds(objects):
                        return objects
            except _LOST:
                self._connection.close()
            except Refused as refusal:
                if refusal.status not in WHEN_STARTING:
                    raise
            if monotonic() > deadline:
                shown = [{"name": name, "status": each.get("status")} for name, each in objects.items()]
                raise LateError(f"not within {patient(within):.0f} s: {why}; last seen: {json.dumps(shown)[:4000]}")
            sleep(RETRY_SECONDS / 5)

    @property
    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = http.client.HTTPSConnection(*self._address, context=self.trust, timeout=30)
            self._opened.append(self._threads.connection)
        connection: http.client.HTTPSConnection = self._threads.connection
        return connection

    @_connection.setter
    def _connection(self, connection: http.client.HTTPSConnection) -> None:
        self._address = (connection.host, connection.port)

    def _states(self, path: str, deadline: float) -> Iterator[Objects]:
        """The collection as it is, then as it is after each change."""
        listed = self.get(path)
        objects = {item["metadata"]["name"]: item for item in listed["items"]}
        yield objects
        joint = "&" if "?" in path else "?"
        version = quote(listed["metadata"]["resourceVersion"])
        seconds = max(1, int(deadline - monotonic()) + 1)
        for event in self._events(
            f"{path}{joint}watch=true&resourceVersion={version}&timeoutSeconds={seconds}", seconds
        ):
            if event["type"] == "ERROR":
                return
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                objects.pop(name, None)
            else:
                objects[name] = event["object"]
            yield objects

    def _events(self, path: str, seconds: float) -> Iterator[Object]:
        connection = http.client.HTTPSConnection(*self._address, context=self.trust, timeout=seconds + 5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise Refused(answer.status, answer.read(500).decode(errors="replace"), {})
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()
