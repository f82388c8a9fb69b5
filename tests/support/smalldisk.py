"""A file system with little room, to be filled up and freed again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs."""

    path: Path

    def fill(self) -> None:
        """Leave no room."""
        with (self.path / "ballast").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """Make room again."""
        (self.path / "ballast").unlink()


@contextmanager
def small_disk(path: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """Mounted at a path. Needs root."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "tmpfs", path], check=True)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)


IS_ROOT = os.geteuid() == 0
