"""Where logs are: a directory for each attempt of a stage, in it one for each writer, in it chunks.

    ROOT/TASK_UID/r1/content/a1/stdout-4f2c91aa-71b0/000000000000.1767225600000000.1767225661000000.8123.gz

A sealed chunk's name says its first line, the times of its first and last, and how many it has; so no index is needed,
none can be lost, and a gap is seen; where remarks on missing lines were in it, an empty `FIRST.MORE.cut` corrects how
many it stands for. The newest chunk is `….open.gz`: a gzip member is appended for each write, and a
writer never goes on with a file that another began. No two writers share a directory, so several gateways can write.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from time import time

from asynctask.adapters.artifacts import TASK_UID, Owner

OWNER = ".task"
RUN = re.compile(r"r([0-9]{1,7})")
ATTEMPT = re.compile(r"a([0-9]{1,7})")
STAGE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
WRITER = re.compile(r"(stdout|reported)-[a-z0-9]{1,16}-[a-z0-9]{1,16}")
SEALED = re.compile(r"([0-9]{12})\.([0-9]{1,17})\.([0-9]{1,17})\.([0-9]{1,9})\.gz")
CUT = re.compile(r"([0-9]{12})\.(-?[0-9]{1,12})\.cut")
OPEN = re.compile(r"([0-9]{12})\.open\.gz")
MAX_ATTEMPTS = 20
"""Attempts of a stage whose logs are kept: the first and the last ones."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a stage of a run of a task."""

    task_uid: str
    run: int
    stage: str
    number: int

    def path(self, root: Path) -> Path:
        """Its directory."""
        return root / self.task_uid / f"r{self.run}" / self.stage / f"a{self.number}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file of lines."""

    path: Path
    first: int
    """Number of its first line."""
    count: int | None = None
    """Lines in it; None while it is written."""
    begin: int = 0
    end: int = 2**62
    """Times of its first and last line."""


def chunks(writer: Path) -> list[Chunk]:
    """The chunks of a writer, in order."""
    found = []
    with suppress(FileNotFoundError), os.scandir(writer) as entries:
        for entry in entries:
            if match := SEALED.fullmatch(entry.name):
                first, begin, end, count = map(int, match.groups())
                found.append(Chunk(Path(entry.path), first, count, begin, end))
            elif match := OPEN.fullmatch(entry.name):
                found.append(Chunk(Path(entry.path), int(match[1])))
    # sealed before open: a chunk that is just being sealed is seen as one or the other, or both
    found.sort(key=lambda chunk: (chunk.first, chunk.count is None))
    return [chunk for i, chunk in enumerate(found) if i == 0 or chunk.first != found[i - 1].first]


def corrections(writer: Path) -> dict[int, int]:
    """Of chunks that were dropped, by their first line: how many lines more than they had they stood for."""
    with suppress(FileNotFoundError), os.scandir(writer) as entries:
        matches = [CUT.fullmatch(entry.name) for entry in entries]
        return {int(match[1]): int(match[2]) for match in matches if match}
    return {}


def writers(attempt: Path) -> list[Path]:
    """The writers of an attempt."""
    with suppress(FileNotFoundError), os.scandir(attempt) as entries:
        return sorted(Path(entry.path) for entry in entries if WRITER.fullmatch(entry.name))
    return []


def attempts(root: Path, task_uid: str, run: int | None, stage: str, number: int | None) -> list[Attempt]:
    """The attempts of a task that something is kept of; run, stage and number narrow it where given."""
    if not TASK_UID.fullmatch(task_uid):
        return []
    found = []
    for run_name, run_path in _numbered(root / task_uid, RUN):
        if run not in (None, run_name):
            continue
        for stage_path in _entries(run_path):
            if not STAGE.fullmatch(stage_path.name) or (stage and stage_path.name != stage):
                continue
            for attempt_name, _ in _numbered(stage_path, ATTEMPT):
                if number in (None, attempt_name):
                    found.append(Attempt(task_uid, run_name, stage_path.name, attempt_name))
    return sorted(found, key=lambda each: (each.run, each.stage, each.number))


def prepare(root: Path, owner: Owner, attempt: Attempt) -> Path:
    """Make an attempt's directory, note whose it is, and make room: a stage keeps so many attempts."""
    path = attempt.path(root)
    path.mkdir(parents=True, exist_ok=True)
    note = root / owner.uid / OWNER
    if not note.exists():
        note.write_text(f"{owner.namespace}\n{owner.name}\n")
    numbers = sorted(number for number, _ in _numbered(path.parent, ATTEMPT))
    for number in numbers[1 : max(1, len(numbers) - MAX_ATTEMPTS + 1)]:
        rmtree(path.parent / f"a{number}", ignore_errors=True)
    return path


def owners(root: Path, idle_seconds: float) -> list[Owner]:
    """The tasks that logs are kept of and that nothing was written of for this long."""
    found = []
    for path in _entries(root):
        with suppress(OSError, ValueError):  # it is being removed, or is nothing of ours
            if TASK_UID.fullmatch(path.name) and time() - path.stat().st_mtime > idle_seconds:
                namespace, name = (path / OWNER).read_text().split()
                found.append(Owner(path.name, namespace, name))
    return found


def remove(root: Path, task_uid: str) -> None:
    """All logs of a task."""
    if TASK_UID.fullmatch(task_uid):
        rmtree(root / task_uid, ignore_errors=True)


def _entries(path: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
        return [Path(entry.path) for entry in entries]
    return []


def _numbered(path: Path, pattern: re.Pattern[str]) -> Iterator[tuple[int, Path]]:
    for entry in _entries(path):
        if match := pattern.fullmatch(entry.name):
            yield int(match[1]), entry
