"""Roots, mounts, rights, names and file systems of all kinds."""

# Names here are bytes, which pathlib does not take.
# ruff: noqa: PTH118, PTH208

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cleanups import age, age_all, kept, one_file, write
from places import as_nobody, is_root, mounted, tmpfs
from trees import make_files, make_odd


def test_an_empty_root_fails_and_asks_whether_it_is_mounted(cleanup):
    ending = cleanup.stage("scan")
    assert (ending["class"], ending["reason"]) == ("permanent", "RootEmpty")
    assert "mounted" in ending["message"]


@is_root
def test_what_is_mounted_below_and_no_longer_read_is_left_alone(cleanup):
    write(cleanup.root / "file")
    with tmpfs(cleanup.root / "mount", 8):
        write(cleanup.root / "mount" / "file")
        outputs = cleanup.succeed("scan")
    assert (outputs["items"], outputs["skippedMounts"]) == (1, 1)


@is_root
def test_something_mounted_over_a_folder_after_the_scan_is_left_alone(cleanup):
    path = one_file(cleanup)
    with tmpfs(cleanup.root / "d", 8):
        write(cleanup.root / "d" / "file", b"approved")
        assert kept(cleanup.stage("delete")) == {"d/file": "ChangedSinceScan"}
        assert path.exists()


@is_root
def test_storage_that_keeps_no_access_times_is_no_base_for_their_age(cleanup):
    with mounted(cleanup.root, "-t", "tmpfs", "-o", "noatime", "tmpfs"):
        write(cleanup.root / "file")
        cleanup.config = {"age_by": "access"}
        ending = cleanup.stage("scan")
    assert (ending["class"], ending["reason"]) == ("permanent", "NoAccessTimes")


@is_root
def test_unreadable_folders_are_item_errors_and_never_count_as_empty(cleanup):
    write(cleanup.root / "a" / "secret" / "file")
    write(cleanup.root / "a" / "file")
    (cleanup.root / "a" / "secret").chmod(0)
    cleanup.config = {"limit_percent": 0, "remove_empty_folders": True}
    with as_nobody(cleanup.root.parent, cleanup.workspace, cleanup.root, cleanup.root / "a"):
        scan = cleanup.stage("scan")
        cleanup.approve()
        cleanup.stage("delete")
        cleanup.succeed("report")

    assert (scan["outcome"], kept(scan)) == ("partial", {"a/secret": "PermissionDenied"})
    assert scan["outputs"]["unreadableFolders"] == 1
    assert (cleanup.root / "a" / "secret" / "file").exists()
    assert "1 folders could not be read" in cleanup.artifacts["cleanup-report.md"].decode()


@is_root
def test_files_that_may_not_be_taken_are_item_errors(cleanup):
    write(cleanup.root / "closed" / "file")
    write(cleanup.root / "open" / "file")
    (cleanup.root / "closed").chmod(0o755)
    cleanup.config = {"limit_percent": 0}
    with as_nobody(cleanup.root.parent, cleanup.workspace, cleanup.root, cleanup.root / "open"):
        cleanup.succeed("scan")
        cleanup.approve()
        ending = cleanup.stage("delete")
    assert kept(ending) == {"closed/file": "PermissionDenied"}
    assert cleanup.left() == {"closed/file"}


def test_names_of_any_bytes_go_and_come_back(cleanup):
    names = [b"new\nline", b"bad\xff\xfe utf8", b"-rf", "中文".encode(), b"n" * 255, b'q"\\']
    for name in names:
        path = Path(os.fsdecode(os.path.join(os.fsencode(cleanup.root), name)))
        path.write_bytes(name)
        age(path)
    cleanup.config = {"limit_percent": 0}
    assert cleanup.clean()["files"] == len(names)
    lines = {hashlib.sha256(line["path"].encode()).hexdigest(): line for line in cleanup.listed()}
    assert sum("pathBase64" in line for line in lines.values()) == 1
    assert cleanup.undo()["files"] == len(names)
    assert sorted(os.listdir(os.fsencode(cleanup.root))) == sorted(names)


@is_root
@pytest.mark.parametrize("kind", ["tmpfs", "xfs", "ext4"])
def test_other_file_systems(cleanup, kind):
    """Each of its own, with what it can and can't: inode numbers, access lists that new folders inherit."""
    options = ["-t", "tmpfs", "tmpfs"]
    if kind != "tmpfs":
        if not shutil.which(f"mkfs.{kind}"):
            pytest.skip(f"needs mkfs.{kind}")
        image = cleanup.workspace.parent / "disk"
        with image.open("wb") as file:
            file.truncate(400 << 20)
        subprocess.run([f"mkfs.{kind}", "-q", str(image)], check=True)
        options = ["-o", "loop", str(image)]
    with mounted(cleanup.root, *options):
        make_odd(cleanup.root)
        make_files(cleanup.root, 500)
        age_all(cleanup.root)
        before = {path: (cleanup.root / path).lstat() for path in cleanup.left()}
        cleanup.config = {"limit_percent": 0, "remove_empty_folders": True}
        count = cleanup.clean()["files"]
        assert count > 500
        assert cleanup.undo()["files"] == count
        after = {path: (cleanup.root / path).lstat() for path in cleanup.left()}
        for path in before.keys() | after.keys():
            assert after[path].st_ino == before[path].st_ino
            assert after[path].st_mtime_ns == before[path].st_mtime_ns
