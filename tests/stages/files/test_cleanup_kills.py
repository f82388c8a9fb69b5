"""Kills at random moments, stops, and what is left of the work then."""

import random
import signal
import subprocess
import sys
from collections import Counter

import pytest
from cleanups import IMAGE, Cleanup, age_all
from expiredcleanup import undo
from trees import make_files

from asynctask_stage import runs
from asynctask_stage.data.quarantine import AREA, Area, RunFolder
from asynctask_stage.data.removals import Removals
from asynctask_stage.data.roots import Root
from asynctask_stage.testing import run_process


def run_through_kills(cleanup, stage, rng, *, kills=4, seconds=0.25):
    """Start the stage again and again, killed at a random moment of its work; how often it was killed."""
    killed = 0
    with cleanup.gateway(stage) as gateway:
        for attempt in range(1, 100):
            seen = len(gateway.reports)
            process = cleanup.start(stage, gateway, attempt)
            if attempt <= kills:
                gateway.wait_for(lambda g, p=process, n=seen: len(g.reports) > n or p.poll() is not None, 60)
                try:
                    process.wait(timeout=seconds * rng.random())
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    killed += 1
                    continue
            code = process.wait(timeout=120)
            assert code == 0, gateway.completions
            break
        cleanup.outputs[stage] = gateway.completions[-1]["outputs"]
    return killed


def contents(top):
    """What the files below hold, whatever they are called."""
    return Counter(path.read_bytes() for path in top.rglob("*") if path.is_file() and path.name != "manifest.jsonl")


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_scan_ends_with_the_same_list(cleanup, seed):
    make_files(cleanup.root, 20_000, 10, per_directory=20)
    age_all(cleanup.root)
    cleanup.succeed("scan")
    whole = cleanup.artifacts.pop("expired.jsonl")
    outputs = cleanup.outputs["scan"]
    for path in (cleanup.workspace / "expired-cleanup").iterdir():
        path.unlink()
    cleanup.config = {"threads": 1}

    assert run_through_kills(cleanup, "scan", random.Random(seed)) >= 1
    assert sorted(cleanup.artifacts["expired.jsonl"].splitlines()) == sorted(whole.splitlines())
    same = ("items", "bytes", "filesSeen", "bytesSeen", "foldersSeen", "entriesSeen")
    assert [cleanup.outputs["scan"][name] for name in same] == [outputs[name] for name in same]


@pytest.mark.parametrize("mode", ["Quarantine", "Delete"])
@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_exactly_the_approved_files_go(cleanup, mode, seed):
    make_files(cleanup.root, 6000, 40, per_directory=20)
    age_all(cleanup.root)
    everything = contents(cleanup.root)
    cleanup.config = {"mode": mode, "remove_empty_folders": True, "limit_percent": 0}
    cleanup.succeed("scan")
    cleanup.approve(lambda line: int(line["path"][-5:]) % 40 < 30)
    kills = run_through_kills(cleanup, "delete", random.Random(seed))

    assert kills >= 2
    outputs = cleanup.outputs["delete"]
    assert (outputs["files"], outputs["vanished"], outputs["kept"], outputs["stuck"]) == (4500, 0, 0, 0)
    assert outputs["folders"] == 150
    assert len(cleanup.left()) == 1500
    assert all(int(path[-5:]) % 40 >= 30 for path in cleanup.left())
    if mode == "Quarantine":
        assert contents(cleanup.root) == everything
        undo = Cleanup(cleanup.root, cleanup.workspace)
        run_through_kills(undo, "undo", random.Random(seed))
        assert contents(cleanup.root) == everything
        assert len(cleanup.left()) == 6000
    assert not (cleanup.root / ".asynctask-quarantine").exists()


def test_a_kill_between_the_moves_and_the_record_loses_and_repeats_nothing(cleanup, monkeypatch):
    make_files(cleanup.root, 300, 40)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0, "mode": "Delete"}
    cleanup.succeed("scan")
    cleanup.approve()

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Removals, "settle", killed)
        assert cleanup.stage("delete")["outcome"] == "failed"
    real = Removals.execute_many
    with monkeypatch.context() as patch:
        # The files are deleted from the private folder, and that is not noted yet.
        patch.setattr(
            Removals,
            "execute_many",
            lambda self, sql, rows: (
                killed() if "SET fate = ? WHERE id" in sql and "nlink" not in sql else real(self, sql, rows)
            ),
        )
        assert cleanup.stage("delete")["outcome"] == "failed"
    assert len(cleanup.left()) < 300
    outputs = cleanup.succeed("delete")
    assert (outputs["files"], outputs["vanished"], cleanup.left()) == (300, 0, set())


def test_a_stop_is_obeyed_and_the_rest_is_done_later(cleanup):
    make_files(cleanup.root, 20_000, 20, per_directory=100)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.succeed("scan")
    cleanup.approve()
    with cleanup.gateway("delete") as gateway:
        variables = gateway.env(cleanup.workspace, workspace=cleanup.workspace)
        command = [sys.executable, str(IMAGE / "main.py"), "cleanup-delete"]
        result = run_process(
            command,
            variables,
            gateway=gateway,
            when=lambda seen: any((r.get("progress") or {}).get("itemsDone", 0) > 100 for r in seen.reports),
        )
        assert result.exit_code == 143, result.output
    assert 0 < len(cleanup.left()) < 20_000
    outputs = cleanup.succeed("delete")
    assert (outputs["files"], cleanup.left()) == (20_000, set())


def test_two_tasks_never_work_in_one_quarantine(cleanup):
    make_files(cleanup.root, 10)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    with Area.open(Root.open(str(cleanup.root))).enter(cleanup.quarantine.name):
        ending = Cleanup(cleanup.root, cleanup.workspace).stage("undo")
        assert (ending["class"], ending["reason"]) == ("transient", "QuarantineBusy")
        assert Cleanup(cleanup.root, cleanup.workspace, {"older_than_days": 0}).succeed("empty")["busy"] == 1
    assert cleanup.undo()["files"] == 10


def test_an_undo_killed_at_its_very_end_never_goes_on_with_an_older_clean_up(cleanup, monkeypatch):
    make_files(cleanup.root, 20)
    cleanup.config = {"limit_percent": 0}
    for run in (1, 2):
        cleanup.run = run
        age_all(cleanup.root / "d000")
        cleanup.succeed("scan")
        cleanup.approve(lambda line, run=run: int(line["path"][-5:]) < 10 * run)
        cleanup.succeed("delete")
    real = RunFolder.remove

    def killed(self):
        real(self)
        raise SystemError

    task = Cleanup(cleanup.root, cleanup.workspace)
    with task.gateway("undo") as gateway:
        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "remove", killed)
            process_ends(task, gateway, 1)
        assert len(cleanup.left()) == 10
        ending = process_ends(task, gateway, 2)
    assert (ending["outcome"], ending["outputs"]["isEmpty"]) == ("succeeded", True)
    assert len(cleanup.left()) == 10


@pytest.mark.parametrize("killed_at", ["the area", "a probe in it", "a probe in the run's folder"])
def test_an_undo_killed_at_its_very_end_leaves_no_quarantine(cleanup, monkeypatch, killed_at):
    make_files(cleanup.root, 20)
    age_all(cleanup.root)
    cleanup.config = {"limit_percent": 0}
    cleanup.clean()
    area = cleanup.root / AREA.decode()
    task = Cleanup(cleanup.root, cleanup.workspace)
    real = RunFolder.remove

    def killed(self):
        if killed_at == "the area":
            real(self)
        elif killed_at == "a probe in it":
            (area / ".asynctask-0123456789abcdef").touch()
        else:
            (area / self.name / ".asynctask-0123456789abcdef").touch()
        raise SystemError

    with task.gateway("undo") as gateway:
        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "remove", killed)
            process_ends(task, gateway, 1)
        assert area.exists()
        ending = process_ends(task, gateway, 2)
    assert (ending["outcome"], ending["outputs"]["isEmpty"]) == ("succeeded", True)
    assert not area.exists()
    assert len(cleanup.left()) == 20


def process_ends(cleanup, gateway, attempt):
    """Run one attempt of an undo here; its ending."""
    variables = gateway.env(cleanup.workspace, workspace=cleanup.workspace, attempt=attempt)
    runs.execute(undo.main, variables)
    return gateway.completions[-1]
