"""The Job that frees workspaces removes what it should and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from time import time

import yaml

MANIFEST = Path(__file__).parents[2] / "docs" / "how-to" / "manifests" / "sweep-workspaces.yaml"
KEPT, GONE, RECENT = (f"5f0b52c4-0000-4000-8000-00000000000{number}" for number in range(3))


def sweep(root: Path, uids: str) -> subprocess.CompletedProcess[str]:
    """Run the Job's program on a folder."""
    job = yaml.safe_load(MANIFEST.read_text())
    _, *arguments = job["spec"]["template"]["spec"]["containers"][0]["command"]
    listed = root.parent / "uids"
    listed.write_text(uids)
    command = [sys.executable, *arguments[:2], str(root), str(listed)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def made(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    for name in (KEPT, GONE, RECENT, "lost+found"):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep" / "catalog.db").write_text("x")
        age = 0 if name == RECENT else 2 * 86400
        os.utime(root / name, (time() - age, time() - age))
    (root / "notes.txt").write_text("x")
    (root / GONE.replace("5", "6")).symlink_to(root / KEPT)
    return root


def test_only_the_folders_of_deleted_tasks_go(tmp_path: Path) -> None:
    root = made(tmp_path)
    before = {path.name for path in root.iterdir()}
    done = sweep(root, f"{KEPT}\n")
    assert done.returncode == 0, done.stderr
    assert before - {path.name for path in root.iterdir()} == {GONE}
    assert f"removed {GONE}" in done.stdout
    assert (root / KEPT / "deep" / "catalog.db").exists()


def test_an_empty_list_removes_nothing(tmp_path: Path) -> None:
    root = made(tmp_path)
    before = sorted(root.rglob("*"))
    assert sweep(root, "\n").returncode == 1
    assert sorted(root.rglob("*")) == before
