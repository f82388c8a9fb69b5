"""expired-cleanup with nothing in its way: scan, review, delete, undo, purge, report."""

import json
import os
import shutil
import time

import pytest
from cleanups import DAY, OLD, Cleanup, age, age_all, write
from trees import make_files, make_odd, snapshot


def test_what_is_old_is_listed_smallest_first_and_what_is_young_is_not(cleanup):
    write(cleanup.root / "large", b"x" * 5000)
    write(cleanup.root / "a" / "small", b"x")
    write(cleanup.root / "young", seconds=DAY)
    outputs = cleanup.succeed("scan")

    assert [line["path"] for line in cleanup.listed()] == ["a/small", "large"]
    found = (cleanup.root / "large").stat()
    assert cleanup.listed()[1] == {
        "path": "large",
        "size": 5000,
        "mtimeNs": found.st_mtime_ns,
        "atimeNs": found.st_atime_ns,
        "inode": found.st_ino,
        "device": found.st_dev,
        "kind": "File",
    }
    assert (outputs["items"], outputs["bytes"], outputs["filesSeen"]) == (2, 5001, 3)


def test_approved_files_go_into_quarantine_and_undo_puts_everything_back(cleanup):
    make_odd(cleanup.root)
    make_files(cleanup.root, 300)
    age_all(cleanup.root)
    before = snapshot(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    outputs = cleanup.clean()

    files = sum(1 for path in before if stat_is_file(before[path]))
    assert outputs["files"] == files
    assert not any(stat_is_file(found) for found in snapshot_of_tree(cleanup).values())
    restored = cleanup.undo()
    assert (restored["files"], restored["left"], restored["isEmpty"]) == (files, 0, True)
    after = snapshot(cleanup.root)
    assert without_folder_times(after) == without_folder_times(before)


def stat_is_file(found):
    """Whether a snapshot's entry is a regular file."""
    return found[0] == 0o100000


def snapshot_of_tree(cleanup):
    """A snapshot without the quarantine."""
    found = snapshot(cleanup.root)
    return {path: what for path, what in found.items() if not path.startswith(b".asynctask-quarantine")}


def without_folder_times(found):
    """Folders change when something is taken from them and put back."""
    return {path: (*what[:4], what[4] if what[0] != 0o040000 else None, *what[5:]) for path, what in found.items()}


def test_only_what_was_approved_goes(cleanup):
    make_files(cleanup.root, 100)
    age_all(cleanup.root)
    cleanup.succeed("scan")
    cleanup.approve(lambda line: line["path"].endswith("7"))
    outputs = cleanup.succeed("delete")

    assert outputs["files"] == 10
    assert len(cleanup.left()) == 90
    assert not any(path.endswith("7") for path in cleanup.left())


def test_deleting_for_good_leaves_neither_files_nor_quarantine(cleanup):
    make_files(cleanup.root, 100)
    write(cleanup.root / "young", seconds=1)
    age_all(cleanup.root / "d000")
    cleanup.config = {"mode": "Delete"}
    outputs = cleanup.clean()

    assert (outputs["files"], outputs["quarantine"]) == (50, "")
    assert not (cleanup.root / ".asynctask-quarantine").exists()
    assert len(cleanup.left()) == 51


def test_with_nothing_expired_the_report_says_so(cleanup):
    write(cleanup.root / "young", seconds=DAY)
    assert cleanup.succeed("scan")["items"] == 0
    cleanup.succeed("report")
    assert "Nothing has expired." in cleanup.artifacts["cleanup-report.md"].decode()


@pytest.mark.parametrize(("language", "words"), [("en", "moved into quarantine"), ("zh", "已移入隔离区")])
def test_the_report_tells_people_and_programs_what_happened(cleanup, language, words):
    make_files(cleanup.root, 20)
    age_all(cleanup.root)
    cleanup.config = {"language": language, "limit_percent": 100}
    cleanup.succeed("scan")
    cleanup.approve()
    write(cleanup.root / "d000" / "f00003", b"changed", seconds=0)
    cleanup.stage("delete")
    cleanup.succeed("report")

    report = json.loads(cleanup.artifacts["cleanup-report.json"])
    assert (report["quarantined"], report["kept"], report["keptBecause"]) == (19, 1, {"ChangedSinceScan": 1})
    assert report["firstErrors"][0]["path"] == "d000/f00003"
    text = cleanup.artifacts["cleanup-report.md"].decode()
    assert words in text
    assert "d000/f00003" in text
    assert report["quarantine"] in text


def test_patterns_sizes_and_protected_paths_choose(cleanup):
    for name in ("a/keep.doc", "a/x.tmp", "b/x.tmp", "cache/x.tmp", "c/tiny.tmp", "c/huge.tmp"):
        write(cleanup.root / name)
    write(cleanup.root / "c/tiny.tmp", b"")
    write(cleanup.root / "c/huge.tmp", b"x" * 10_000)
    cleanup.config = {
        "include": ["*.tmp"],
        "exclude": ["cache/"],
        "protected": [str(cleanup.root / "b")],
        "min_file_bytes": 1,
        "max_file_bytes": 9999,
    }
    outputs = cleanup.succeed("scan")
    assert [line["path"] for line in cleanup.listed()] == ["a/x.tmp"]
    assert outputs["protected"] == 1


def test_age_by_access_keeps_what_is_read_and_what_is_read_after_the_scan(cleanup):
    for name in ("read", "unread", "later"):
        write(cleanup.root / name)
    age(cleanup.root / "read", OLD, access=DAY)
    cleanup.config = {"age_by": "access", "limit_percent": 0}
    cleanup.succeed("scan")
    assert {line["path"] for line in cleanup.listed()} == {"unread", "later"}
    assert all(line["timeNs"] == max(line["mtimeNs"], line["atimeNs"]) for line in cleanup.listed())
    cleanup.approve()
    age(cleanup.root / "later", OLD, access=0)
    os.utime(cleanup.root / "later", ns=(time.time_ns(), (cleanup.root / "later").stat().st_mtime_ns))
    ending = cleanup.stage("delete")

    assert ending["outputs"]["files"] == 1
    assert cleanup.left() == {"read", "later"}


def test_hard_links_count_once_and_free_nothing_while_a_name_is_left(cleanup):
    write(cleanup.root / "whole", b"x" * 1000)
    os.link(cleanup.root / "whole", cleanup.root / "whole2")
    write(cleanup.root / "part", b"y" * 2000)
    os.link(cleanup.root / "part", cleanup.root.parent / "outside")
    cleanup.config = {"mode": "Delete", "limit_percent": 0}
    assert cleanup.succeed("scan")["bytes"] == 3000
    cleanup.approve()
    outputs = cleanup.succeed("delete")

    assert (outputs["files"], outputs["approvedBytes"], outputs["bytes"]) == (3, 3000, 1000)
    assert (cleanup.root.parent / "outside").read_bytes() == b"y" * 2000


def test_folders_that_the_run_emptied_go_and_others_stay(cleanup):
    write(cleanup.root / "a" / "b" / "c" / "old")
    write(cleanup.root / "d" / "old")
    write(cleanup.root / "d" / "young", seconds=1)
    (cleanup.root / "was-empty").mkdir()
    (cleanup.root / "a" / "b").chmod(0o751)
    cleanup.config = {"remove_empty_folders": True, "limit_percent": 0}
    outputs = cleanup.clean()

    assert outputs["folders"] == 3
    assert not (cleanup.root / "a").exists()
    assert (cleanup.root / "was-empty").exists()
    assert cleanup.undo()["folders"] == 3
    assert (cleanup.root / "a" / "b").stat().st_mode & 0o777 == 0o751
    assert cleanup.left() == {"a/b/c/old", "d/old", "d/young"}


def test_emptied_folders_go_for_good_too(cleanup):
    write(cleanup.root / "a" / "b" / "old")
    cleanup.config = {"remove_empty_folders": True, "limit_percent": 0, "mode": "Delete"}
    assert cleanup.clean()["folders"] == 2
    assert list(cleanup.root.iterdir()) == []


def test_a_dry_run_touches_nothing_and_needs_no_review(cleanup):
    make_files(cleanup.root, 50)
    age_all(cleanup.root)
    before = snapshot(cleanup.root)
    cleanup.config = {"dry_run": True, "limit_percent": 0, "remove_empty_folders": True}
    cleanup.succeed("scan")
    outputs = cleanup.succeed("delete")
    cleanup.succeed("report")

    assert (outputs["files"], outputs["dryRun"]) == (50, True)
    assert snapshot(cleanup.root) == before
    assert "dry run" in cleanup.artifacts["cleanup-report.md"].decode()


def test_undo_overwrites_nothing_and_leaves_the_rest_for_another_time(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    taken = cleanup.root / "d000" / "f00004"
    taken.write_bytes(b"somebody's new file")
    ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")

    assert ending["outcome"] == "partial"
    assert [(e["path"], e["reason"]) for e in ending["errors"]] == [("d000/f00004", "NameTaken")]
    assert taken.read_bytes() == b"somebody's new file"
    assert ending["outputs"]["files"] == 9
    taken.unlink()
    again = cleanup.undo()
    assert (again["files"], again["left"], again["isEmpty"]) == (1, 0, True)


def test_undo_makes_folders_that_were_deleted_meanwhile_and_takes_patterns(cleanup):
    write(cleanup.root / "a" / "b" / "one.doc")
    write(cleanup.root / "a" / "two.tmp")
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    shutil.rmtree(cleanup.root / "a")
    first = cleanup.undo(include=["*.doc"])

    assert (first["files"], first["foldersMade"], first["isEmpty"]) == (1, 2, False)
    assert cleanup.left() == {"a/b/one.doc"}
    assert cleanup.undo()["files"] == 1


def test_quarantines_are_emptied_when_they_are_old_enough(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    assert cleanup.succeed("purge")["young"] == 1
    age(cleanup.quarantine / "manifest.jsonl", 31 * DAY)
    outputs = cleanup.succeed("purge")

    assert (outputs["quarantines"], outputs["files"]) == (1, 10)
    assert not (cleanup.root / ".asynctask-quarantine").exists()


def test_purge_counts_first_and_takes_one_by_name(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    name = cleanup.clean()["quarantine"]
    config = {"older_than_days": 0, "quarantine": name}
    counted = Cleanup(cleanup.root, cleanup.workspace, config | {"dry_run": True}).succeed("empty")
    assert (counted["files"], counted["dryRun"]) == (10, True)
    assert cleanup.quarantine.exists()
    other = Cleanup(cleanup.root, cleanup.workspace, config | {"quarantine": "another"}).succeed("empty")
    assert other["files"] == 0
    assert Cleanup(cleanup.root, cleanup.workspace, config).succeed("empty")["files"] == 10
    assert list((cleanup.root).glob(".asynctask*")) == []


def test_a_second_run_leaves_out_the_quarantine_of_the_first(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    age_all(cleanup.root / ".asynctask-quarantine")
    cleanup.run = 2
    assert cleanup.succeed("scan")["items"] == 0


def test_what_is_too_long_for_the_list_is_left_for_the_next_run(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"list_limit": 4}
    outputs = cleanup.succeed("scan")
    assert (outputs["items"], outputs["notListed"], len(cleanup.listed())) == (4, 6, 4)


def test_when_everything_was_struck_off_nothing_goes_and_no_quarantine_is_left(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.succeed("scan")
    cleanup.approve(lambda _: False)
    outputs = cleanup.succeed("delete")
    assert (outputs["approved"], outputs["files"], outputs["quarantine"]) == (0, 0, "")
    assert not (cleanup.root / ".asynctask-quarantine").exists()
    assert len(cleanup.left()) == 10
