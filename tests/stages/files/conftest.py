"""A backup to work with."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backups import Backup


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """An empty source, a destination that does not exist yet, a workspace."""
    for name in ("source", "workspace"):
        (tmp_path / name).mkdir()
    return Backup(tmp_path / "source", tmp_path / "target", tmp_path / "workspace")
