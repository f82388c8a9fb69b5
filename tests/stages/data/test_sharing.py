"""Copies that share their blocks, on a file system that can."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "files"))

from backups import Backup
from trees import block

MIB = 1 << 20


@pytest.fixture
def volume(tmp_path):
    """A small XFS."""
    if os.geteuid() != 0 or not shutil.which("mkfs.xfs"):
        pytest.skip("needs root and mkfs.xfs")
    image, top = tmp_path / "image", tmp_path / "volume"
    with image.open("wb") as file:
        file.truncate(400 * MIB)
    subprocess.run(["mkfs.xfs", "-q", str(image)], check=True)
    top.mkdir()
    done = subprocess.run(["mount", "-o", "loop", str(image), str(top)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"loop mounts are not allowed here: {done.stderr.strip()}")
    yield top
    subprocess.run(["umount", "-l", str(top)], check=True)


def test_a_copy_on_the_same_volume_takes_no_room(volume, tmp_path):
    backup = Backup(volume / "source", volume / "target", tmp_path / "workspace")
    backup.source.mkdir()
    backup.workspace.mkdir()
    for i in range(3):
        (backup.source / f"large{i}").write_bytes(block(i, 60 * MIB))
    (backup.source / "small").write_bytes(block(9, 500_000))
    (backup.source / "tiny").write_bytes(b"1")
    free = os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize

    endings = backup.run()

    used = free - os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize
    assert used < 20 * MIB
    assert endings["metadata"]["outputs"]["neededBytes"] == 0
    assert endings["content"]["outputs"]["filesShared"] == 4
    assert endings["verify"]["outputs"]["filesVerified"] == 5
    for path in backup.source.iterdir():
        assert (backup.target / path.name).read_bytes() == path.read_bytes()


def test_damage_to_a_shared_copy_is_found(volume, tmp_path):
    backup = Backup(volume / "source", volume / "target", tmp_path / "workspace")
    backup.source.mkdir()
    backup.workspace.mkdir()
    (backup.source / "large").write_bytes(block(1, 40 * MIB))
    backup.stage("metadata")
    backup.stage("content")
    info = (backup.target / "large").stat()
    with (backup.target / "large").open("r+b") as file:
        file.seek(30 * MIB)
        file.write(b"damage")
    os.utime(backup.target / "large", ns=(info.st_atime_ns, info.st_mtime_ns))

    backup.stage("verify")

    assert [error["reason"] for error in backup.errors("verify")] == ["VerifyMismatch"]
