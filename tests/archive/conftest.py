"""Each test gets a fresh database, of each kind in turn; `archive` is one with all its tables.

`world` is a fresh namespace of a real API server.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from archive.world import World
from support.cluster import control_plane
from support.databases import DIALECTS, Database, Servers

from asynctask.adapters.archive import Archive, open_archive
from asynctask.adapters.cluster import NAMESPACES, Cluster
from asynctask.adapters.connection import Connection, from_kubeconfig


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    with servers.fresh(request.param, tmp_path) as database:
        yield database


@pytest.fixture
async def archive(database: Database) -> AsyncIterator[Archive]:
    async with open_archive(database.url) as archive:
        await archive.upgrade()
        yield archive


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    with control_plane() as path:
        yield path


@pytest.fixture(scope="session")
def connection(kubeconfig: Path) -> Connection:
    return from_kubeconfig(kubeconfig)


@pytest.fixture
async def world(connection: Connection) -> AsyncIterator[World]:
    async with Cluster(connection) as cluster:
        name = f"archive-{secrets.token_hex(4)}"
        await cluster.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield World(cluster, name)
        await cluster.delete(NAMESPACES, "", name)
