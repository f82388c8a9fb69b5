"""The cluster that everything is measured on: made, emptied between runs, renewed between series."""

import asyncio
from pathlib import Path
from time import monotonic

from asynctask.adapters.cluster import (
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    QUEUES,
    SCHEDULES,
    STAGES,
    TASKS,
    AlreadyExists,
    Cluster,
    Resource,
)
from asynctask.adapters.connection import Connection, from_kubeconfig
from localcluster import Cluster as LocalCluster

from .meter import Meter
from .process import Operator

ROOT = Path(__file__).parents[3]
NAMESPACE = "bench"
SYSTEM_NAMESPACE = "asynctask-system"
EMPTY_SECONDS = 300.0
"""Deleting ten thousand objects takes the API server a while."""


class Stand:
    """A local cluster of the load profile. Use `async with` for the client."""

    def __init__(self, name: str, *, own: bool, python: Path, logs: Path) -> None:
        self._local = LocalCluster(name, "load") if own else LocalCluster.existing(name)
        self._own = own
        self._python, self._logs = python, logs
        self.connection: Connection
        self.cluster: Cluster

    async def renew(self) -> None:
        """Begin with a fresh cluster if it is ours; the API server's memory and etcd grow with every run."""
        if self._own:
            await asyncio.to_thread(self._local.down)
        await asyncio.to_thread(self._prepare)
        self.connection = from_kubeconfig(self._local.kubeconfig)
        self.cluster = Cluster(self.connection, timeout_seconds=EMPTY_SECONDS, user_agent="bench")
        async with self.cluster:
            for name in (NAMESPACE, SYSTEM_NAMESPACE):
                try:
                    await self.cluster.create(NAMESPACES, "", {"metadata": {"name": name}})
                except AlreadyExists:
                    continue
            await self.empty()

    def down(self) -> None:
        """End the cluster, if it is ours."""
        if self._own:
            self._local.down()

    async def empty(self) -> None:
        """Delete what a run left, and wait until it is gone."""
        kinds = (SCHEDULES, TASKS, STAGES, JOBS, PODS, EVENTS)
        end = monotonic() + EMPTY_SECONDS
        while left := [kind for kind in kinds if await self._count(kind)]:
            for kind in left:
                await self.cluster.delete(kind, NAMESPACE, "")
            await asyncio.sleep(0.5)
            if monotonic() > end:
                raise RuntimeError(f"the namespace does not become empty: {[kind.plural for kind in left]}")
        if await self._count(QUEUES):
            await self.cluster.delete(QUEUES, "", "")
        await asyncio.sleep(2)  # the garbage collector looks after what it heard of last

    def operator(self, **settings: str) -> Operator:
        """An operator for this cluster, not started yet."""
        self._logs.mkdir(parents=True, exist_ok=True)
        return Operator(self._local.kubeconfig, self._logs / "operator.log", self._python, **settings)

    def meter(self, operator: Operator | None = None) -> Meter:
        """A meter of all processes of the cluster, and of the operator if there is one."""
        pids = {name: pid for name in self._local.components if (pid := self._local.pid(name))}
        if operator:
            pids["operator"] = operator.pid
        return Meter(self.connection, pids, operator.metrics_url if operator else "")

    async def _count(self, kind: Resource) -> int:
        async for raw, _ in self.cluster.pages(kind, NAMESPACE, limit=1):
            return raw.count(b'"resourceVersion"') - 1
        return 0

    def _prepare(self) -> None:
        self._local.up()
        crds = str(ROOT / "crds")
        self._local.kubectl("apply", "--server-side", "--force-conflicts", "-f", crds)
        self._local.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", crds)
