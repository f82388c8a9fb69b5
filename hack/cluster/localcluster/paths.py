"""Where a cluster keeps its things, and the numbers that keep clusters on one machine apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_PORT = 21000
PORTS_PER_CLUSTER = 20
SLOTS = 200

PORT_NAMES = (
    "etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
    "kubelet-health", "kube-proxy", "kube-proxy-metrics", "coredns-health", "coredns-ready", "kwok",
)  # fmt: skip


def cache_root() -> Path:
    """The folder outside the checkout for everything that is costly to make again."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "asynctask" / "cluster"


def state_root() -> Path:
    """The parent of all clusters' state directories."""
    return cache_root() / "state"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` across processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Identity:
    """What a cluster keeps for life: its name, its profile and its slot, from which ports and addresses follow."""

    name: str
    profile: str
    slot: int
    audit: bool = False

    @property
    def state(self) -> Path:
        """The directory that holds everything of this cluster."""
        return state_root() / self.name

    def port(self, name: str) -> int:
        """The port of a component, the same for the cluster's whole life."""
        return FIRST_PORT + self.slot * PORTS_PER_CLUSTER + PORT_NAMES.index(name)

    @property
    def netns(self) -> str:
        """The network namespace of a node profile."""
        return f"asynctask-{self.name}"

    @property
    def veth(self) -> tuple[str, str]:
        """Interface names: the host's end, the cluster's end."""
        return f"atask{self.slot}h", f"atask{self.slot}c"

    @property
    def host_address(self) -> str:
        """Where pods reach servers on the host (node profile)."""
        return f"10.213.{self.slot}.1"

    @property
    def address(self) -> str:
        """Where the host reaches the cluster's components."""
        return f"10.213.{self.slot}.2" if self.profile == "node" else "127.0.0.1"

    @property
    def pod_subnet(self) -> str:
        """Addresses of pods (node profile)."""
        return f"10.214.{self.slot}.0/24"

    @property
    def service_subnet(self) -> str:
        """Addresses of services."""
        return f"10.215.{self.slot}.0/24"

    @property
    def api_service_address(self) -> str:
        """The address of the `kubernetes` service."""
        return f"10.215.{self.slot}.1"

    @property
    def cgroup(self) -> str:
        """The control group below which all pods of this cluster live."""
        return f"asynctask-{self.name}"

    def save(self) -> None:
        """Write the identity into the state directory."""
        self.state.mkdir(parents=True, exist_ok=True)
        fields = {"name": self.name, "profile": self.profile, "slot": self.slot, "audit": self.audit}
        (self.state / "cluster.json").write_text(json.dumps(fields) + "\n")


def load(name: str) -> Identity | None:
    """The identity of an existing cluster of our own, or None."""
    try:
        fields = json.loads((state_root() / name / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    return Identity(name=fields["name"], profile=fields["profile"], slot=fields["slot"], audit=fields["audit"])


def all_names() -> list[str]:
    """The names of all local clusters, those made by kind included."""
    return sorted(path.parent.name for marker in ("cluster.json", "kind") for path in state_root().glob(f"*/{marker}"))


def claim(name: str, profile: str, *, audit: bool) -> Identity:
    """The identity of the cluster `name`, made now if there is none.

    Raises ClusterError if it exists with another profile.
    """
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", name):
        raise ClusterError(f"cluster name {name!r}: use at most 20 lower-case letters, digits and hyphens")
    with locked(state_root() / ".lock"):
        existing = load(name)
        if existing is not None:
            if existing.profile != profile:
                raise ClusterError(
                    f"cluster {name} exists with profile {existing.profile}, not {profile};"
                    f" run `hack/cluster/down --name {name}` first, or choose another --name"
                )
            if audit and not existing.audit:
                existing = Identity(name, profile, existing.slot, audit=True)
                existing.save()
            return existing
        taken = {other.slot for other in map(load, all_names()) if other}
        for slot in range(SLOTS):
            identity = Identity(name, profile, slot, audit)
            if slot not in taken and _ports_are_free(identity):
                identity.save()
                return identity
    raise ClusterError("no free range of ports for another cluster; run `hack/cluster/down --all`")


def _ports_are_free(identity: Identity) -> bool:
    for name in PORT_NAMES:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", identity.port(name)))
            except OSError:
                return False
    return True
