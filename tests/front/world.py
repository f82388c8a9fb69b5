"""Namespaces, people with rights, and gateways on a real API server."""

import asyncio
import io
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from support.ports import free_port

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.app import Gateway
from asynctask.gateway.metrics import Metrics
from asynctask.settings import GatewaySettings

Object = dict[str, Any]
Rule = tuple[str, str]
"""A resource of group asynctask.io, and verbs with commas between."""
SERVICE_ACCOUNTS = api.Resource("", "v1", "serviceaccounts")
RBAC = ("rbac.authorization.k8s.io", "v1")
ROLES, ROLE_BINDINGS = api.Resource(*RBAC, "roles"), api.Resource(*RBAC, "rolebindings")
CLUSTER_ROLES = api.Resource(*RBAC, "clusterroles", namespaced=False)
CLUSTER_BINDINGS = api.Resource(*RBAC, "clusterrolebindings", namespaced=False)
EVERYTHING: tuple[Rule, ...] = (("*", "*"),)
_number = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    headers: Mapping[str, str]
    raw: bytes = b""

    @property
    def refusal(self) -> str:
        """Status and code of a problem, then the fields at fault."""
        fields = [f"{error['field']}:{error['code']}" for error in self.body.get("errors", ())]
        return " ".join([str(self.status), self.body["code"], *fields])


@dataclass
class Client:
    """Calls of the API, with a token or whatever headers are given."""

    url: str
    session: aiohttp.ClientSession = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)

    def with_token(self, token: str) -> "Client":
        """The same API, as the token's owner."""
        return Client(self.url, self.session, {"Authorization": f"Bearer {token}"})

    def with_headers(self, **headers: str) -> "Client":
        """With more headers; `_` stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.url, self.session, {**self.headers, **more})

    async def call(
        self, method: str, path: str, body: Any = None, *, data: bytes | None = None, **query: Any
    ) -> Answer:
        """Any call; a body is sent as JSON, data as it is."""
        headers = dict(self.headers)
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        params = [(name, str(item)) for name, value in query.items() for item in _items(value)]
        async with self.session.request(
            method,
            self.url + path,
            data=data if data is None else io.BytesIO(data),
            headers=headers,
            params=params,
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            is_json = answer.content_type.endswith("json")
            return Answer(answer.status, json.loads(raw) if is_json and raw else None, answer.headers, raw)

    async def get(self, path: str, **query: Any) -> Answer:
        """`GET`."""
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        """`POST`."""
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any = None, **query: Any) -> Answer:
        """`PUT`."""
        return await self.call("PUT", path, body, **query)

    async def delete(self, path: str, **query: Any) -> Answer:
        """`DELETE`."""
        return await self.call("DELETE", path, **query)


@dataclass
class World:
    """A real API server, and gateways on it."""

    cluster: api.Cluster
    directory: Path
    session: aiohttp.ClientSession
    namespaces: list[str] = field(default_factory=list)
    lease: str = field(default_factory=lambda: f"gateway-{secrets.token_hex(4)}")
    """What its gateways compete for: those of another test, with another archive, are no rivals."""

    @asynccontextmanager
    async def gateway(
        self, *, cluster: api.Cluster | None = None, wait: bool = True, **settings: Any
    ) -> AsyncIterator[Client]:
        """A gateway in this process; gives a client of its API with no credentials. `wait` for its archive."""
        options: dict[str, Any] = {
            "port": free_port(),
            "metrics_port": free_port(),
            "api_port": free_port(),
            "artifacts_directory": str(self.directory / "artifacts"),
            "journal_directory": str(self.directory / "journal"),
            "namespace": "default",
            "lease_name": self.lease,
            "archive_url": f"sqlite:///{self.directory / 'archive.db'}",
            **settings,
        }
        async with (
            api.Cluster(self.cluster.connection, user_agent="asynctask-gateway") as own,
            Gateway(GatewaySettings(**options), cluster or own, Metrics()) as gateway,
        ):
            if options["archive_url"] and wait:
                await eventually(lambda: bool(gateway._desk.archive and gateway._desk.archive.is_ready))
            yield Client(f"http://127.0.0.1:{gateway.api_port}", self.session)

    async def namespace(self) -> str:
        """A namespace of its own."""
        name = f"front-{secrets.token_hex(4)}"
        await self.cluster.create(api.NAMESPACES, "", {"metadata": {"name": name}})
        self.namespaces.append(name)
        return name

    async def person(self, namespace: str, rules: tuple[Rule, ...] = (), cluster_rules: tuple[Rule, ...] = ()) -> str:
        """A service account with rights in its namespace, and in all; gives its name."""
        name = f"person-{next(_number)}"
        await self.cluster.create(SERVICE_ACCOUNTS, namespace, {"metadata": {"name": name}})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        if rules:
            await self.grant(subject, namespace, rules)
        if cluster_rules:
            await self.grant(subject, "", cluster_rules)
        return name

    async def grant(self, subject: Object, namespace: str, rules: tuple[Rule, ...]) -> None:
        """Rights of a subject, in a namespace or (empty) in all."""
        kind, roles, bindings = "Role", ROLES, ROLE_BINDINGS
        if not namespace:
            kind, roles, bindings = "ClusterRole", CLUSTER_ROLES, CLUSTER_BINDINGS
        name = f"front-{secrets.token_hex(4)}"
        granted = [
            {"apiGroups": [names.GROUP], "resources": [resource], "verbs": verbs.split(",")}
            for resource, verbs in rules
        ]
        await self.cluster.create(roles, namespace, {"metadata": {"name": name}, "rules": granted})
        reference = {"apiGroup": RBAC[0], "kind": kind, "name": name}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        await self.cluster.create(bindings, namespace, binding)

    async def token(
        self,
        namespace: str,
        person: str,
        *,
        audience: str = names.API_AUDIENCE,
        seconds: int = 3600,
        pod: Object | None = None,
    ) -> str:
        """A token of a service account, bound to a pod if one is given; an empty audience is the API server's own."""
        spec: Object = {"audiences": [audience] if audience else [], "expirationSeconds": seconds}
        if pod:
            metadata = pod["metadata"]
            spec["boundObjectRef"] = {
                "apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]
            }  # fmt: skip
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        tokens = api.Resource("", "v1", f"serviceaccounts/{person}/token")
        return str((await self.cluster.create(tokens, namespace, request))["status"]["token"])

    async def someone(self, client: Client, namespace: str, *rules: Rule) -> Client:
        """The API as a new person with these rights in a namespace."""
        return client.with_token(await self.token(namespace, await self.person(namespace, rules)))

    async def task(self, namespace: str, name: str = "", **spec: Any) -> Object:
        """A task."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "AsyncTask",
            "metadata": {"name": name or f"task-{next(_number)}"},
            "spec": {"type": "file-backup", **spec},
        }
        return await self.cluster.create(api.TASKS, namespace, body)


async def eventually(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something in this process is so."""
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


def user(namespace: str, person: str) -> str:
    """A service account's user name."""
    return f"system:serviceaccount:{namespace}:{person}"


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
