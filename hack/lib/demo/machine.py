"""The cluster of the demo: brought up, given images and the chart, and taken down again."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster import binaries, containers, paths, providers
from localcluster.kubectl import Kubectl
from localcluster.processes import run

from .terminal import DemoError

if TYPE_CHECKING:
    from .terminal import Terminal

PROJECT = Path(__file__).resolve().parents[3]
SYSTEM = "asynctask-system"
RELEASE = "asynctask"
LOADED = "loaded as asynctask/operator:dev and :"
"""How hack/images tells the tag that changes with the content."""


def script(*arguments: str, quiet: bool = False) -> str:
    """Run one of the project's own commands; what it prints is shown as it comes, and returned."""
    lines = []
    with subprocess.Popen(
        [str(PROJECT / arguments[0]), *arguments[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if not quiet:
                print(f"   {line.rstrip()}", flush=True)
    if process.returncode:
        said = "".join(lines) if quiet else ""
        raise DemoError(f"{' '.join(arguments)} failed ({process.returncode}); its words are above\n{said}".rstrip())
    return "".join(lines)


@dataclass(frozen=True)
class Machine:
    """A cluster that runs pods, and what is needed to speak to it."""

    name: str
    provider: str
    kubeconfig: Path
    was_there: bool

    @property
    def kubectl(self) -> Kubectl:
        """kubectl for this cluster."""
        return Kubectl(str(binaries.tool("kubectl")), self.kubeconfig)

    @property
    def data(self) -> Path:
        """Where the demo's storage is: deleted with the cluster."""
        return paths.state_root() / self.name / "storage"

    def kill_container(self, namespace: str, pod: str) -> str:
        """SIGKILL the pod's process, with no warning; returns how it was done."""
        if self.provider != "native":
            self.kubectl("delete", "pod", pod, "-n", namespace, "--grace-period=0", "--force", "--wait=false")
            return f"kubectl delete pod {pod} --grace-period=0 --force"
        identity = paths.load(self.name)
        found = self.kubectl(
            "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.containerStatuses[0].containerID}"
        )
        container = found.rpartition("/")[2]
        if identity is None or not container:
            raise DemoError(f"pod {pod} has no container to kill; run the demo again")
        containers.ctr(identity, "tasks", "kill", "--signal", "SIGKILL", container)
        return f"ctr tasks kill --signal SIGKILL {container[:12]}"

    def down(self) -> None:
        """End the cluster."""
        script("hack/cluster/down", "--name", self.name)


def up(name: str, provider: str, terminal: Terminal) -> Machine:
    """Install what the machine lacks and bring the cluster up."""
    given = providers.given_kubeconfig(None)
    was_there = paths.load(name) is not None or providers.is_kind(name)
    chosen, why = providers.choose(provider, "node", given, name)
    terminal.say(f"Kubernetes: {chosen}, because {why}")
    if chosen == "native":
        if os.geteuid() != 0:
            raise DemoError(
                "a cluster of processes on this machine needs root: run it with sudo,\n"
                "or install docker and kind, or name a cluster with KUBECONFIG"
            )
        for line in script("hack/setup", "node", "images", "tests", quiet=True).splitlines():
            terminal.say(line)
    script("hack/cluster/up", "--name", name, "--provider", provider)
    if providers.is_kind(name):
        return Machine(name, "kind", paths.state_root() / name / "kubeconfig", was_there)
    if paths.load(name) is not None:
        return Machine(name, "native", paths.state_root() / name / "kubeconfig", was_there)
    if given is None:
        raise DemoError("hack/cluster/up left no cluster behind; its words are above")
    return Machine(name, "existing", Path(given).absolute(), was_there=True)


def images(machine: Machine, push: str | None) -> list[str]:
    """Build the images and bring them to the cluster; returns the chart's values that name them."""
    if machine.provider == "existing":
        if not push:
            raise DemoError(
                "an existing cluster gets its images from a registry: give one with --push PREFIX,\n"
                "or unset KUBECONFIG and let the demo start a cluster of its own"
            )
        script("hack/images", "--push", push)
        names = [f"image.repository={push}/operator", f"stageImages.prefix={push}/stage-"]
        fresh = [f"{of}.{what}" for of in ("image", "stageImages") for what in ("tag=dev", "pullPolicy=Always")]
        return names + fresh
    said = script("hack/images", "--cluster", machine.name)
    tag = next((line.partition(LOADED)[2] for line in said.splitlines() if LOADED in line), "dev")
    return [f"image.tag={tag}", "stageImages.tag=dev"]


def install(machine: Machine, values: list[str], terminal: Terminal) -> str:
    """Install the chart, or bring the release up to date; returns the operator's image."""
    helm = shutil.which("helm") or str(binaries.tool("helm"))
    terminal.say(f"helm: {helm}")
    command = [
        helm, "upgrade", RELEASE, str(PROJECT / "charts" / "asynctask"), "--install", "--wait", "--timeout=5m",
        f"--namespace={SYSTEM}", "--create-namespace", f"--kubeconfig={machine.kubeconfig}",
    ]  # fmt: skip
    for value in values:
        command += ["--set", value]
    terminal.say("helm upgrade asynctask charts/asynctask --install --wait, and it is ready when that returns")
    run(command, timeout=360)
    print(machine.kubectl("get", "pods,taskqueues,tasktypes", f"--namespace={SYSTEM}").rstrip(), flush=True)
    return machine.kubectl(
        "get", "deployment", "asynctask-operator", f"--namespace={SYSTEM}",
        "-o", "jsonpath={.spec.template.spec.containers[0].image}",
    )  # fmt: skip
