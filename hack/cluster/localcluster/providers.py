"""Which Kubernetes is used: an existing one, kind, or processes on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from . import paths
from .errors import ClusterError
from .processes import run

PROVIDERS = ("auto", "existing", "kind", "native")


def choose(provider: str, profile: str, kubeconfig: str | None, name: str) -> tuple[str, str]:
    """The provider to use and why."""
    if provider != "auto":
        return provider, "asked for"
    if paths.load(name) is not None:
        return "native", f"{name} is one already"
    if kubeconfig:
        return "existing", f"a kubeconfig was given: {kubeconfig}"
    if profile != "node":
        return "native", f"the {profile} profile needs no containers"
    if not docker_works():
        return "native", "no Docker daemon answers"
    if not shutil.which("kind"):
        return "native", "Docker works, but `kind` is not on PATH"
    return "kind", "Docker works and kind is on PATH"


def docker_works() -> bool:
    """Whether a Docker daemon answers."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def given_kubeconfig(option: str | None) -> str | None:
    """The kubeconfig that the user names, by option or environment; one of our own clusters' doesn't count."""
    named = option or os.environ.get("KUBECONFIG")
    return None if not named or Path(named).is_relative_to(paths.state_root()) else named


def check_existing(kubectl: str, kubeconfig: str | None) -> Path:
    """The kubeconfig of a cluster that somebody else runs, once it answers."""
    if not kubeconfig:
        raise ClusterError("--provider existing needs --kubeconfig FILE or KUBECONFIG")
    run([kubectl, f"--kubeconfig={kubeconfig}", "get", "--raw=/readyz", "--request-timeout=20s"])
    return Path(kubeconfig).absolute()


def kind_up(name: str) -> Path:
    """Create the kind cluster `name`, unless it is there; returns its kubeconfig."""
    state = paths.state_root() / name
    storage = state / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    storage.chmod(0o777)
    kubeconfig = state / "kubeconfig"
    if name in run(["kind", "get", "clusters"]).split():
        run(["kind", "export", "kubeconfig", "--name", name, "--kubeconfig", str(kubeconfig)])
        return kubeconfig
    mount = {"hostPath": str(storage), "containerPath": str(storage)}
    config = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane", "extraMounts": [mount]}],
    }
    command = ["kind", "create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "120s"]
    run([*command, "--config", "-"], stdin=json.dumps(config), timeout=900)
    (state / "kind").touch()
    return kubeconfig


def kind_down(name: str) -> None:
    """Delete the kind cluster `name`."""
    run(["kind", "delete", "cluster", "--name", name], timeout=180)
    shutil.rmtree(paths.state_root() / name, ignore_errors=True)


def is_kind(name: str) -> bool:
    """Whether the cluster `name` was made by `kind_up`."""
    return (paths.state_root() / name / "kind").exists()
