"""Build Kubernetes and its companions from Go modules, once per version, outside the checkout."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import ClusterError
from .paths import cache_root, locked

GO_MODULES = Path(__file__).parent.parent / "go"
KUBERNETES = "k8s.io/kubernetes"
CONTAINERD = "github.com/containerd/containerd/v2"


@dataclass(frozen=True)
class Binary:
    """How one program is built: the folder with its go.mod, its package, the module whose version it carries."""

    folder: str
    package: str
    versioned_by: str = ""
    version_variable: str = ""
    tags: str = ""
    cold_seconds: int = 60


def _kubernetes(name: str, cold_seconds: int) -> Binary:
    variable = "k8s.io/component-base/version.gitVersion"
    return Binary("kubernetes", f"{KUBERNETES}/cmd/{name}", KUBERNETES, variable, cold_seconds=cold_seconds)


def _containerd(name: str, cold_seconds: int) -> Binary:
    variable = f"{CONTAINERD}/version.Version"
    tags = "no_btrfs,no_zfs,no_devmapper"
    return Binary("containerd", f"{CONTAINERD}/cmd/{name}", CONTAINERD, variable, tags, cold_seconds)


BINARIES = {
    "etcd": Binary("kubernetes", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", cold_seconds=45),
    "kube-apiserver": _kubernetes("kube-apiserver", 180),
    "kube-controller-manager": _kubernetes("kube-controller-manager", 50),
    "kube-scheduler": _kubernetes("kube-scheduler", 5),
    "kubectl": _kubernetes("kubectl", 20),
    "kubelet": _kubernetes("kubelet", 15),
    "kube-proxy": _kubernetes("kube-proxy", 15),
    "containerd": _containerd("containerd", 40),
    "containerd-shim-runc-v2": _containerd("containerd-shim-runc-v2", 5),
    "ctr": _containerd("ctr", 5),
    "coredns": Binary("coredns", "github.com/coredns/coredns", "github.com/coredns/coredns", cold_seconds=85),
    "kwok": Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok", cold_seconds=60),
    "helm": Binary("helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4", cold_seconds=120),
    "pause": Binary("pause", ".", cold_seconds=1),
}


def version(name: str) -> str:
    """The version that `name` is built from, for example v1.36.3."""
    binary = BINARIES[name]
    go_mod = (GO_MODULES / binary.folder / "go.mod").read_text()
    found = re.search(rf"^(?:require)?\s*{re.escape(binary.versioned_by)} (v\S+)", go_mod, re.MULTILINE)
    return found[1] if binary.versioned_by and found else "v1"


def path(name: str) -> Path:
    """Where the program is, or will be once it is built."""
    folder = BINARIES[name].folder
    key = hashlib.sha256()
    for source in sorted((GO_MODULES / folder).iterdir()):
        key.update(source.name.encode() + b"\0" + source.read_bytes())
    return cache_root() / "bin" / f"{folder}-{version(name)}-{key.hexdigest()[:10]}" / name


def ensure(*names: str) -> None:
    """Build what is missing, telling the progress. Several callers at once build each program once."""
    missing = [name for name in names if not path(name).exists()]
    if not missing:
        return
    expected = sum(BINARIES[name].cold_seconds for name in missing)
    print(f"Building {', '.join(missing)}: about {expected // 60 + 1} min on two cores, once", flush=True)
    for number, name in enumerate(missing, start=1):
        with locked(cache_root() / "bin" / f".{BINARIES[name].folder}.lock"):
            if not path(name).exists():
                _build(name, f"[{number}/{len(missing)}]")


def tool(name: str) -> Path:
    """A program for people and tests, `helm` or `kubectl`: `helm` from PATH if there is one, else built."""
    on_path = shutil.which(name) if name == "helm" else None
    if on_path:
        return Path(on_path)
    if name not in BINARIES:
        raise ClusterError(f"no tool called {name!r}; there are: {', '.join(sorted(BINARIES))}")
    ensure(name)
    return path(name)


def _build(name: str, position: str) -> None:
    binary, target = BINARIES[name], path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    flags = "-s -w"
    if binary.version_variable:
        flags += f" -X {binary.version_variable}={version(name)}"
    command = [_go(), "build", "-trimpath", "-ldflags", flags, "-o", str(unfinished)]
    command += ["-tags", binary.tags] if binary.tags else []
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    print(f"  {position} {name} {version(name)}: ", end=" ", flush=True)
    started = time.monotonic()
    built = subprocess.run(
        [*command, binary.package],
        cwd=GO_MODULES / binary.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        print("failed", flush=True)
        raise ClusterError(f"`go build` of {name} failed:\n{built.stderr[-3000:]}")
    unfinished.replace(target)
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def _go() -> str:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        raise ClusterError("Go is not on PATH; run `hack/setup node`, or use --provider kind or --kubeconfig FILE")
    return found
