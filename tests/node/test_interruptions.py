"""Backups that are cut short half-way through a big file, each in its own way, all at once."""

import filecmp
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from support.nodepods import evict, kill, written_until_it_ends
from support.nodetasks import CHECKPOINT_SECONDS, GRACE_SECONDS, Lab, Share, Task
from support.nodetrees import MEGABYTE, differences, holds_bytes, make_big_file, make_small_files
from support.patience import patient

RATE = 8
SIZE = 64 * MEGABYTE
SLACK = 3 * MEGABYTE
"""For what a stage writes besides: its catalog, its checkpoints."""


@dataclass(frozen=True)
class Story:
    """What was seen of one backup, which has ended when this exists."""

    share: Share
    task: Task
    written: int = 0
    seconds: float = 0
    attempts: int = 1

    @property
    def repeated(self) -> int:
        """Bytes that were written more than once."""
        return self.written - SIZE

    def is_right(self) -> bool:
        """Whether the task has ended well with a copy that is right."""
        self.task.succeeds()
        found = differences(self.share.source, self.share.target)
        assert not found, found
        return True


def begun(lab: Lab, name: str) -> tuple[Share, Task]:
    """A backup of one big and some small files, half done."""
    share = lab.share(name, RATE)
    make_big_file(share.source / "big.img", SIZE // MEGABYTE)
    make_small_files(share.source, 40)
    task = lab.backup(share, chunk_megabytes=4)
    task.until_copied(SIZE // 2)
    return share, task


def half_files(share: Share) -> list[Path]:
    """Files of the target, under their final names, that are not as in the source."""
    files = [path.relative_to(share.target) for path in share.target.rglob("*") if path.is_file()]
    return [
        path
        for path in files
        if not path.name.startswith(".asynctask.")
        and not filecmp.cmp(share.source / path, share.target / path, shallow=False)
    ]


def killed(lab: Lab) -> Story:
    share, task = begun(lab, "killed")
    written = kill(task.until_runs("content"))
    written += written_until_it_ends(task.until_runs("content", attempt=2))
    return Story(share, task, written)


def evicted(lab: Lab) -> Story:
    share, task = begun(lab, "evicted")
    first = task.until_runs("content")
    evict(task.api, first)
    written = written_until_it_ends(first, GRACE_SECONDS + 5)
    written += written_until_it_ends(task.until_runs("content", other_than=(first["metadata"]["uid"],)))
    return Story(share, task, written, attempts=len(task.jobs("content")))


def paused(lab: Lab) -> Story:
    share, task = begun(lab, "paused")
    first = task.until_runs("content")
    asked = monotonic()
    task.change(suspend=True)
    written = written_until_it_ends(first, GRACE_SECONDS + 5)
    task.until_phase("Paused", GRACE_SECONDS + 5)
    seconds = monotonic() - asked
    assert [job["spec"].get("suspend", False) for job in task.jobs("content")] == [True]
    assert not [pod for pod in task.pods("content") if pod["status"]["phase"] in {"Pending", "Running"}]
    at_rest = holds_bytes(share.target)
    task.change(suspend=False)
    second = task.until_runs("content", other_than=(first["metadata"]["uid"],))
    assert holds_bytes(share.target) >= at_rest
    written += written_until_it_ends(second)
    return Story(share, task, written, seconds)


def cancelled(lab: Lab) -> Story:
    share, task = begun(lab, "cancelled")
    asked = monotonic()
    task.change(cancel=True)
    task.until_phase("Cancelled", GRACE_SECONDS + 5)
    seconds = monotonic() - asked
    assert not [pod for pod in task.pods() if pod["status"]["phase"] in {"Pending", "Running"}]
    assert not (share.target / "big.img").exists()
    lab.set_limit(share, None)
    task.run_again(2, cancel=False).succeeds(2)
    return Story(share, task, seconds=seconds)


def deleted(lab: Lab) -> Story:
    share, task = begun(lab, "deleted")
    task.delete()
    task.until_nothing_remains(within=GRACE_SECONDS + 30)
    assert not (share.target / "big.img").exists()
    return Story(share, task)


STORIES: tuple[Callable[[Lab], Story], ...] = (killed, evicted, paused, cancelled, deleted)


@pytest.fixture(scope="module")
def stories(lab: Lab) -> Iterator[dict[str, "Future[Story]"]]:
    with ThreadPoolExecutor(len(STORIES)) as pool:
        yield {story.__name__: pool.submit(story, lab) for story in STORIES}


def test_a_stage_killed_in_a_big_file_goes_on_inside_it(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["killed"].result(120)
    assert story.is_right()
    assert story.repeated <= CHECKPOINT_SECONDS * RATE * MEGABYTE + SLACK
    stage = story.task.stage("content")["status"]
    assert (stage["attempt"], stage["lastError"]["exitCode"]) == (2, 137)


def test_an_evicted_pod_is_replaced_within_its_attempt_and_loses_nothing(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["evicted"].result(120)
    assert story.is_right()
    assert story.repeated <= SLACK
    assert story.attempts == 1
    assert story.task.stage("content")["status"].get("failures", 0) == 0


def test_a_pause_ends_the_pod_within_its_grace_and_a_resume_goes_on(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["paused"].result(120)
    assert story.is_right()
    assert story.seconds <= patient(GRACE_SECONDS)
    assert story.repeated <= SLACK  # had it been killed, up to a checkpoint's interval
    assert story.task.stage("content")["status"].get("failures", 0) == 0


def test_a_cancelled_backup_leaves_no_half_file_and_runs_again_when_asked(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["cancelled"].result(120)
    assert story.seconds <= patient(GRACE_SECONDS)
    assert not (differences(story.share.source, story.share.target))
    assert [(each["run"], each["phase"]) for each in story.task.object["status"]["runs"]] == [(1, "Cancelled")]


def test_a_deleted_task_leaves_no_object_and_no_half_file(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["deleted"].result(120)
    assert not list(story.task.remains())
    assert not half_files(story.share)
