"""A cluster of processes on this machine: started, stopped, killed and inspected one by one."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from . import binaries, cgroups, components, containers, network, paths
from .errors import ClusterError
from .fakenodes import fake_nodes
from .kubectl import Kubectl
from .processes import Process, holds

if TYPE_CHECKING:
    from .components import Component

DEFAULT_NAME = "asynctask"
READY_SECONDS = 120


class Cluster:
    """One local cluster. Making the object starts nothing and claims nothing; `up` does.

    `profile`: `node` (pods really run), `control-plane` (tests play the kubelet) or `load` (kwok plays it).
    Ports, certificates and the kubeconfig stay the same for the cluster's whole life, whatever restarts.
    """

    def __init__(
        self, name: str = DEFAULT_NAME, profile: str = "node", *, audit: bool = False, nodes: int = 10
    ) -> None:
        if profile not in components.PROFILES:
            raise ClusterError(f"no profile {profile!r}; there are: {', '.join(components.PROFILES)}")
        self.name = name
        self.profile = profile
        self._audit = audit
        self._nodes = nodes

    @classmethod
    def existing(cls, name: str = DEFAULT_NAME) -> Cluster:
        """The cluster `name`, whatever its profile; ClusterError if there is none."""
        identity = paths.load(name)
        if identity is None:
            raise ClusterError(f"there is no cluster {name}; start one with `hack/cluster/up --name {name}`")
        return cls(name, identity.profile)

    @property
    def components(self) -> tuple[str, ...]:
        """The components of this profile, in starting order."""
        return components.PROFILES[self.profile]

    @property
    def state(self) -> Path:
        """The directory that holds everything of this cluster."""
        return paths.state_root() / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig file."""
        return self.state / "kubeconfig"

    @property
    def kubectl(self) -> Kubectl:
        """kubectl as the administrator."""
        binaries.ensure("kubectl")
        return Kubectl(str(binaries.path("kubectl")), self.kubeconfig)

    @property
    def host_address(self) -> str:
        """The address under which pods reach a server of this host (node profile; listen on it or on 0.0.0.0)."""
        return self._identity().host_address

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON object a line, if the cluster was made with `audit=True`."""
        return self.state / "logs" / "audit.log"

    def up(self) -> Cluster:
        """Start what isn't running and wait until it works. Safe to call again."""
        if self.profile == "node":
            network.require_root()
        binaries.ensure(*components.needed_binaries(self.profile))
        identity = paths.claim(self.name, self.profile, audit=self._audit)
        with paths.locked(self.state / ".lock"):
            started = time.monotonic()
            components.write_credentials(identity)
            if self.profile == "node":
                network.create(identity)
                cgroups.create(identity)
            self._process("etcd").start(components.command(identity, components.component(identity, "etcd")))
            for name in self.components[1:]:
                self.start(name)
                if name == "containerd":
                    containers.import_pause_image(identity)
            if self.profile == "load":
                self.kubectl.apply(*fake_nodes(self._nodes))
            self.wait_ready()
            print(f"Cluster {self.name} ({self.profile}) is ready after {time.monotonic() - started:.1f} s", flush=True)
        return self

    def down(self, *, keep: bool = False) -> None:
        """End every process of the cluster and its pods; delete its state, or with `keep` only stop it."""
        identity = paths.load(self.name)
        if identity is None:
            return
        with paths.locked(self.state / ".lock"):
            for name in reversed(components.PROFILES[identity.profile]):
                if name == "containerd":
                    containers.end_all(identity)
                self._process(name).stop(grace=5 if keep else 0)
            if identity.profile == "node":
                cgroups.remove(identity)
                containers.release(identity)
                network.remove(identity)
            if not keep:
                containers.refuse_mounts(self.state)
                shutil.rmtree(self.state)
                self._forget_discovery(identity)

    def _forget_discovery(self, identity: paths.Identity) -> None:
        """kubectl remembers the kinds of a server by its address, which the next cluster may get."""
        server = f"{identity.address}_{identity.port('kube-apiserver')}"
        shutil.rmtree(Path.home() / ".kube" / "cache" / "discovery" / server, ignore_errors=True)

    def start(self, name: str, *, wait: bool = True) -> int:
        """Start one component, unless it runs, and wait until it answers; returns its process id."""
        identity = self._identity()
        part = components.component(identity, self._known(name))
        pid = self._process(name).start(components.command(identity, part), part.env)
        if wait:
            self._wait_healthy(part)
        return pid

    def stop(self, name: str) -> None:
        """Ask one component to end, kill it after a few seconds; returns once it is gone."""
        grace = components.component(self._identity(), self._known(name)).grace
        self._process(name).stop(grace=grace)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one component; after SIGKILL this returns once it is gone."""
        process = self._process(self._known(name))
        process.send(number)
        if number == signal.SIGKILL and not holds(lambda: process.pid() is None, within=10):
            raise ClusterError(f"{name} survives SIGKILL")

    def pid(self, name: str) -> int | None:
        """The process id of a component, None if it isn't running."""
        return self._process(self._known(name)).pid()

    def log_path(self, name: str) -> Path:
        """The log file of a component."""
        return self._process(self._known(name)).log

    def is_healthy(self, name: str) -> bool:
        """Whether the component runs and answers now."""
        part = components.component(self._identity(), self._known(name))
        return self.pid(name) is not None and _answers(part.health)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every component answers, pods can be created and, where there is a node, it is ready."""
        end = time.monotonic() + seconds
        for name in self.components:
            self._wait_healthy(components.component(self._identity(), name), end - time.monotonic())
        kubectl = self.kubectl
        if not holds(lambda: kubectl.works("get", "serviceaccount", "default", "-n", "default"), within=30, every=0.2):
            log = self.log_path("kube-controller-manager")
            raise ClusterError(f"the controller-manager makes no service accounts; see {log}")
        if self.profile != "control-plane":
            remaining = max(int(end - time.monotonic()), 1)
            kubectl("wait", "--for=condition=Ready", "node", "--all", f"--timeout={remaining}s", timeout=remaining + 10)

    def _identity(self) -> paths.Identity:
        identity = paths.load(self.name)
        if identity is None:
            raise ClusterError(f"cluster {self.name} is not up; start it with `hack/cluster/up --name {self.name}`")
        return identity

    def _known(self, name: str) -> str:
        if name not in self.components:
            raise ClusterError(f"{self.name} ({self.profile}) has no {name!r}; it has: {', '.join(self.components)}")
        return name

    def _process(self, name: str) -> Process:
        return Process(name, self.state / "pids" / name, self.state / "logs" / f"{name}.log")

    def _wait_healthy(self, part: Component, seconds: float = 60) -> None:
        process = self._process(part.name)
        if holds(lambda: process.pid() is None or _answers(part.health), within=seconds) and process.pid():
            return
        trouble = "does not answer" if process.pid() else "ended at once"
        raise ClusterError(f"{part.name} {trouble}; its log {process.log} ends with:\n{process.tail()}")


def _answers(url: str) -> bool:
    if not url:
        return True
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(url.removeprefix("unix://")) == 0
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE  # only asks whether it works; sends nothing secret
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unchecked))
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
