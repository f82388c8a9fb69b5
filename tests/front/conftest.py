"""A real API server, and a client to it for each test."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from front.world import Client, World
from support.cluster import control_plane
from support.databases import Servers
from support.ports import free_port

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import Connection, from_kubeconfig

CLIENT = "asynctask-web"


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    with control_plane() as path:
        yield path


@pytest.fixture(scope="session")
def connection(kubeconfig: Path) -> Connection:
    return from_kubeconfig(kubeconfig)


@pytest.fixture
async def world(connection: Connection, tmp_path: Path) -> AsyncIterator[World]:
    async with (
        api.Cluster(connection) as cluster,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        world = World(cluster, tmp_path, session)
        yield world
        for name in world.namespaces:
            await cluster.delete(api.NAMESPACES, "", name)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the gateway of `client` keeps history: SQLite, unless a test asks for another by its dialect."""
    dialect = getattr(request, "param", "sqlite")
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/archive.db"
        return
    servers: Servers = request.getfixturevalue("servers")
    with servers.fresh(dialect, tmp_path) as database:
        yield database.url


@pytest.fixture
async def client(world: World, archive_url: str) -> AsyncIterator[Client]:
    async with world.gateway(archive_url=archive_url) as client:
        yield client


@pytest.fixture
async def namespace(world: World) -> str:
    return await world.namespace()


@dataclass
class Provider:
    """The OpenID Connect provider, from outside."""

    url: str
    session: aiohttp.ClientSession
    secret: Path

    @property
    def settings(self) -> dict[str, Any]:
        """Of a gateway that takes its tokens."""
        return {
            "oidc_issuer": self.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret_file": str(self.secret),
            "api_external_url": "https://tasks.example.com",
        }

    async def token(self, *, algorithm: str = "RS256", kid: str = "", **claims: Any) -> str:
        """A token with these claims; None leaves one out."""
        body = {"claims": claims, "algorithm": algorithm, "kid": kid}
        async with self.session.post(f"{self.url}/test/token", json=body) as answer:
            assert answer.status == 200
            return await answer.text()

    async def do(self, what: str, **body: Any) -> None:
        """`rotate`, or `away`."""
        async with self.session.post(f"{self.url}/test/{what}", json=body) as answer:
            assert answer.status == 200


@pytest.fixture
async def provider(world: World, tmp_path: Path) -> AsyncIterator[Provider]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "front.issuer", str(port), CLIENT,
        cwd=Path(__file__).parents[1], stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    secret = tmp_path / "client-secret"
    secret.write_text("a secret of ours\n")
    yield Provider(f"http://127.0.0.1:{port}", world.session, secret)
    process.kill()
    await process.wait()
    process._transport.close()  # type: ignore[attr-defined]
