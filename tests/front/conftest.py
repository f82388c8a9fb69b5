"""A real API server, and a client to it for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from front.world import Client, World
from support.cluster import control_plane

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import Connection, from_kubeconfig


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


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.gateway() as client:
        yield client


@pytest.fixture
async def namespace(world: World) -> str:
    return await world.namespace()
