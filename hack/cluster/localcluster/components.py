"""How each component is started and how one sees that it works."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import binaries, network
from .node_configs import (
    containerd_socket,
    write_containerd_config,
    write_corefile,
    write_kube_proxy_config,
    write_kubelet_config,
)
from .pki import Authority

if TYPE_CHECKING:
    from .paths import Identity

PROFILES = {
    "node": (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
        "containerd", "kubelet", "kube-proxy", "coredns",
    ),
    "control-plane": ("etcd", "kube-apiserver", "kube-controller-manager"),
    "load": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"),
}  # fmt: skip

EXTRA_BINARIES = {"node": ("containerd-shim-runc-v2", "ctr", "pause", "kubectl")}


@dataclass(frozen=True)
class Component:
    """One background process of a cluster."""

    name: str
    arguments: list[str]
    health: str = ""
    """A URL that answers 200 once it works; empty if there is none to ask."""
    grace: float = 5
    """Seconds between SIGTERM and SIGKILL."""
    env: dict[str, str] = field(default_factory=dict)


def kubeconfig(identity: Identity, client: str) -> Path:
    """The kubeconfig file of a component or of the administrator (`admin`)."""
    name = "kubeconfig" if client == "admin" else f"{client}.kubeconfig"
    return identity.state / name


def needed_binaries(profile: str) -> tuple[str, ...]:
    """What has to be built for a profile."""
    return (*PROFILES[profile], *EXTRA_BINARIES.get(profile, ("kubectl",)))


def write_credentials(identity: Identity) -> Authority:
    """The authority, all certificates and all kubeconfig files, unless they are there."""
    authority = Authority(identity.state / "pki")
    authority.create()
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    addresses = {"127.0.0.1", identity.address, identity.api_service_address}
    authority.issue("kube-apiserver", "/CN=kube-apiserver", (*names, *sorted(addresses)))
    authority.issue("etcd", "/CN=etcd", ("localhost", "127.0.0.1", identity.address))
    authority.issue("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    server = f"https://{identity.address}:{identity.port('kube-apiserver')}"
    subjects = {
        "admin": "/O=system:masters/CN=admin",
        "kube-controller-manager": "/CN=system:kube-controller-manager",
        "kube-scheduler": "/CN=system:kube-scheduler",
    }
    if identity.profile == "load":
        subjects["kwok"] = "/O=system:masters/CN=kwok"
    if identity.profile == "node":
        subjects["kubelet"] = f"/O=system:nodes/CN=system:node:{identity.name}"
        subjects["kube-proxy"] = "/CN=system:kube-proxy"
        subjects["coredns"] = "/O=system:masters/CN=coredns"
        authority.issue("kubelet-server", f"/CN={identity.name}", (identity.name, identity.address))
    for client, subject in subjects.items():
        authority.kubeconfig(kubeconfig(identity, client), client, subject, server)
    return authority


def component(identity: Identity, name: str) -> Component:
    """The component `name`, with its configuration files written."""
    makers = {
        "etcd": _etcd,
        "kube-apiserver": _apiserver,
        "kube-controller-manager": _controller_manager,
        "kube-scheduler": _scheduler,
        "kwok": _kwok,
        "containerd": _containerd,
        "kubelet": _kubelet,
        "kube-proxy": _kube_proxy,
        "coredns": _coredns,
    }
    return makers[name](identity)


def command(identity: Identity, part: Component) -> list[str]:
    """The full command line."""
    return [*network.inside(identity), str(binaries.path(part.name)), *part.arguments]


def _etcd(identity: Identity) -> Component:
    authority = Authority(identity.state / "pki")
    certificate, key = authority.pair("etcd")
    client = f"https://127.0.0.1:{identity.port('etcd')}"
    peer = f"http://127.0.0.1:{identity.port('etcd-peer')}"
    return Component(
        "etcd",
        [
            f"--data-dir={identity.state / 'etcd'}",
            "--name=local",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            "--client-cert-auth",
            f"--trusted-ca-file={authority.certificate}",
            f"--cert-file={certificate}",
            f"--key-file={key}",
            "--quota-backend-bytes=4294967296",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=10m",
            "--unsafe-no-fsync",  # survives a killed process, not a power cut: right for a throw-away cluster
            "--log-level=warn",
        ],
    )


def _apiserver(identity: Identity) -> Component:
    authority = Authority(identity.state / "pki")
    certificate, key = authority.pair("kube-apiserver")
    etcd_certificate, etcd_key = authority.pair("etcd")
    kubelet_certificate, kubelet_key = authority.pair("kubelet-client")
    token_key = authority.pair("service-accounts")[1]
    port = identity.port("kube-apiserver")
    arguments = [
        f"--etcd-servers=https://127.0.0.1:{identity.port('etcd')}",
        f"--etcd-cafile={authority.certificate}",
        f"--etcd-certfile={etcd_certificate}",
        f"--etcd-keyfile={etcd_key}",
        f"--bind-address={identity.address}",
        f"--advertise-address={identity.address}",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--client-ca-file={authority.certificate}",
        f"--kubelet-certificate-authority={authority.certificate}",
        f"--kubelet-client-certificate={kubelet_certificate}",
        f"--kubelet-client-key={kubelet_key}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",  # on top of the defaults, Pod Security among them
        "--allow-privileged=true",
        f"--service-cluster-ip-range={identity.service_subnet}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={token_key}",
        f"--service-account-signing-key-file={token_key}",
        "--profiling=false",
    ]
    if identity.profile != "node":
        arguments.append("--endpoint-reconciler-type=none")  # a loopback address is no valid endpoint
    if identity.audit:
        policy = identity.state / "audit-policy.json"
        rule = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
        policy.write_text(json.dumps({**rule, "rules": [{"level": "Metadata"}]}))
        arguments += [f"--audit-policy-file={policy}", f"--audit-log-path={identity.state / 'logs' / 'audit.log'}"]
    return Component("kube-apiserver", arguments, f"https://{identity.address}:{port}/readyz")


def _controller_manager(identity: Identity) -> Component:
    authority = Authority(identity.state / "pki")
    authority_key = authority.pair("ca")[1]
    port = identity.port("kube-controller-manager")
    arguments = [
        f"--kubeconfig={kubeconfig(identity, 'kube-controller-manager')}",
        f"--bind-address={identity.address}",
        f"--secure-port={port}",
        f"--root-ca-file={authority.certificate}",
        f"--service-account-private-key-file={authority.pair('service-accounts')[1]}",
        f"--cluster-signing-cert-file={authority.certificate}",
        f"--cluster-signing-key-file={authority_key}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
    ]
    if identity.profile == "control-plane":
        # No kubelet and no nodes: without these, pods that a test plays the kubelet for would be taken for lost.
        absent = ("node-lifecycle-controller", "taint-eviction-controller", "pod-garbage-collector-controller")
        arguments.append("--controllers=" + ",".join(["*", *(f"-{name}" for name in absent)]))
    if identity.profile == "load":
        arguments += ["--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-job-syncs=20"]
    return Component("kube-controller-manager", arguments, f"https://{identity.address}:{port}/healthz")


def _scheduler(identity: Identity) -> Component:
    port = identity.port("kube-scheduler")
    arguments = [
        f"--kubeconfig={kubeconfig(identity, 'kube-scheduler')}",
        f"--bind-address={identity.address}",
        f"--secure-port={port}",
        "--leader-elect=false",
    ]
    if identity.profile == "load":
        arguments += ["--kube-api-qps=500", "--kube-api-burst=1000"]
    return Component("kube-scheduler", arguments, f"https://{identity.address}:{port}/healthz")


def _kwok(identity: Identity) -> Component:
    address = f"127.0.0.1:{identity.port('kwok')}"
    return Component(
        "kwok",
        [
            f"--kubeconfig={kubeconfig(identity, 'kwok')}",
            f"--config={Path(__file__).parent.parent / 'kwok-stages.yaml'}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--server-address={address}",
        ],
        f"http://{address}/healthz",
        env={"HOME": str(identity.state)},
    )


def _containerd(identity: Identity) -> Component:
    config = write_containerd_config(identity)
    search = f"{binaries.path('containerd-shim-runc-v2').parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    return Component(
        "containerd",
        [f"--config={config}", "--log-level=info"],
        f"unix://{containerd_socket(identity)}",
        env={"PATH": search},
        grace=10,
    )


def _kubelet(identity: Identity) -> Component:
    config = write_kubelet_config(identity)
    return Component(
        "kubelet",
        [
            f"--config={config}",
            f"--kubeconfig={kubeconfig(identity, 'kubelet')}",
            f"--root-dir={identity.state / 'kubelet'}",
            f"--hostname-override={identity.name}",
            f"--node-ip={identity.address}",
        ],
        f"http://{identity.address}:{identity.port('kubelet-health')}/healthz",
        grace=10,
    )


def _kube_proxy(identity: Identity) -> Component:
    config = write_kube_proxy_config(identity)
    return Component(
        "kube-proxy",
        [f"--config={config}"],
        f"http://{identity.address}:{identity.port('kube-proxy')}/healthz",
    )


def _coredns(identity: Identity) -> Component:
    config = write_corefile(identity)
    return Component(
        "coredns",
        [f"-conf={config}"],
        f"http://{identity.address}:{identity.port('coredns-ready')}/ready",
    )
