"""A namespace of our own on a real API server that has our CRDs."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.api import Api
from support.cluster import control_plane


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    with control_plane() as path:
        yield path


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[Api]:
    api = Api(kubeconfig, namespace=f"schemas-{secrets.token_hex(3)}")
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": api.namespace}})
    yield api
    api.call("DELETE", f"/api/v1/namespaces/{api.namespace}")
    api.close()
