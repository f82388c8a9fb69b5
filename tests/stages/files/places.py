"""Users without rights and file systems of their own, for tests that root runs."""

import contextlib
import os
import subprocess

import pytest

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and other users need root")


@contextlib.contextmanager
def as_nobody(*owned):
    """Act as a user without rights, to whom ``owned`` is given."""
    for path in owned:
        for parent in [path, *path.parents][:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        os.chown(path, 65534, 65534)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def mounted(path, *options):
    """A small file system of its own at ``path``."""
    path.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounts are not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def tmpfs(path, size):
    """A tmpfs of so many MiB."""
    return mounted(path, "-t", "tmpfs", "-o", f"size={size}m", "tmpfs")
