"""Writes one source of an attempt's log: bounded on disk, the beginning and the end are kept. All in a thread."""

import gzip
from pathlib import Path

CHUNK_BYTES = 1 << 20
"""Of a chunk, before compression."""
HEAD_CHUNKS = 16
COMPRESSION = 3
MANY_WRITES = 16
"""A chunk of more writes is compressed anew when it is full: small pieces compress badly."""


class ChunkWriter:
    """Appends blocks of whole lines; whatever is dropped in the middle shows as a gap in the lines' numbers."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_chunks = max(HEAD_CHUNKS + 1, max_bytes // CHUNK_BYTES)
        self._head = min(HEAD_CHUNKS, max(1, self._max_chunks // 4))
        self._next = 0
        self._first = 0
        self._bytes = 0
        self._writes = 0
        self._begin = 0
        self._end = 0
        self._more = 0
        self._sealed: list[tuple[Path, int, int]] = []
        """With the first line of each, and how many lines more than it has it stands for."""

    @property
    def next(self) -> int:
        """The number of the next line."""
        return self._next

    def append(self, block: bytes, count: int, begin: int, end: int, more: int = 0) -> None:
        """Write lines: `count` of them, with the times of the first and the last. They stand for so many more: a remark
        for those that it says are missing, and for none of its own. Raises OSError.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._open_path.open("ab") as file:
            file.write(gzip.compress(block, COMPRESSION, mtime=0))
        if not self._bytes:
            self._begin = begin
        self._end = max(self._end, end)
        self._next += count
        self._bytes += len(block)
        self._more += more
        self._writes += 1
        if self._bytes >= CHUNK_BYTES:
            self.seal()

    def skip(self, count: int) -> None:
        """So many lines were not kept."""
        if count:
            self.seal()
            self._next += count
            self._first = self._next

    def seal(self) -> None:
        """End the chunk. Raises OSError."""
        if not self._bytes:
            return
        count = self._next - self._first
        name = f"{self._first:012d}.{self._begin}.{self._end}.{count}.gz"
        if self._writes > MANY_WRITES:
            whole = gzip.compress(gzip.decompress(self._open_path.read_bytes()), COMPRESSION, mtime=0)
            half = self._directory / f".{name}"
            half.write_bytes(whole)
            half.rename(self._directory / name)
            self._open_path.unlink()
        else:
            self._open_path.rename(self._directory / name)
        self._sealed.append((self._directory / name, self._first, self._more))
        self._first, self._bytes, self._writes, self._more = self._next, 0, 0, 0
        if len(self._sealed) > self._max_chunks:
            path, first, more = self._sealed.pop(self._head)
            if more:
                (self._directory / f"{first:012d}.{more}.cut").touch()
            path.unlink(missing_ok=True)

    @property
    def _open_path(self) -> Path:
        return self._directory / f"{self._first:012d}.open.gz"
