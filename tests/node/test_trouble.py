"""Storage that is full, a pod that will not die, and the bandwidth that an endpoint allows. All at once."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from support.nodechronicle import Chronicle
from support.nodepods import Processes, give_up
from support.nodetasks import Lab, Share, Task, bytes_done, summary
from support.nodetrees import MEGABYTE, differences, make_big_file, make_small_files

from localcluster.processes import holds

DISK = 64 * MEGABYTE
GHOST_RATE, ALLOWED_RATE, DISK_RATE = 8, 20, 4
MEASURED_SECONDS = 10


@dataclass(frozen=True)
class Story:
    """What was seen of one task, which has ended when this exists."""

    share: Share
    task: Task
    figure: float = 0


def returns_from_the_dead(lab: Lab, chronicle: Chronicle) -> Story:
    """A pod is cut off with its shim, replaced, and goes on when its successor is at work."""
    share = lab.share("ghost", GHOST_RATE)
    make_big_file(share.source / "big.img", 80)
    make_small_files(share.source, 40)
    task = lab.backup(share, chunk_megabytes=4)
    task.until_copied(30 * MEGABYTE)
    first = task.until_runs("content")
    chronicle.excuse(first)
    ghost = Processes(first).main()
    shim = ghost.parent
    shim.send(signal.SIGSTOP)  # so the kubelet can't kill it
    try:
        ghost.send(signal.SIGSTOP)
        give_up(lab.api, first)
        second = task.until_runs("content", other_than=(first["metadata"]["uid"],))
        uid = second["metadata"]["uid"]
        task.until_stage("content", lambda status: (status.get("holder") or {}).get("podUID") == uid)
        assert not ghost.has_ended
        ghost.send(signal.SIGCONT)
        ghost.until_ended(within=30)
        code = ghost.exit_code
    finally:
        shim.send(signal.SIGCONT)
    return Story(share, task, code)


def finds_no_space(lab: Lab, _: Chronicle) -> Story:
    """The target is too small from the start."""
    share, tiny = lab.share("plenty"), lab.share("tiny-1")
    make_big_file(share.source / "big.img", 100)
    task = lab.task("no-space", type=lab.type, config={**share.config, "destination_path": "/nas/tiny-1/out"})
    task.ending()
    return Story(tiny, task)


def runs_out_of_space(lab: Lab, _: Chronicle) -> Story:
    """The target is filled by someone else half-way; then there is room again."""
    share, tiny = lab.share("enough", DISK_RATE), lab.share("tiny-2")
    make_big_file(share.source / "big.img", 32)
    config = {**share.config, "destination_path": "/nas/tiny-2/out", "chunk_megabytes": 4}
    task = lab.task("filled-up", type=lab.type, config=config)
    task.until_copied(8 * MEGABYTE)
    other = tiny.directory / "someone-else"
    fill(other)
    status = task.ending()["status"]
    assert (status["phase"], summary(task.stage("content")["status"])["reason"]) == ("Failed", "NoSpace"), status
    other.unlink()
    lab.set_limit(share, None)
    task.run_again(2).succeeds(2)
    return Story(Share(share.name, share.directory), task, figure=len(differences(share.source, tiny.target)))


def keeps_to_the_limit(lab: Lab, _: Chronicle) -> Story:
    """The rate at which a stage writes, over ten seconds."""
    share = lab.share("limited", ALLOWED_RATE)
    make_big_file(share.source / "big.img", 320)
    task = lab.backup(share)
    task.until_stage("content", lambda status: bytes_done(status) > ALLOWED_RATE * MEGABYTE)
    process = Processes(task.until_runs("content")).main()
    begun, written = monotonic(), process.bytes_written
    assert not holds(lambda: process.has_ended, within=MEASURED_SECONDS), "too short to be measured"
    rate = (process.bytes_written - written) / (monotonic() - begun) / MEGABYTE
    lab.set_limit(share, None)
    return Story(share, task, rate)


STORIES: tuple[Callable[[Lab, Chronicle], Story], ...] = (
    returns_from_the_dead,
    finds_no_space,
    runs_out_of_space,
    keeps_to_the_limit,
)


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """An ext4 of its own, mounted there."""
    image = directory.parent.parent / f"{directory.name}.ext4"
    with image.open("wb") as file:
        file.truncate(DISK)
    directory.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(path: Path) -> None:
    """Take all that is left, to the last block."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 << 10))
        except OSError:
            os.fsync(file.fileno())


@pytest.fixture(scope="module")
def stories(lab: Lab, chronicle: Chronicle) -> Iterator[dict[str, "Future[Story]"]]:
    nas = lab.directory / "nas"
    with small_disk(nas / "tiny-1"), small_disk(nas / "tiny-2"), ThreadPoolExecutor(len(STORIES)) as pool:
        yield {story.__name__: pool.submit(story, lab, chronicle) for story in STORIES}


def test_a_pod_that_comes_back_after_its_successor_began_is_refused_and_goes(
    stories: dict[str, "Future[Story]"],
) -> None:
    story = stories["returns_from_the_dead"].result(150)
    assert story.figure == 143
    story.task.succeeds()
    assert differences(story.share.source, story.share.target) == ""
    assert story.task.stage("content")["status"]["attempt"] == 1


def test_a_target_that_is_too_small_is_found_before_anything_is_copied(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["finds_no_space"].result(150)
    status = story.task.object["status"]
    assert (status["phase"], status["stage"]) == ("Failed", "metadata")
    assert summary(story.task.stage("metadata")["status"])["reason"] == "NoSpace"
    assert "100.0 MB" in status["message"]
    assert not (story.share.target / "big.img").exists()
    assert len(story.task.jobs()) == 1


def test_a_target_that_fills_up_fails_the_task_readably_and_a_new_run_ends_it(
    stories: dict[str, "Future[Story]"],
) -> None:
    story = stories["runs_out_of_space"].result(150)
    assert story.figure == 0
    first = story.task.stage("content", run=1)["status"]
    assert "No space left" in first["message"] or "free" in first["message"]


def test_a_stage_keeps_to_its_endpoints_bandwidth(stories: dict[str, "Future[Story]"]) -> None:
    story = stories["keeps_to_the_limit"].result(150)
    assert story.figure == pytest.approx(ALLOWED_RATE, rel=0.1)
    story.task.succeeds()
    assert differences(story.share.source, story.share.target) == ""
