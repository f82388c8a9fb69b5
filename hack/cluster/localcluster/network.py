"""The network namespace that holds a node profile: its processes, its pods and its packet-filter rules.

Because everything lives in a namespace of its own, several clusters don't get in each other's way (kube-proxy
takes all service rules of a namespace for its own), and removing the namespace removes every trace.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ClusterError
from .processes import run

if TYPE_CHECKING:
    from .paths import Identity

NAMESPACES = Path("/run/netns")
CNI_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def inside(identity: Identity) -> list[str]:
    """The words before a command that make it run in the cluster's network; it keeps its process id."""
    return ["nsenter", f"--net={NAMESPACES / identity.netns}"] if identity.profile == "node" else []


def require_root() -> None:
    """Say early what a node needs and who can do without."""
    if os.geteuid() != 0:
        raise ClusterError(
            "the node profile of the native provider needs root (network, mounts, containers);"
            " use `--provider kind`, `--kubeconfig FILE`, or `--profile control-plane`"
        )


def create(identity: Identity) -> None:
    """Make the namespace, its link to the host and the routes, unless they are there."""
    if (NAMESPACES / identity.netns).exists():
        return
    host_end, cluster_end = identity.veth
    run(["ip", "netns", "add", identity.netns])
    run(["ip", "link", "add", host_end, "type", "veth", "peer", "name", cluster_end, "netns", identity.netns])
    run(["ip", "address", "add", f"{identity.host_address}/30", "dev", host_end])
    run(["ip", "link", "set", host_end, "up"])
    within = ["ip", "-n", identity.netns]
    run([*within, "link", "set", "lo", "up"])
    run([*within, "address", "add", f"{identity.address}/30", "dev", cluster_end])
    run([*within, "link", "set", cluster_end, "up"])
    run([*within, "route", "add", "default", "via", identity.host_address])
    for subnet in (identity.pod_subnet, identity.service_subnet):
        run(["ip", "route", "replace", subnet, "via", identity.address, "dev", host_end])
    run([*inside(identity), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])


def remove(identity: Identity) -> None:
    """Remove the link, with it the routes, and the namespace, with it the rules."""
    host_end, _ = identity.veth
    if Path(f"/sys/class/net/{host_end}").exists():
        run(["ip", "link", "delete", host_end])
    if (NAMESPACES / identity.netns).exists():
        run(["ip", "netns", "delete", identity.netns])


def write_cni_config(identity: Identity) -> Path:
    """Pods are routed, not bridged: service addresses then work without the kernel's bridge filter."""
    directory = identity.state / "cni"
    directory.mkdir(parents=True, exist_ok=True)
    address_pool = {
        "type": "host-local",
        "dataDir": str(identity.state / "cni-addresses"),
        "ranges": [[{"subnet": identity.pod_subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    chain = {
        "cniVersion": "1.0.0",
        "name": identity.netns,
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": address_pool},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    (directory / "10-asynctask.conflist").write_text(json.dumps(chain, indent=2))
    return directory


def cni_plugin_directory() -> Path:
    """Where the CNI plugins are installed."""
    for directory in CNI_PLUGINS:
        if (directory / "ptp").exists():
            return directory
    raise ClusterError("the CNI plugins are not installed; run `hack/setup node`")
