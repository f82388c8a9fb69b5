"""The gateway as a process of its own, with no more rights than it needs; and stages as processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import yaml
from gateway.world import Pod, World
from support.api import Api
from support.patience import patient
from support.ports import free_port

RIGHTS = [
    {
        "apiGroups": ["asynctask.io"],
        "resources": ["asynctasks", "stages", "storageendpoints", "taskschedules", "tasktypes", "taskqueues"],
        "verbs": ["get", "list", "watch"],
    },
    {"apiGroups": ["asynctask.io"], "resources": ["stages/status"], "verbs": ["patch"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
]
"""All that a gateway may do, and all that it needs."""


def least_rights(kubeconfig: Path, namespace: str, folder: Path) -> Path:
    """A kubeconfig of a service account that has RIGHTS and nothing else."""
    api, name = Api(kubeconfig), f"{namespace}-gateway"
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.call("POST", accounts, {"metadata": {"name": name}})
    api.call("POST", f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": RIGHTS})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
    }
    api.call("POST", f"{rbac}/clusterrolebindings", binding)
    token = api.call("POST", f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    api.close()
    config = yaml.safe_load(kubeconfig.read_text())
    user = config["contexts"][0]["context"]["user"]
    config["users"] = [{"name": user, "user": {"token": token}}]
    path = folder / "gateway.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class GatewayProcess:
    """`python -m asynctask.gateway` on fixed ports, so that it can end and come back."""

    kubeconfig: Path
    artifacts: Path
    period: float = 0.4
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where the stage API is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        variables = {
            "KUBECONFIG": str(self.kubeconfig),
            "ASYNCTASK_PORT": str(self.port),
            "ASYNCTASK_METRICS_PORT": str(self.metrics_port),
            "ASYNCTASK_API_PORT": str(self.api_port),
            "ASYNCTASK_PROGRESS_PERIOD_SECONDS": str(self.period),
            "ASYNCTASK_ARTIFACTS_DIRECTORY": str(self.artifacts),
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "asynctask.gateway", env={**os.environ, **variables}
        )
        deadline = monotonic() + patient(30)
        while await self.probe("readyz") != 200:
            assert self.process.returncode is None
            assert monotonic() < deadline
            await asyncio.sleep(0.05)

    async def probe(self, name: str) -> int:
        """The status of a probe, 0 when nobody answers."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.metrics_port}/{name}") as answer,
            ):
                return answer.status
        except aiohttp.ClientConnectionError:
            return 0

    async def metrics(self) -> str:
        """What it counts."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer,
        ):
            return await answer.text()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and return its exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


async def run_stage(world: World, pod: Pod, program: str, folder: Path) -> tuple[int, str]:
    """Run a program of the SDK as the pod would; gives its exit code and output."""
    await asyncio.to_thread(_lay_out, folder, {"main.py": program, "token": pod.token})
    labels: Mapping[str, Any] = pod.object["metadata"]["labels"]
    variables = {
        "ASYNCTASK_NAMESPACE": world.namespace,
        "ASYNCTASK_RUN": labels["asynctask.io/run"],
        "ASYNCTASK_STAGE": labels["asynctask.io/stage"],
        "ASYNCTASK_ATTEMPT": labels["asynctask.io/attempt"],
        "ASYNCTASK_GATEWAY_URL": pod.url,
        "ASYNCTASK_TOKEN_FILE": str(folder / "token"),
        "ASYNCTASK_TERMINATION_LOG": str(folder / "termination"),
        "ASYNCTASK_GRACE_SECONDS": "20",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(folder / "main.py"),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def _lay_out(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
