"""expired-cleanup from the search to the undo, on a node, with the review as the API server keeps it."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.nodetasks import Lab, Share, Task
from support.nodetrees import give

OLD = 400 * 86_400
MANIFESTS = Path(__file__).parents[2] / "docs" / "how-to" / "manifests"


@dataclass(frozen=True)
class Cleaned:
    """A folder with old and new files, and the task that cleaned it up."""

    share: Share
    task: Task
    before: dict[str, bytes]
    kept: dict[str, bytes]


def documented(lab: Lab, name: str, **config: Any) -> Task:
    """Submit what the how-to shows, about a folder of ours."""
    shown = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
    wanted = {**shown["spec"]["config"], "root_path": "/nas/attic/in", **config}
    return lab.task(shown["metadata"]["name"], **{**shown["spec"], "config": wanted})


def contents(top: Path) -> dict[str, bytes]:
    """Every file of the tree, the quarantine's aside."""
    found = (path for path in top.rglob("*") if path.is_file() and ".asynctask-quarantine" not in path.parts)
    return {str(path.relative_to(top)): path.read_bytes() for path in found}


def make_old_and_new(top: Path) -> None:
    """Ten old files in two folders, and three new ones."""
    for i in range(13):
        path = top / f"d{i % 2}" / f"中文 {i}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(100 + i))
        if i < 10:
            then = time.time() - OLD
            os.utime(path, (then, then))
    give(top)


def decide(task: Task, run: int = 1, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait for the review, and approve the whole list."""
    review = task.until_stage("review", lambda status: "waiting for a decision" in status.get("message", ""), run=run)
    scan = task.stage("scan", run=run)["status"]["completion"]["outputs"]
    meanwhile()
    items = {"artifact": scan["artifact"], "digest": scan["digest"], "total": scan["items"], "approved": scan["items"]}
    decision = {"decision": "Approved", "by": "admin", "itemsDigest": scan["digest"]}
    path = task.stage_path("review", run=run)
    assert review["spec"]["template"]["approval"]["items"] == {"stage": "scan", "artifact": "expired.jsonl"}
    task.api.merge(f"{path}/status", {"status": {"reviewItems": items, "review": decision}})


@pytest.fixture(scope="module")
def cleaned(lab: Lab) -> Iterator[Cleaned]:
    share = lab.share("attic")
    make_old_and_new(share.source)
    task = documented(lab, "expired-cleanup", limit_percent=90, language="zh")
    decide(task, meanwhile=lambda: (share.source / "d0" / "中文 0").write_bytes(b"changed during the review"))
    before = contents(share.source)
    task.ending(within=120)
    yield Cleaned(share, task, before, contents(share.source))
    task.delete()


def test_exactly_the_approved_files_that_had_not_changed_went(cleaned: Cleaned) -> None:
    status = cleaned.task.object["status"]
    assert (status["phase"], status["itemErrorCount"]) == ("Partial", 1)
    outputs = cleaned.task.stage("delete")["status"]["completion"]["outputs"]
    assert (outputs["files"], outputs["keptBecause"]) == (9, {"ChangedSinceScan": 1})
    assert set(cleaned.kept) == {"d0/中文 0", "d0/中文 10", "d1/中文 11", "d0/中文 12"}
    report = cleaned.task.stage("report")["status"]["completion"]["outputs"]
    assert (report["quarantined"], report["kept"]) == (9, 1)


def test_an_undo_puts_them_back(lab: Lab, cleaned: Cleaned) -> None:
    task = documented(lab, "cleanup-undo")
    task.succeeds()
    assert contents(cleaned.share.source) == cleaned.before
    assert task.stage("undo")["status"]["completion"]["outputs"]["files"] == 9
    task.delete()


def test_a_purge_deletes_for_good(lab: Lab, cleaned: Cleaned) -> None:
    again = cleaned.task.run_again(2)
    decide(again, run=2)
    again.succeeds(2, within=120)
    quarantined = again.stage("delete", run=2)["status"]["completion"]["outputs"]["files"]
    task = documented(lab, "cleanup-purge")
    task.succeeds()
    assert task.stage("purge")["status"]["completion"]["outputs"]["files"] == quarantined == 9
    assert not (cleaned.share.source / ".asynctask-quarantine").exists()
    task.delete()


def test_a_folder_with_nothing_old_needs_no_review(lab: Lab) -> None:
    share = lab.share("new")
    (share.source / "new").write_text("new")
    give(share.source)
    task = lab.task("new", type="expired-cleanup", config={"root_path": "/nas/new/in", "age_days": 365})
    task.succeeds()
    assert task.object["status"]["phase"] == "Succeeded"
    assert task.stage("report")["status"]["completion"]["outputs"]["expired"] == 0
    task.delete()
