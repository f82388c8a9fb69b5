"""file-backup with nothing in its way, and with what people do to their files and configs. All run at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.nodetasks import Lab, Share, Task, summary
from support.nodetrees import differences, make_big_file, make_small_files


@dataclass(frozen=True)
class Backups:
    """The tasks, submitted together, and what they copy."""

    whole: tuple[Share, Task]
    unreadable: tuple[Share, Task]
    excluded: tuple[Share, Task]
    missing: Task
    invalid: Task
    elsewhere: Task


@pytest.fixture(scope="module")
def backups(lab: Lab) -> Iterator[Backups]:
    whole, unreadable, excluded = (lab.share(name) for name in ("whole", "unreadable", "excluded"))
    make_small_files(whole.source, 400)
    make_big_file(whole.source / "images" / "disk.img", 100)
    make_small_files(unreadable.source, 40)
    for name in ("secret-1", "d00/secret-2"):
        (unreadable.source / name).write_text("for root only")
        (unreadable.source / name).chmod(0o600)
    make_small_files(excluded.source, 80)
    (excluded.source / "d00" / "page.tmp").write_text("left out")
    found = Backups(
        whole=(whole, lab.backup(whole, exclude=["$(HOME)/`x` $$(date)"])),
        unreadable=(unreadable, lab.backup(unreadable)),
        excluded=(excluded, lab.backup(excluded, exclude=["*.tmp", "/d01/"])),
        missing=lab.task("missing", type="file-backup", config={**whole.config, "source_path": "/nas/whole/nothing"}),
        invalid=lab.task("invalid", type="file-backup", config={**whole.config, "threads": 0}),
        elsewhere=lab.task("elsewhere", type="file-backup", config={**whole.config, "source_path": "/mnt/usb"}),
    )
    yield found
    for _, task in (found.whole, found.unreadable, found.excluded):
        task.delete()


def test_a_backup_is_the_same_as_its_source(backups: Backups) -> None:
    share, task = backups.whole
    task.succeeds()
    assert differences(share.source, share.target) == ""
    outputs = task.stage("content")["status"]["completion"]["outputs"]
    files = sum(path.is_file() and not path.is_symlink() for path in share.source.rglob("*"))
    assert (outputs["filesCopied"], outputs["hardLinks"]) == (files - 1, 1)
    assert task.stage("verify")["status"]["completion"]["outputs"]["mismatches"] == 0


def test_a_second_run_copies_nothing_and_a_third_what_has_changed(backups: Backups) -> None:
    share, task = backups.whole
    task.succeeds()
    before = (share.target / "images" / "disk.img").stat()
    task.run_again(2).succeeds(2)
    assert task.stage("content", run=2)["status"]["completion"]["outputs"]["filesCopied"] == 0
    assert (share.target / "images" / "disk.img").stat() == before
    (share.source / "d01" / "f0041").write_text("changed")
    (share.source / "d01" / "f0042").unlink()
    task.run_again(3).succeeds(3)
    assert task.stage("content", run=3)["status"]["completion"]["outputs"]["filesCopied"] == 1
    assert differences(share.source, share.target) == "*deleting   d01/f0042\n"


def test_files_that_cannot_be_read_are_listed_and_the_rest_is_copied(backups: Backups) -> None:
    share, task = backups.unreadable
    status = task.ending()["status"]
    assert (status["phase"], status["itemErrorCount"]) == ("Partial", 2)
    errors = task.stage("content")["status"]["itemErrors"]
    assert errors["count"] == 2
    assert sorted((each["path"], each["reason"]) for each in errors["first"]) == [
        ("d00/secret-2", "PermissionDenied"),
        ("secret-1", "PermissionDenied"),
    ]
    assert differences(share.source, share.target, "--exclude=secret-*") == ""
    assert not (share.target / "secret-1").exists()


def test_what_is_excluded_is_not_copied(backups: Backups) -> None:
    share, task = backups.excluded
    task.succeeds()
    assert differences(share.source, share.target, "--exclude=*.tmp", "--exclude=/d01/") == ""
    assert not (share.target / "d01").exists()
    assert not (share.target / "d00" / "page.tmp").exists()


def test_a_source_that_is_not_there_fails_at_once_and_is_named(backups: Backups) -> None:
    status = backups.missing.ending()["status"]
    assert status["phase"] == "Failed"
    assert "/nas/whole/nothing" in status["message"]
    assert len(backups.missing.jobs()) == 1


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [("invalid", "InvalidConfig", "threads"), ("elsewhere", "EndpointNotFound", "/nas/whole")],
)
def test_a_config_that_is_wrong_starts_nothing_and_says_what_is_wrong(
    backups: Backups, name: str, reason: str, words: str
) -> None:
    task: Task = getattr(backups, name)
    status = task.until_phase("Invalid")["status"]
    admitted = next(each for each in status["conditions"] if each["type"] == "Admitted")
    assert (admitted["status"], admitted["reason"]) == ("False", reason)
    assert words in admitted["message"]
    assert summary(status).get("status", "Unknown") == "Unknown"
    assert not task.jobs()
