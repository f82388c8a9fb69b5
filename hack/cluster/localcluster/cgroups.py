"""The control group below which a cluster's pods live; of its own, so that two kubelets don't clean up each other's."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ClusterError
from .processes import holds

if TYPE_CHECKING:
    from .paths import Identity

ROOT = Path("/sys/fs/cgroup")


def create(identity: Identity) -> None:
    """Make the group in every hierarchy, version 1 or 2, unless it is there."""
    if (ROOT / "cgroup.controllers").exists():
        controllers = (ROOT / "cgroup.controllers").read_text().split()
        wanted = " ".join(f"+{name}" for name in controllers)
        (ROOT / "cgroup.subtree_control").write_text(wanted)
        (ROOT / identity.cgroup).mkdir(exist_ok=True)
        (ROOT / identity.cgroup / "cgroup.subtree_control").write_text(wanted)
        return
    for hierarchy in _hierarchies():
        group = hierarchy / identity.cgroup
        group.mkdir(exist_ok=True)
        for inherited in ("cpuset.cpus", "cpuset.mems"):
            if (group / inherited).exists() and not (group / inherited).read_text().strip():
                (group / inherited).write_text((hierarchy / inherited).read_text())


def kill(identity: Identity) -> None:
    """Kill every process of the cluster's pods; returns once they are gone."""
    groups = _groups(identity)
    if not holds(lambda: not _kill_all(groups), within=20):
        raise ClusterError(f"processes of {identity.name}'s pods survive SIGKILL: {sorted(_kill_all(groups))}")


def remove(identity: Identity) -> None:
    """Kill what still runs in the group, then remove it."""
    kill(identity)
    for group in _groups(identity):
        for directory, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(FileNotFoundError):
                Path(directory).rmdir()


def _groups(identity: Identity) -> list[Path]:
    return [base / identity.cgroup for base in (ROOT, *_hierarchies()) if (base / identity.cgroup).is_dir()]


def _kill_all(groups: list[Path]) -> set[int]:
    members: set[int] = set()
    for group in groups:
        for directory, _, _ in os.walk(group):  # unlike rglob it bears groups that go meanwhile
            with contextlib.suppress(OSError):
                members.update(map(int, (Path(directory) / "cgroup.procs").read_text().split()))
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return members


def _hierarchies() -> list[Path]:
    return [path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink() and _is_hierarchy(path)]


def _is_hierarchy(path: Path) -> bool:
    return path.is_mount() and (path / "cgroup.procs").exists()
