"""What changed between the scan and the deletion stays; a list, a root or a config that is not the approved one deletes nothing."""

import os
import shutil

import pytest
from cleanups import age, age_all, kept, one_file, write
from trees import make_files, snapshot


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
