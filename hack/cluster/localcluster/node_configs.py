"""Configuration files of what makes a node: containerd, kubelet, kube-proxy, CoreDNS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import network

if TYPE_CHECKING:
    from .paths import Identity

CAP_SYS_RESOURCE = 24
PAUSE_IMAGE = "docker.io/asynctask/pause:1"


def containerd_socket(identity: Identity) -> Path:
    """Where containerd listens."""
    return identity.state / "run" / "containerd.sock"


def shim_socket_directory(identity: Identity) -> Path:
    """Where the pods' shims listen. Short, because containerd allows little more."""
    return Path(f"/run/asynctask-{identity.name}")


def write_containerd_config(identity: Identity) -> Path:
    """containerd 2 with everything below the cluster's state directory."""
    state = identity.state
    text = f"""version = 3
root = '{state}/containerd'
state = '{state}/run/containerd'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']

[grpc]
  address = '{containerd_socket(identity)}'

[ttrpc]
  address = '{state}/run/containerd.sock.ttrpc'

[plugins.'io.containerd.shim.v1.manager']
  socket_dir = '{shim_socket_directory(identity)}'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{PAUSE_IMAGE}'

[plugins.'io.containerd.cri.v1.runtime']
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = {_toml(not _has_sys_resource())}

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['{network.cni_plugin_directory()}']
  conf_dir = '{network.write_cni_config(identity)}'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = '{state}/run/runc'
"""
    (state / "run").mkdir(parents=True, exist_ok=True)
    return _written(state / "containerd.toml", text)


def write_kubelet_config(identity: Identity) -> Path:
    """The kubelet: certificates of our authority, cgroup version 1 allowed, no eviction on a well-filled disk."""
    state, pki = identity.state, identity.state / "pki"
    resolver = _written(state / "resolv.conf", f"nameserver {identity.address}\n")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": identity.address,
        "port": identity.port("kubelet"),
        "healthzBindAddress": identity.address,
        "healthzPort": identity.port("kubelet-health"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{identity.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [identity.address],
        "resolvConf": str(resolver),
        "containerRuntimeEndpoint": f"unix://{containerd_socket(identity)}",
        "podLogsDir": str(state / "pod-logs"),
        "volumePluginDir": str(state / "volume-plugins"),
        "maxPods": 200,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }
    return _written(state / "kubelet.json", json.dumps(config, indent=2))


def write_kube_proxy_config(identity: Identity) -> Path:
    """kube-proxy in iptables mode, leaving the kernel's global connection tracking as it is."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": identity.name,
        "bindAddress": identity.address,
        "healthzBindAddress": f"{identity.address}:{identity.port('kube-proxy')}",
        "metricsBindAddress": f"{identity.address}:{identity.port('kube-proxy-metrics')}",
        "clientConnection": {"kubeconfig": str(identity.state / "kube-proxy.kubeconfig")},
        "clusterCIDR": identity.pod_subnet,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return _written(identity.state / "kube-proxy.json", json.dumps(config, indent=2))


def write_corefile(identity: Identity) -> Path:
    """Names of services and pods; anything outside the cluster is refused at once."""
    text = f""".:53 {{
    bind {identity.address}
    errors
    health {identity.address}:{identity.port("coredns-health")}
    ready {identity.address}:{identity.port("coredns-ready")}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {identity.state / "coredns.kubeconfig"}
        pods insecure
    }}
    cache 5
}}
"""
    return _written(identity.state / "Corefile", text)


def _has_sys_resource() -> bool:
    """Whether we may shield processes from the kernel's out-of-memory killer; root in a sandbox often may not."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)


def _toml(value: bool) -> str:
    return "true" if value else "false"


def _written(path: Path, text: str) -> Path:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path
