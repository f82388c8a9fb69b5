"""The benchmark runs, at small sizes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.mark.skipif(shutil.which("cp") is None, reason="there is no cp to compare with")
def test_the_benchmark_compares_what_is_there(tmp_path):
    folders = [str(PROJECT / "hack" / "bench"), str(PROJECT / "stage-images" / "sdk" / "src")]
    options = ["--quick", "--json", "--runs", "1", "--case", "big", "--case", "resume", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "mover_bench", *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report["seconds"]) == {"big", "resume"}
    assert {"cp -a", "file-backup, copy", "file-backup, all"} <= set(report["seconds"]["big"])
    assert report["ratios"]["big"]["cp -a"] == 1
    assert list(tmp_path.iterdir()) == []
