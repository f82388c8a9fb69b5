"""A backup to work with."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backups import Backup
from cleanups import Cleanup, age_all
from trees import make_files


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """An empty source, a destination that does not exist yet, a workspace."""
    for name in ("source", "workspace"):
        (tmp_path / name).mkdir()
    return Backup(tmp_path / "source", tmp_path / "target", tmp_path / "workspace")


@pytest.fixture
def cleanup(tmp_path: Path) -> Cleanup:
    """An empty root, a workspace."""
    for name in ("root", "workspace"):
        (tmp_path / name).mkdir()
    return Cleanup(tmp_path / "root", tmp_path / "workspace")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the root of a clean-up, with files as old and of the same names."""
    folder = tmp_path / "outside"
    make_files(folder, 100)
    age_all(folder)
    return folder
