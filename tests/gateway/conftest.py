"""A namespace of our own on a real API server, and a client to it for each test."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic, sleep

import aiohttp
import pytest
from gateway.world import World
from support.api import Api, Refused
from support.cluster import control_plane
from support.patience import patient

from asynctask.adapters.cluster import Cluster
from asynctask.adapters.connection import Connection, from_kubeconfig


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    with control_plane() as path:
        yield path


@pytest.fixture(scope="session")
def namespace(kubeconfig: Path) -> Iterator[str]:
    api, name = Api(kubeconfig), f"gateway-{secrets.token_hex(3)}"
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    deadline = monotonic() + patient(30)
    while True:  # its controller makes the service account a moment later
        try:
            api.call("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")
            break
        except Refused:
            assert monotonic() < deadline
            sleep(0.05)
    yield name
    api.call("DELETE", f"/api/v1/namespaces/{name}")
    api.close()


@pytest.fixture(scope="session")
def connection(kubeconfig: Path) -> Connection:
    return from_kubeconfig(kubeconfig)


@pytest.fixture
async def world(connection: Connection, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    async with Cluster(connection) as cluster, aiohttp.ClientSession() as session:
        yield World(cluster, namespace, tmp_path / "artifacts", session)


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with world.gateway() as url:
        yield url
