"""The commands hack/cluster/up, down, status, logs, storage and tool."""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import binaries, paths, providers, storage
from .components import PROFILES
from .errors import ClusterError
from .kubectl import Kubectl
from .native import DEFAULT_NAME, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable


def command(main: Callable[[], int]) -> Callable[[], int]:
    """Turn what a person has to act on into one message and exit code 1."""

    @functools.wraps(main)
    def guarded() -> int:
        try:
            return main()
        except ClusterError as trouble:
            print(f"error: {trouble}", file=sys.stderr)
            return 1
        except BrokenPipeError:  # `status | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except KeyboardInterrupt:
            print("interrupted; run the same command again to go on", file=sys.stderr)
            return 130

    return guarded


@command
def up() -> int:
    """Start a cluster, or say that it runs."""
    parser = _parser("Start a local Kubernetes, or bring back what has stopped. Safe to run again.")
    parser.add_argument("--provider", choices=providers.PROVIDERS, default="auto", help=(
        "existing: the cluster of KUBECONFIG or --kubeconfig; kind: in Docker; native: processes on this machine,"
        " built from source once; auto (default): the first of these that is possible"
    ))  # fmt: skip
    parser.add_argument("--profile", choices=PROFILES, default="node", help=(
        "node (default): pods really run; control-plane: API server and controllers, tests play the kubelet;"
        " load: fake nodes that run thousands of pods, raised client limits"
    ))  # fmt: skip
    parser.add_argument("--kubeconfig", help="use this existing cluster")
    parser.add_argument("--audit", action="store_true", help="write the API server's audit log (native)")
    parser.add_argument("--nodes", type=int, default=10, help="how many fake nodes (load profile; default 10)")
    options = parser.parse_args()
    given = providers.given_kubeconfig(options.kubeconfig)
    provider, reason = providers.choose(options.provider, options.profile, given, options.name)
    print(f"Provider: {provider} ({reason})", flush=True)
    if provider == "kind":
        try:
            return _report(providers.kind_up(options.name))
        except ClusterError as trouble:
            if options.provider == "kind":
                raise
            print(f"kind failed, going on with the native provider. It said:\n{trouble}", flush=True)
    if provider == "existing":
        return _report(providers.check_existing(str(binaries.tool("kubectl")), given))
    cluster = Cluster(options.name, options.profile, audit=options.audit, nodes=options.nodes).up()
    return _report(cluster.kubeconfig)


@command
def down() -> int:
    """End a cluster and everything it started."""
    parser = _parser("End a local cluster: every process, mount and network, and its data; images go too.")
    parser.add_argument("--keep", action="store_true", help="keep the data, so that `up` goes on where it was")
    parser.add_argument("--all", action="store_true", help="end all local clusters")
    options = parser.parse_args()
    for name in paths.all_names() if options.all else [options.name]:
        if providers.is_kind(name):
            providers.kind_down(name)
        elif paths.load(name) is None:
            print(f"There is no cluster {name}.")
            continue
        else:
            Cluster.existing(name).down(keep=options.keep)
        print(f"Cluster {name} is down.")
    return 0


@command
def status() -> int:
    """Tell which components run; exit code 3 if one doesn't."""
    parser = _parser("Tell which components of a cluster run. Exit code 0: all; 3: not all; 1: no such cluster.")
    parser.add_argument("--kubeconfig-path", action="store_true", help="print only the path of the kubeconfig file")
    parser.add_argument("--all", action="store_true", help="only list the local clusters")
    options = parser.parse_args()
    if options.all:
        for name in paths.all_names():
            print(name, "kind" if providers.is_kind(name) else Cluster.existing(name).profile)
        return 0
    if providers.is_kind(options.name):
        print(paths.state_root() / options.name / "kubeconfig")
        return 0
    cluster = Cluster.existing(options.name)
    if options.kubeconfig_path:
        print(cluster.kubeconfig)
        return 0
    healthy = {name: cluster.is_healthy(name) for name in cluster.components}
    print(f"Cluster {cluster.name}, profile {cluster.profile}")
    for name, well in healthy.items():
        state = "ok" if well else "no answer" if cluster.pid(name) else "stopped"
        print(f"  {name:24} {state:10} pid {cluster.pid(name) or '-':<8} {cluster.log_path(name)}")
    print(f"kubeconfig: {cluster.kubeconfig}")
    return 0 if all(healthy.values()) else 3


@command
def logs() -> int:
    """Show a component's log."""
    parser = _parser("Show the log of a component; without one, list the log files.")
    parser.add_argument("component", nargs="?", help="for example kubelet")
    parser.add_argument("-n", "--lines", default="100", help="how many of the last lines (default 100)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    options = parser.parse_args()
    cluster = Cluster.existing(options.name)
    if options.component is None:
        print("\n".join(str(cluster.log_path(name)) for name in cluster.components))
        return 0
    follow = ["-F"] if options.follow else []
    return subprocess.call(["tail", "-n", options.lines, *follow, str(cluster.log_path(options.component))])


@command
def storage_claim() -> int:
    """Make a claim over a directory."""
    parser = _parser("Make a claim over a directory of this machine, writable for every pod. Safe to run again.")
    parser.add_argument("--kubeconfig", help="the kubeconfig file, if it isn't one of the local clusters'")
    parser.add_argument("--size", default="10Gi", help="what the claim says it holds; not enforced")
    parser.add_argument("namespace", help="made if it isn't there")
    parser.add_argument("claim", help="the name of the PersistentVolumeClaim")
    parser.add_argument("directory", nargs="?", type=Path, help=(
        "made with mode 0777 if it isn't there; default: below the cluster's state, and so deleted with it"
        " (with kind it must be there, other directories of this machine aren't visible to the node)"
    ))  # fmt: skip
    options = parser.parse_args()
    state = paths.state_root() / options.name
    kubeconfig = Path(options.kubeconfig) if options.kubeconfig else state / "kubeconfig"
    directory = options.directory or state / "storage" / options.namespace / options.claim
    kubectl = Kubectl(str(binaries.tool("kubectl")), kubeconfig)
    storage.claim(kubectl, options.namespace, options.claim, directory.absolute(), size=options.size)
    print(f"Claim {options.namespace}/{options.claim} is bound to {directory}")
    return 0


@command
def tool() -> int:
    """Print where a program is."""
    parser = argparse.ArgumentParser(
        description="Print the path of kubectl, helm, ctr, … built if need be (helm: the one on PATH if there is one)."
    )
    parser.add_argument("program", choices=sorted(binaries.BINARIES))
    print(binaries.tool(parser.parse_args().program))
    return 0


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--name", default=DEFAULT_NAME, help=f"which cluster (default {DEFAULT_NAME})")
    return parser


def _report(kubeconfig: Path) -> int:
    print(f"Next:  export KUBECONFIG={kubeconfig}")
    return 0
