"""Somebody with the right to write into the tree works against the clean-up, at the worst of moments."""

# Names here are bytes, which pathlib does not take.
# ruff: noqa: PTH118, PTH208

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from cleanups import Cleanup, age, age_all
from test_cleanup import write
from test_trouble import as_nobody, is_root, mounted, tmpfs
from trees import make_files, make_odd, snapshot

from asynctask_stage.data import kernel


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the root, with files as old and of the same names."""
    folder = tmp_path / "outside"
    make_files(folder, 100)
    age_all(folder)
    return folder


@pytest.fixture
def at_move(monkeypatch):
    """Do something once, after a file was checked and right before it is moved."""

    def prepare(act, *, before=True):
        real, acted = os.rename, []

        def rename(source, target, **handles):
            is_ours = "src_dir_fd" in handles
            if before and is_ours and not acted:
                acted.append(True)
                act()
            real(source, target, **handles)
            if not before and is_ours and not acted:
                acted.append(True)
                act()

        monkeypatch.setattr(os, "rename", rename)
        return acted

    return prepare


def one_file(cleanup):
    """A scanned and approved tree with one file in it."""
    path = write(cleanup.root / "d" / "file", b"approved")
    cleanup.config = {"limit_percent": 0}
    cleanup.succeed("scan")
    cleanup.approve()
    return path


def kept(ending):
    """Reasons of the item errors, by path."""
    return {error["path"]: error["reason"] for error in ending["errors"]}


# -- between scan and deletion


def test_a_folder_that_became_a_link_leads_nowhere(cleanup, outside):
    make_files(cleanup.root, 100)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0, "mode": "Delete"}
    cleanup.succeed("scan")
    cleanup.approve()
    before = snapshot(outside)
    shutil.rmtree(cleanup.root / "d000")
    (cleanup.root / "d000").symlink_to(outside / "d000")
    ending = cleanup.stage("delete")

    assert snapshot(outside) == before
    assert ending["outputs"]["files"] == 50
    assert ending["outputs"]["keptBecause"] == {"ChangedSinceScan": 50}


@pytest.mark.parametrize("change", ["content", "touched", "replaced", "linked", "folder", "fifo"])
def test_a_file_that_changed_in_any_way_stays(cleanup, outside, change):
    path = one_file(cleanup)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    if change == "content":
        path.write_bytes(b"another, longer content")
        os.utime(path, ns=times)
    elif change == "touched":
        path.touch()
    elif change == "replaced":
        other = path.with_name("other")
        other.write_bytes(path.read_bytes())
        os.utime(other, ns=times)
        other.rename(path)
    else:
        path.unlink()
        if change == "linked":
            path.symlink_to(outside / "d000" / "f00001")
        elif change == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)
    before = snapshot(cleanup.root / "d"), snapshot(outside)
    ending = cleanup.stage("delete")

    assert kept(ending) == {"d/file": "ChangedSinceScan"}
    assert (snapshot(cleanup.root / "d"), snapshot(outside)) == before
    assert ending["outcome"] == "partial"


@pytest.mark.parametrize(
    "line",
    [
        b'{"path":"../outside/d000/f00001","size":1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"File"}\n',
        b'{"path":"/etc/passwd","size":1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"File"}\n',
        b'{"path":"a//b","size":1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"File"}\n',
        b'{"path":"x","pathBase64":"Li4vYQ==","size":1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"File"}\n',
        b'{"path":"a","size":-1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"File"}\n',
        b'{"path":"a","size":1,"mtimeNs":1,"atimeNs":1,"inode":1,"device":1,"kind":"Folder"}\n',
        b'{"path":"a","size":1}\n',
        b"not json\n",
        b"[]\n",
        b"\n",
        b'{"path":' + b"[" * 5000 + b"\n",
        b'{"path":"' + b"a" * 70_000 + b'"}\n',
    ],
)
def test_a_list_with_a_bad_line_is_refused_as_a_whole(cleanup, line):
    path = one_file(cleanup)
    cleanup.approve_lines([cleanup.artifacts["expired.jsonl"], line])
    ending = cleanup.stage("delete")

    assert (ending["outcome"], ending["class"], ending["reason"]) == ("failed", "permanent", "InvalidList")
    assert path.exists()


def test_a_list_that_is_not_the_approved_one_is_refused(cleanup):
    path = one_file(cleanup)
    cleanup.artifacts["approved.jsonl"] += cleanup.artifacts["expired.jsonl"]
    ending = cleanup.stage("delete")
    assert (ending["class"], ending["reason"]) == ("permanent", "DigestMismatch")
    assert path.exists()


@pytest.mark.parametrize("outputs", [{}, {"artifact": "approved.jsonl"}, {"artifact": "approved.jsonl", "digest": ""}])
def test_without_an_approved_list_nothing_is_deleted(cleanup, outputs):
    path = one_file(cleanup)
    cleanup.outputs["review"] = outputs
    ending = cleanup.stage("delete")
    assert (ending["class"], ending["reason"]) == ("permanent", "NotApproved")
    assert path.exists()


def test_another_folder_at_the_place_of_the_root_is_refused(cleanup):
    one_file(cleanup)
    cleanup.root.rename(cleanup.root.with_name("away"))
    shutil.copytree(cleanup.root.with_name("away"), cleanup.root)
    ending = cleanup.stage("delete")
    assert (ending["class"], ending["reason"]) == ("permanent", "RootChanged")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"limit_files": 9}, "10 files are on the list; the limit is 9"),
        ({"limit_bytes": 1000}, "the limit is 1,000"),
        ({"limit_percent": 10}, "10 of the tree's 20 files, 50.0 %; the limit is 10 %"),
    ],
)
def test_too_much_at_once_is_refused_with_figures_before_anything_goes(cleanup, limit, words):
    make_files(cleanup.root, 20)
    for i in range(10):
        age(cleanup.root / "d000" / f"f{i:05}")
    cleanup.config = limit
    cleanup.succeed("scan")
    cleanup.approve()
    ending = cleanup.stage("delete")

    assert (ending["class"], ending["reason"]) == ("permanent", "LimitExceeded")
    assert words in ending["message"]
    assert len(cleanup.left()) == 20


def test_a_legal_hold_is_honoured_by_the_scan_and_again_by_the_deletion(cleanup):
    for name in ("a/b/file", "c/file", "d/e/file"):
        write(cleanup.root / name)
    (cleanup.root / "a" / ".asynctask-hold").touch()
    cleanup.config = {"limit_percent": 0, "remove_empty_folders": True}
    assert cleanup.succeed("scan")["held"] == 1
    assert [line["path"] for line in cleanup.listed()] == ["c/file", "d/e/file"]
    cleanup.approve()
    (cleanup.root / "d" / ".asynctask-hold").symlink_to("/nowhere")
    ending = cleanup.stage("delete")

    assert kept(ending) == {"d/e/file": "LegalHold"}
    assert cleanup.left() == {"a/b/file", "a/.asynctask-hold", "d/e/file", "d/.asynctask-hold"}


def test_a_hold_on_the_root_holds_everything(cleanup):
    write(cleanup.root / "file")
    (cleanup.root / ".asynctask-hold").touch()
    outputs = cleanup.succeed("scan")
    assert (outputs["items"], outputs["held"]) == (0, 1)


def test_what_was_protected_after_the_scan_stays(cleanup):
    path = one_file(cleanup)
    cleanup.config["protected"] = ["d"]
    assert kept(cleanup.stage("delete")) == {"d/file": "Protected"}
    assert path.exists()


# -- between the look and the move


def test_a_folder_that_moves_out_of_the_tree_in_between_loses_nothing(cleanup, outside, at_move):
    one_file(cleanup)
    acted = at_move(lambda: (cleanup.root / "d").rename(outside / "d"))
    ending = cleanup.stage("delete")

    assert acted
    assert kept(ending) == {"d/file": "ChangedSinceScan"}
    assert (outside / "d" / "file").read_bytes() == b"approved"


def test_a_folder_replaced_by_a_link_in_between_loses_nothing(cleanup, outside, at_move):
    one_file(cleanup)
    write(outside / "d" / "file", b"not approved")
    before = snapshot(outside)

    def swap():
        (cleanup.root / "d").rename(cleanup.root / "d.away")
        (cleanup.root / "d").symlink_to(outside / "d")

    at_move(swap)
    assert kept(cleanup.stage("delete")) == {"d/file": "ChangedSinceScan"}
    assert snapshot(outside) == before
    assert (cleanup.root / "d.away" / "file").read_bytes() == b"approved"


@pytest.mark.parametrize("mode", ["Quarantine", "Delete"])
@pytest.mark.parametrize("kind", ["file", "link", "hard link", "folder", "written"])
def test_a_file_exchanged_in_between_is_put_back(cleanup, outside, at_move, mode, kind):
    path = one_file(cleanup)
    cleanup.config["mode"] = mode
    secret = write(outside / "secret", b"not approved")

    def exchange():
        if kind == "written":
            path.write_bytes(b"new content")
            return
        path.unlink()
        if kind == "file":
            path.write_bytes(b"new content")
        elif kind == "link":
            path.symlink_to(secret)
        elif kind == "hard link":
            os.link(secret, path)
        else:
            path.mkdir()
            (path / "inside").write_bytes(b"new content")

    at_move(exchange)
    assert kept(cleanup.stage("delete")) == {"d/file": "ChangedSinceScan"}
    assert secret.read_bytes() == b"not approved"
    if kind == "folder":
        assert (path / "inside").read_bytes() == b"new content"
    elif kind in ("file", "written"):
        assert path.read_bytes() == b"new content"
    else:
        assert path.samefile(secret)


def test_what_cannot_be_put_back_waits_in_quarantine_even_when_deleting_for_good(cleanup, at_move, monkeypatch):
    path = one_file(cleanup)
    cleanup.config["mode"] = "Delete"
    real = kernel.refresh

    def occupy(folder, name):
        real(folder, name)
        if not path.exists():
            path.write_bytes(b"quick")

    monkeypatch.setattr(kernel, "refresh", occupy)
    at_move(lambda: path.write_bytes(b"changed"))
    ending = cleanup.stage("delete")

    assert kept(ending) == {"d/file": "NotPutBack"}
    assert path.read_bytes() == b"quick"
    path.unlink()
    assert cleanup.quarantine.exists()
    place = next(cleanup.quarantine.glob("0000/*"))
    assert place.read_bytes() == b"changed"


def test_a_folder_filled_while_it_is_removed_is_put_back(cleanup, monkeypatch):
    path = one_file(cleanup)
    cleanup.config["remove_empty_folders"] = True
    real = os.rename

    def rename(source, target, **handles):
        if source == b"d":
            (path.parent / "late").write_bytes(b"late")
        real(source, target, **handles)

    monkeypatch.setattr(os, "rename", rename)
    cleanup.succeed("delete")
    assert (path.parent / "late").read_bytes() == b"late"


# -- all the time


def identity(path):
    """Which file it is; the number alone may be another's after a deletion."""
    return path.stat().st_ino, path.read_bytes()


@contextlib.contextmanager
def exchanged(root, outside, *, hidden, folders):
    """A thread that hides folders of the tree and puts links to those outside in their place, and back."""
    stop, swaps = threading.Event(), []

    def swap():
        rng = random.Random(1)
        while not stop.is_set():
            name = f"d{rng.randrange(folders):03}"
            for act in (
                lambda name=name: (root / name).rename(hidden),
                lambda name=name: (root / name).symlink_to(outside / name),
                lambda: time.sleep(rng.random() / 1000),
                lambda name=name: (root / name).unlink(),
                lambda name=name: hidden.rename(root / name),
            ):
                with contextlib.suppress(OSError):
                    act()
            swaps.append(name)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("mode", ["Quarantine", "Delete"])
def test_nothing_outside_changes_while_folders_are_exchanged_for_links_all_the_time(cleanup, outside, mode):
    make_files(cleanup.root, 1000, 20, per_directory=20)
    age_all(cleanup.root)
    shutil.rmtree(outside)
    shutil.copytree(cleanup.root, outside)
    files = {identity(path) for path in cleanup.root.rglob("f*") if path.is_file()}
    before = snapshot(outside)
    cleanup.config = {"limit_percent": 0, "mode": mode, "remove_empty_folders": True}
    cleanup.succeed("scan")
    cleanup.approve()
    with exchanged(cleanup.root, outside, hidden=cleanup.root.parent / "hidden", folders=50) as swaps:
        ending = cleanup.stage("delete")

    assert swaps
    assert snapshot(outside) == before
    assert ending["outcome"] in ("succeeded", "partial"), ending
    rest = {identity(p) for p in cleanup.root.parent.rglob("*") if p.is_file() and not p.is_symlink()}
    missing = files - rest
    assert len(missing) == (ending["outputs"]["files"] if mode == "Delete" else 0)


def test_undo_never_leaves_the_tree_while_folders_are_exchanged(cleanup, outside):
    make_files(cleanup.root, 1000, 20, per_directory=20)
    age_all(cleanup.root)
    inodes = {path.stat().st_ino for path in cleanup.root.rglob("f*") if path.is_file()}
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    shutil.rmtree(outside)
    for i in range(50):
        (outside / f"d{i:03}").mkdir(parents=True)
    before = snapshot(outside)
    with exchanged(cleanup.root, outside, hidden=cleanup.root / "hidden", folders=50) as swaps:
        ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")

    assert swaps
    assert ending["outcome"] in ("succeeded", "partial"), ending
    assert snapshot(outside) == before
    rest = {path.stat().st_ino for path in cleanup.root.rglob("*") if path.is_file()}
    assert inodes <= rest


# -- the quarantine


@is_root
@pytest.mark.parametrize("how", ["open", "foreign", "link", "file", "copied"])
def test_a_quarantine_that_others_have_a_hand_in_is_refused(cleanup, outside, how):
    path = one_file(cleanup)
    area = cleanup.root / ".asynctask-quarantine"
    if how == "open":
        area.mkdir()
        area.chmod(0o770)
    elif how == "foreign":
        area.mkdir()
        area.chmod(0o700)
        os.chown(area, 1234, 1234)
    elif how == "link":
        area.symlink_to(outside)
    elif how == "file":
        area.touch()
    else:
        cleanup.succeed("delete")
        name = cleanup.quarantine.name
        cleanup.quarantine.rename(area / "old")
        shutil.copytree(area / "old", area / name)
        shutil.rmtree(area / "old")
        (area / name).chmod(0o700)
        ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")
        assert (ending["class"], ending["reason"]) == ("permanent", "ManifestDamaged")
        return
    ending = cleanup.stage("delete")
    assert ending["class"] == "permanent"
    assert ending["reason"] == ("QuarantineUnavailable" if how in ("link", "file") else "QuarantineUnsafe")
    assert path.read_bytes() == b"approved"


def test_on_storage_without_permissions_the_config_may_allow_it(cleanup):
    one_file(cleanup)
    (cleanup.root / ".asynctask-quarantine").mkdir(mode=0o755)
    cleanup.config["shared_quarantine"] = True
    assert cleanup.succeed("delete")["files"] == 1
    assert cleanup.undo(shared_quarantine=True)["files"] == 1


def test_a_manifest_that_names_what_lies_elsewhere_is_not_followed(cleanup, outside):
    one_file(cleanup)
    cleanup.succeed("delete")
    manifest = cleanup.quarantine / "manifest.jsonl"
    head, line = manifest.read_text().splitlines()
    manifest.write_text(head + "\n" + json.dumps({**json.loads(line), "path": "../outside/new"}) + "\n")
    ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")
    assert (ending["class"], ending["reason"]) == ("permanent", "ManifestDamaged")
    assert not (outside / "new").exists()


@pytest.mark.parametrize("lacks", ["rename", "links too"])
def test_file_systems_that_cannot_rename_without_replacing(cleanup, monkeypatch, lacks):
    make_files(cleanup.root, 5)
    write(cleanup.root / "e" / "old")
    age_all(cleanup.root)
    before = {path: (cleanup.root / path).read_bytes() for path in cleanup.left()}
    cleanup.config = {"limit_percent": 0, "remove_empty_folders": True}
    cleanup.clean()
    write(cleanup.root / "d000" / "f00002", b"new")
    monkeypatch.setattr(kernel, "rename_new", lambda *_: False)
    if lacks == "links too":

        def link(*_, **__):
            raise PermissionError(1, "no links")

        monkeypatch.setattr(os, "link", link)
    ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")

    assert kept(ending) == {"d000/f00002": "NameTaken"}
    assert {path: (cleanup.root / path).read_bytes() for path in cleanup.left()} == before | {"d000/f00002": b"new"}


# -- roots and mounts


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


@is_root
def test_an_access_list_that_the_root_hands_down_lets_nobody_into_the_quarantine(cleanup):
    one_file(cleanup)
    done = subprocess.run(
        [shutil.which("setfacl") or "false", "-d", "-m", "u:1234:rwx,g::rwx,o::rwx", str(cleanup.root)], check=False
    )
    if done.returncode != 0:
        pytest.skip("needs access lists")
    cleanup.root.chmod(0o777)
    cleanup.succeed("delete")
    for folder in (cleanup.quarantine.parent, cleanup.quarantine, cleanup.quarantine / "0000"):
        assert folder.stat().st_mode & 0o077 == 0
    assert cleanup.undo()["files"] == 1
