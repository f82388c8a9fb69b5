"""The pods' containers, seen from below: images in, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from . import binaries, cgroups
from .errors import ClusterError
from .node_configs import PAUSE_IMAGE, containerd_socket, shim_socket_directory
from .oci import one_program_image
from .processes import holds, run

if TYPE_CHECKING:
    from .paths import Identity


def ctr(identity: Identity, *arguments: str, timeout: float = 120) -> str:
    """containerd's own client, in the namespace that the kubelet uses."""
    program = str(binaries.path("ctr"))
    address = f"--address={containerd_socket(identity)}"
    return run([program, address, "--namespace=k8s.io", *arguments], timeout=timeout)


def images(identity: Identity) -> set[str]:
    """The full names of the images that pods can use."""
    return set(ctr(identity, "images", "list", "--quiet").split())


def load_image(identity: Identity, archive: Path) -> None:
    """Give an OCI or Docker archive to the node."""
    ctr(identity, "images", "import", str(archive), timeout=600)


def import_pause_image(identity: Identity) -> None:
    """The image of every pod's first container."""
    if not holds(lambda: _responds(identity), within=30):
        raise ClusterError("containerd does not answer; see its log with `hack/cluster/logs containerd`")
    if PAUSE_IMAGE not in images(identity):
        archive = one_program_image(binaries.path("pause"), PAUSE_IMAGE, identity.state / "pause.tar")
        ctr(identity, "images", "import", str(archive))
        archive.unlink()


def end_all(identity: Identity) -> None:
    """Kill and forget every container; needs the kubelet gone, or it starts them again.

    Tasks that end while we look are no trouble; what will not go is left to `release`.
    """
    cgroups.kill(identity)
    with contextlib.suppress(ClusterError):
        for container in ctr(identity, "containers", "list", "--quiet", timeout=10).split():
            with contextlib.suppress(ClusterError):
                ctr(identity, "tasks", "delete", "--force", container, timeout=10)
            with contextlib.suppress(ClusterError):
                ctr(identity, "containers", "delete", container, timeout=10)


def release(identity: Identity) -> None:
    """End shims whose containerd has gone, and undo every mount below the cluster's state."""
    for pid in _shims(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not holds(lambda: not _shims(identity), within=10):
        raise ClusterError(f"container shims survive SIGKILL: {_shims(identity)}")
    for mount in reversed(_mounts_below(identity.state)):
        run(["umount", "--lazy", mount])
    shutil.rmtree(shim_socket_directory(identity), ignore_errors=True)
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(identity.state):
            link.unlink()
    for result in Path("/var/lib/cni/results").glob("*"):
        if str(identity.state) in result.read_text(errors="replace"):
            result.unlink()


def refuse_mounts(directory: Path) -> None:
    """Make sure that deleting `directory` deletes nothing that is only mounted there."""
    mounts = _mounts_below(directory)
    if mounts:
        raise ClusterError(f"still mounted, so nothing was deleted; unmount and try again: {', '.join(mounts)}")


def _responds(identity: Identity) -> bool:
    try:
        ctr(identity, "version", timeout=5)
    except ClusterError:
        return False
    return True


def _shims(identity: Identity) -> list[int]:
    needle = str(containerd_socket(identity)).encode()
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith(b"containerd-shim-runc-v2") and needle in words:
            found.append(int(cmdline.parent.name))
    return found


def _mounts_below(directory: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if Path(point).is_relative_to(directory)]
