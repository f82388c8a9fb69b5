"""What is measured: trees, cold caches, times that include the sync, kills at half."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mover_bench.tools import Tool, environment

MIB = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """How much is copied."""

    files: int
    file_bytes: int
    big_bytes: int


FULL = Sizes(files=20_000, file_bytes=4096, big_bytes=4 << 30)
QUICK = Sizes(files=300, file_bytes=4096, big_bytes=48 * MIB)


def make_small(top: Path, sizes: Sizes) -> None:
    """Many small files, 100 to a directory."""
    for i in range(sizes.files):
        directory = top / f"d{i // 100:04}"
        if i % 100 == 0:
            directory.mkdir(parents=True)
        (directory / f"f{i % 100:03}").write_bytes(os.urandom(sizes.file_bytes))


def make_big(top: Path, sizes: Sizes) -> None:
    """One big file that does not compress."""
    top.mkdir(parents=True)
    with (top / "big").open("wb") as file:
        for _ in range(sizes.big_bytes // (8 * MIB)):
            file.write(os.urandom(8 * MIB))


def cool(folder: Path) -> bool:
    """Forget what is cached, so that reads come from the disk; whether we may."""
    subprocess.run(["sync", "-f", str(folder)], check=True)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


class Bench:
    """A folder to work in, and what can be timed there."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        self.folder = folder
        self._cold = cold
        self.is_cold = cold and cool(folder)

    def fresh(self, tool: Tool, source: Path) -> float:
        """Seconds for a first copy."""
        with self._places() as (target, workspace):
            return self._timed(tool, source, target, workspace, 1)

    def again(self, tool: Tool, source: Path) -> float:
        """Seconds for a second run that finds nothing changed."""
        with self._places() as (target, workspace):
            self._timed(tool, source, target, workspace, 1)
            return self._timed(tool, source, target, workspace, 2)

    def resume(self, tool: Tool, source: Path) -> float:
        """Seconds for the run after one that was killed when half was there."""
        half = sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) // 2
        with self._places() as (target, workspace):
            self._cool()
            for argv, variables in tool.commands(source, target, workspace, 1):
                process = subprocess.Popen(argv, env=environment(variables), stdout=subprocess.DEVNULL)
                while process.poll() is None and _allocated(target) < half:
                    time.sleep(0.005)
                if process.poll() is None:
                    process.kill()
                    process.wait()
                    break
            return self._timed(tool, source, target, workspace, 1)

    def _cool(self) -> None:
        if self._cold:
            cool(self.folder)

    def _timed(self, tool: Tool, source: Path, target: Path, workspace: Path, run: int) -> float:
        self._cool()
        subprocess.run(tool.idle, capture_output=True, check=False)  # the data is cold, the program is not
        begin = time.monotonic()
        for argv, variables in tool.commands(source, target, workspace, run):
            done = subprocess.run(argv, env=environment(variables), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{tool.name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        subprocess.run(["sync", "-f", str(target)], check=True)
        return time.monotonic() - begin

    @contextmanager
    def _places(self) -> Iterator[tuple[Path, Path]]:
        target, workspace = self.folder / "target", self.folder / "workspace"
        for place in (target, workspace):
            shutil.rmtree(place, ignore_errors=True)
        target.mkdir()
        try:
            yield target, workspace
        finally:
            for place in (target, workspace):
                shutil.rmtree(place, ignore_errors=True)


def _allocated(target: Path) -> int:
    total = 0
    for path in target.rglob("*"):
        try:
            info = path.lstat()
        except OSError:
            continue
        total += min(info.st_size, info.st_blocks * 512)
    return total
