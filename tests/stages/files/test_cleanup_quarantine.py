"""The quarantine is nobody else's, and what came back from it overwrites nothing."""

import json
import os
import shutil
import subprocess

import pytest
from cleanups import Cleanup, age_all, kept, one_file, write
from places import is_root
from trees import make_files

from asynctask_stage.data import kernel


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
