"""A control plane, a gateway on it as users start it, and a caller who may do everything."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from asynctask.api import names
from lib import machine
from localcluster import Cluster as LocalCluster

CRDS = Path(__file__).parents[3] / "crds"
NAMESPACE = "bench"
TYPE = "bench-copy"
READY_SECONDS = 120.0
SCHEMA = {
    "type": "object",
    "properties": {"source_path": {"type": "string"}, "keep": {"type": "integer", "minimum": 1, "default": 3}},
    "required": ["source_path"],
    "additionalProperties": False,
}


@dataclass
class Gateway:
    """One gateway process, and a session that calls it with a token of the cluster."""

    url: str
    pid: int
    session: aiohttp.ClientSession
    directory: Path
    """Where it keeps artifacts."""

    @property
    def resident_mib(self) -> float:
        """Resident memory now."""
        return machine.resident_mib(self.pid)

    @property
    def peak_mib(self) -> float:
        """The most that it has had."""
        return machine.peak_mib(self.pid)

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far."""
        return machine.cpu_seconds(self.pid)


@asynccontextmanager
async def control_plane(name: str) -> AsyncIterator[tuple[LocalCluster, api.Cluster]]:
    """A cluster of its own with our kinds, a type, an endpoint and a namespace; gone at the end."""
    local = LocalCluster(name, "control-plane")
    await asyncio.to_thread(local.up)
    try:
        for command in (
            ("apply", "--server-side", "--force-conflicts", "-f", str(CRDS)),
            ("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS)),
        ):
            await asyncio.to_thread(local.kubectl, *command)
        async with api.Cluster(from_kubeconfig(local.kubeconfig), timeout_seconds=300) as cluster:
            await _furnish(cluster)
            yield local, cluster
    finally:
        await asyncio.to_thread(local.down)


async def _furnish(cluster: api.Cluster) -> None:
    await cluster.create(api.NAMESPACES, "", {"metadata": {"name": NAMESPACE}})
    stages = [{"name": "copy", "job": {"image": "example/copy:1"}}]
    kind = {"configSchema": SCHEMA, "locations": [{"field": "source_path"}], "stages": stages}
    await cluster.create(api.TYPES, "", _object("TaskType", TYPE, kind))
    share = {"path": "/nas/photos", "volume": {"claimName": "photos"}}
    await cluster.create(api.ENDPOINTS, NAMESPACE, _object("StorageEndpoint", "photos", share))
    rbac = ("rbac.authorization.k8s.io", "v1")
    await cluster.create(api.Resource("", "v1", "serviceaccounts"), NAMESPACE, {"metadata": {"name": "caller"}})
    binding = {
        "metadata": {"name": "bench-caller"},
        "roleRef": {"apiGroup": rbac[0], "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "caller", "namespace": NAMESPACE}],
    }
    await cluster.create(api.Resource(*rbac, "clusterrolebindings", namespaced=False), "", binding)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


@asynccontextmanager
async def gateway(local: LocalCluster, cluster: api.Cluster, archive_url: str = "") -> AsyncIterator[Gateway]:
    """A gateway, ended at the end. It never leads: what the archive holds stays as it was filled."""
    ports = [_free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory() as directory:
        settings = {
            "KUBECONFIG": str(local.kubeconfig),
            "ASYNCTASK_NAMESPACE": "no-lease-here",
            "ASYNCTASK_PORT": ports[0],
            "ASYNCTASK_METRICS_PORT": ports[1],
            "ASYNCTASK_API_PORT": ports[2],
            "ASYNCTASK_LOG_LEVEL": "warning",
            "ASYNCTASK_ARTIFACTS_DIRECTORY": directory,
            "ASYNCTASK_JOURNAL_DIRECTORY": f"{directory}/journal",
            "ASYNCTASK_ARCHIVE_URL": archive_url or f"sqlite:///{directory}/archive.db",
            "ASYNCTASK_API_CALLS_PER_SECOND": 1_000_000,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASYNCTASK_", "PYTHON"))}
        environment = kept | {name: str(value) for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "asynctask.gateway",
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            headers = {"Authorization": f"Bearer {await _token(cluster)}"}
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
                await _ready(session, f"http://127.0.0.1:{ports[1]}/readyz")
                yield Gateway(f"http://127.0.0.1:{ports[2]}", process.pid, session, Path(directory))
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _token(cluster: api.Cluster) -> str:
    tokens = api.Resource("", "v1", "serviceaccounts/caller/token")
    spec = {"audiences": [names.API_AUDIENCE], "expirationSeconds": 7200}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return str((await cluster.create(tokens, NAMESPACE, request))["status"]["token"])


async def _ready(session: aiohttp.ClientSession, url: str) -> None:
    end = monotonic() + READY_SECONDS
    while monotonic() < end:
        try:
            async with session.get(url) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the gateway does not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
