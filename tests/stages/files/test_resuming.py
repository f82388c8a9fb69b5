"""Stops, kills and power cuts: what is done stays done, what is half done never shows."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from backups import IMAGE
from trees import block, make_files, make_odd, snapshot

from asynctask_stage.testing import FakeGateway, run_process

MIB = 1 << 20


def wait_for(condition, process, timeout=30.0):
    """Wait until the condition holds or the process has ended."""
    end = time.monotonic() + timeout
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


def final_names(backup):
    """Relative path → size of the files under final names in the target."""
    return {
        path.relative_to(backup.target): path.stat().st_size
        for path in backup.target.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".asynctask.")
    }


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_it_ends_with_the_same_tree(backup, seed):
    backup.config = {"chunk_megabytes": 1, "threads": 3}
    make_odd(backup.source)
    make_files(backup.source, 2000)
    (backup.source / "large").write_bytes(block(seed, 40 * MIB + 12345))
    rng = random.Random(seed)
    attempt = kills = 0
    for stage in ("metadata", "content", "verify"):
        patience, code = 0.25, None
        while code is None:
            attempt += 1
            process = backup.start(stage, attempt=attempt)
            try:
                code, output = backup.finish(process, timeout=patience * (0.8 + 0.4 * rng.random()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                backup.finish(process)
                kills += 1
                patience *= 1.2
                assert_nothing_incomplete(backup)
        assert code == 0, output

    assert kills >= 3
    assert snapshot(backup.target) == snapshot(backup.source)


def assert_nothing_incomplete(backup):
    """What stands under a final name is the whole file."""
    for path in final_names(backup):
        assert (backup.target / path).read_bytes() == (backup.source / path).read_bytes()


def limited(backup, rate, **config):
    """A gateway that lets the content stage move so many bytes per second, and the stage's variables."""
    backup.config = config
    paths = {"source_path": str(backup.source), "destination_path": str(backup.target)}
    gateway = FakeGateway(config={**paths, **config}, outputs={"metadata": {}}, bytes_per_second=rate)
    return gateway, [sys.executable, str(IMAGE / "main.py"), "content"]


def reported(gateway):
    """Bytes done, as last reported."""
    told = [report["progress"].get("bytesDone", 0) for report in gateway.reports if report.get("progress")]
    return max(told, default=0)


def written_by(call):
    """Bytes that this process writes in ``call``."""

    def count() -> int:
        lines = Path("/proc/self/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))

    before = count()
    call()
    return count() - before


def test_a_killed_copy_of_a_large_file_goes_on_inside_it(backup):
    (backup.source / "large").write_bytes(block(1, 80 * MIB))
    backup.stage("metadata")
    gateway, command = limited(backup, 20 * MIB, chunk_megabytes=2)
    with gateway:
        variables = gateway.env(backup.source.parent, workspace=backup.workspace)
        run_process(command, variables, gateway=gateway, when=lambda g: reported(g) > 60 * MIB, signum=signal.SIGKILL)
    assert final_names(backup) == {}

    written = written_by(lambda: backup.stage("content", attempt=2))

    # 60 MiB were moved in 3 s; all but the last second or so, and the pieces in flight, must count.
    assert written < 50 * MIB
    assert (backup.target / "large").read_bytes() == (backup.source / "large").read_bytes()


def test_a_stop_is_obeyed_within_a_second_inside_a_large_file_and_loses_nothing(backup):
    (backup.source / "large").write_bytes(block(1, 80 * MIB))
    backup.stage("metadata")
    gateway, command = limited(backup, 10 * MIB)  # one piece would take 6 s
    stopped = []

    def when(seen):
        if reported(seen) > 20 * MIB:
            stopped.append(time.monotonic())
        return stopped

    with gateway:
        result = run_process(
            command, gateway.env(backup.source.parent, workspace=backup.workspace), gateway=gateway, when=when
        )
        took = time.monotonic() - stopped[-1]

    assert result.exit_code == 143, result.output
    assert took < 3.0  # most of it the sync and the end of the process
    written = written_by(lambda: backup.stage("content", attempt=2))
    assert written < 62 * MIB
    assert (backup.target / "large").read_bytes() == (backup.source / "large").read_bytes()


def test_orphans_of_an_earlier_run_are_swept(backup):
    make_files(backup.source, 10)
    (backup.source / "gone").mkdir()
    (backup.source / "gone" / "large").write_bytes(block(1, 100 * MIB))
    backup.config = {"chunk_megabytes": 8}
    backup.stage("metadata")
    process = backup.start("content")
    wait_for(lambda: list((backup.target / "gone").glob(".asynctask.*")), process)
    process.kill()
    backup.finish(process)
    for path in ((backup.source / "gone" / "large"), (backup.source / "gone")):
        path.unlink() if path.is_file() else path.rmdir()
    ours = backup.target / "d000" / ".asynctask.0badcafe.7.part"
    (backup.target / "d000").mkdir(exist_ok=True)
    ours.write_bytes(b"of another task, just now")
    old = backup.target / "d000" / ".asynctask.0badcafe.8.part"
    old.write_bytes(b"of another task, long ago")
    os.utime(old, (1, 1))

    backup.run(2)

    assert list(backup.target.rglob(".asynctask.*")) == [ours]


def test_two_pods_never_write_at_once(backup):
    make_files(backup.source, 10)
    backup.stage("metadata")
    from asynctask_stage.data.catalog import Catalog

    with Catalog.open(backup.workspace / "file-backup" / "catalog-1.sqlite"):
        process = backup.start("content")
        time.sleep(1.0)
        assert process.poll() is None
        process.kill()
        backup.finish(process)
    assert final_names(backup) == {}
