"""A run that tries again what failed, and nothing else."""

import json
import os

import pytest
from backups import STAGES, Backup
from places import as_nobody, is_root
from trees import make_files

from asynctask_stage import runs
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.selections import Selection
from asynctask_stage.testing import FakeGateway


def retry(backup: Backup, run: int, *items: str) -> dict[str, dict]:
    """All stages of a run that is given these items; their endings by name."""
    endings: dict[str, dict] = {}
    for name in STAGES:
        outputs = {stage: ending["outputs"] for stage, ending in endings.items()}
        with FakeGateway(stage=name, run=run, outputs=outputs) as gateway:
            gateway.retry_items = "retry-items"
            gateway.artifacts["retry-items"] = b"".join(
                json.dumps({"path": item, "class": "transient"}).encode() + b"\n" for item in items
            )
            gateway.config = {"source_path": str(backup.source), "destination_path": str(backup.target)}
            code = runs.execute(STAGES[name], {**backup.variables(name, run), **gateway.env(backup.workspace)})
            told = [
                item for report in (*gateway.reports, *gateway.completions) for item in report.get("itemErrors", ())
            ]
            endings[name] = {**gateway.completions[-1], "exitCode": code, "itemErrors": told}
        assert endings[name]["outcome"] in ("succeeded", "partial"), endings[name]
    return endings


@is_root
def test_what_failed_arrives_and_nothing_else_is_touched(backup: Backup) -> None:
    make_files(backup.source, 200)
    (backup.source / "d000" / "f00007").chmod(0)
    (backup.source / "d001").chmod(0)
    with as_nobody(backup.source.parent, backup.workspace):
        first = backup.run()
    assert first["metadata"]["outcome"] == first["content"]["outcome"] == "partial"
    failed = [error["path"] for error in (*backup.errors("metadata"), *backup.errors("content"))]
    assert sorted(failed) == ["d000/f00007", "d001"]
    (backup.source / "d000" / "f00007").chmod(0o644)
    (backup.source / "d001").chmod(0o755)
    (backup.source / "d000" / "newcomer").write_text("not of this run")
    (backup.target / "d000" / "f00003").unlink()
    again = retry(backup, 2, *failed)
    inside = [path.name for path in (backup.source / "d001").iterdir()]
    assert again["content"]["outcome"] == "succeeded"
    assert again["content"]["outputs"]["filesCopied"] == len(inside) + 1
    assert again["verify"]["outputs"]["filesVerified"] == len(inside) + 1
    for name in ("d000/f00007", *(f"d001/{name}" for name in inside)):
        assert (backup.target / name).read_bytes() == (backup.source / name).read_bytes()
    assert not (backup.target / "d000" / "newcomer").exists()
    assert not (backup.target / "d000" / "f00003").exists(), "nothing else was looked at"
    whole = backup.run(3)
    assert whole["content"]["outputs"]["filesCopied"] == 2, "the run after learns from the whole run before"
    assert not list((backup.workspace / "file-backup").glob("retry-*"))


@is_root
def test_what_fails_again_is_told_again(backup: Backup) -> None:
    make_files(backup.source, 20)
    (backup.source / "d000" / "f00007").chmod(0)
    with as_nobody(backup.source.parent, backup.workspace):
        backup.run()
        again = retry(backup, 2, "d000/f00007")
    assert again["content"]["outcome"] == "partial"
    assert [error["path"] for error in again["content"]["itemErrors"]] == ["d000/f00007"]
    assert again["content"]["outputs"]["filesCopied"] == 0


def test_items_that_are_gone_are_no_failure(backup: Backup) -> None:
    make_files(backup.source, 20)
    backup.run()
    again = retry(backup, 2, "d000/never", "gone/with/all")
    assert again["verify"]["outcome"] == "succeeded"
    assert again["content"]["outputs"]["filesCopied"] == 0


def test_a_source_that_is_not_mounted_is_not_taken_for_one_whose_items_are_gone(backup: Backup) -> None:
    make_files(backup.source, 20)
    backup.run()
    for directory in backup.source.iterdir():
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
    with pytest.raises(AssertionError, match="SourceEmpty"):
        retry(backup, 2, "d000/f00007")


def test_a_failure_of_the_source_itself_means_all_of_it(backup: Backup) -> None:
    make_files(backup.source, 20)
    again = retry(backup, 2, ".")
    assert again["content"]["outputs"]["filesCopied"] == 20
    assert (backup.workspace / "file-backup" / "catalog-2.sqlite").exists()


def test_names_are_found_by_how_they_were_told(backup: Backup) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (backup.source / odd).mkdir()
    (backup.source / odd / "名字").write_text("x")
    (backup.source / odd / "other").write_text("y")
    again = retry(backup, 2, "caf\\xe9/名字")
    assert again["content"]["outputs"]["filesCopied"] == 1
    assert (backup.target / odd / "名字").read_text() == "x"


def test_the_list_being_gone_is_said(backup: Backup) -> None:
    with FakeGateway(stage="metadata", run=2) as gateway:
        gateway.retry_items = "retry-items"
        gateway.config = {"source_path": str(backup.source), "destination_path": str(backup.target)}
        runs.execute(STAGES["metadata"], {**backup.variables("metadata", 2), **gateway.env(backup.workspace)})
        assert gateway.completions[-1]["reason"] == "RetryItemsMissing"


@pytest.mark.parametrize(
    ("path", "is_directory", "taken"),
    [
        ("a", True, True), ("a/b", True, True), ("a/b/c", False, True), ("a/b/d", False, False), ("a", False, False),
        ("x", False, True), ("x/y/z", False, True), ("xy", False, False), ("a/skip.tmp", False, False),
    ],
)  # fmt: skip
def test_a_selection_narrows_the_rules(path: str, is_directory: bool, taken: bool) -> None:
    selection = Selection(Rules(exclude=["*.tmp"]), {"a/b/c", "x", "a/skip.tmp"})
    assert selection.takes_part(path, is_directory=is_directory) is taken
