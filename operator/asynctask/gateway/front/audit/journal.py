"""Where audit records wait while the database is away: files that are synced before a record counts as written.

A segment is locked by the process that writes it. Whoever finds one without a lock (its gateway died) takes it over.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 64 << 20
PATTERN = "audit-*.jsonl"


class JournalFull(Exception):
    """No room is left for records."""


class Journal:
    """Lines in files of a directory. Its methods block on the disk."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._open: tuple[Path, int] | None = None
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether it takes no more."""
        return self._bytes >= self._max_bytes

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines, whatever happens next. Raises JournalFull and OSError."""
        if self.is_full:
            raise JournalFull
        data = b"".join(line + b"\n" for line in lines)
        if self._open is None:
            self._open = self._begin()
        _, descriptor = self._open
        end = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, end)  # a torn line would spoil the next one
            raise
        self._bytes += len(data)

    def segments(self) -> Iterator[tuple[Path, list[bytes]]]:
        """All that waits, our own and what dead gateways left. `done` removes a segment."""
        if self._open:
            os.close(self._open[1])
            self._open = None
        for path in sorted(self._directory.glob(PATTERN)) if self._directory.is_dir() else ():
            if (lines := _abandoned(path)) is not None:
                yield path, lines

    def done(self, path: Path) -> None:
        """A segment's lines are elsewhere now."""
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            self._bytes = max(0, self._bytes - size)

    def measure(self) -> None:
        """Count what is there from before. Raises OSError for a directory that can't be used."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._bytes = sum(path.stat().st_size for path in self._directory.glob(PATTERN))

    def _begin(self) -> tuple[Path, int]:
        path = self._directory / f"audit-{secrets.token_hex(8)}.jsonl"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        parent = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(parent)  # the file's name is to survive as well
        finally:
            os.close(parent)
        return path, descriptor


def _abandoned(path: Path) -> list[bytes] | None:
    """The whole lines of a segment that nobody writes; None when somebody does, or it has gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = file.read()
    except (BlockingIOError, FileNotFoundError):
        return None
    *lines, _torn = data.split(b"\n")  # what was being written at the end was never acknowledged
    return lines
