"""A backup to work with."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backups import Backup
from cleanups import Cleanup


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
