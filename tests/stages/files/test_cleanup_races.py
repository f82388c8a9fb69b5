"""Somebody with the right to write into the tree works against the clean-up, at the worst of moments."""

import contextlib
import os
import random
import shutil
import threading
import time

import pytest
from cleanups import Cleanup, age_all, kept, one_file, write
from trees import make_files, snapshot

from asynctask_stage.data import kernel


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
