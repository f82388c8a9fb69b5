"""Opening the two ends of a file's copy, and moving its bytes."""

import errno
import functools
import mmap
import os
import stat
import threading
from collections.abc import Callable
from typing import NamedTuple

from blake3 import blake3

from asynctask_stage.data import kernel
from asynctask_stage.data.entries import Entry, int64
from asynctask_stage.data.failures import ItemFailed
from asynctask_stage.data.pacing import DIRECT_SEGMENT, SEGMENT, Pace
from asynctask_stage.data.roots import Folder
from asynctask_stage.errors import Stopped

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_buffers = threading.local()


class Changed(Exception):
    """The source file changed while it was read."""


def open_source(folder: Folder, name: bytes) -> int:
    """Open a file for reading without touching its time of last access, where we may."""
    try:
        return os.open(name, _READ | os.O_NOATIME, dir_fd=folder.fd)
    except PermissionError:
        return os.open(name, _READ, dir_fd=folder.fd)


def open_temporary(folder: Folder, name: bytes) -> int:
    """A new, empty file that only we can read; one left there before is removed."""
    try:
        return os.open(name, _WRITE, 0o600, dir_fd=folder.fd)
    except FileExistsError:
        os.unlink(name, dir_fd=folder.fd)
        return os.open(name, _WRITE, 0o600, dir_fd=folder.fd)


def discard(folder: Folder, name: bytes) -> None:
    """Remove a temporary file, if it is there."""
    try:
        os.unlink(name, dir_fd=folder.fd)
    except FileNotFoundError:
        return


def refresh(entry: Entry, found: os.stat_result) -> Entry:
    """The entry as the open file is now; it may have changed since it was listed. ``ItemFailed`` when it is no file."""
    if not stat.S_ISREG(found.st_mode):
        raise ItemFailed("TypeChanged", "is no longer a regular file")
    mode = stat.S_IMODE(found.st_mode)
    now = (found.st_size, int64(found.st_mtime_ns), mode, found.st_uid, found.st_gid)
    if now == (entry.size, entry.mtime_ns, entry.mode, entry.uid, entry.gid):
        return entry
    return entry._replace(
        size=found.st_size,
        mtime_ns=int64(found.st_mtime_ns),
        mode=mode,
        uid=found.st_uid,
        gid=found.st_gid,
        blocks=found.st_blocks,
    )


def ensure_unchanged(fd: int, entry: Entry) -> None:
    """Raise ``Changed`` when the open source is no longer as it was when its copy began."""
    found = os.fstat(fd)
    if found.st_size != entry.size or int64(found.st_mtime_ns) != entry.mtime_ns:
        raise Changed


def buffer() -> memoryview:
    """A buffer of the largest segment, aligned for direct reading and writing; one per thread."""
    try:
        return _buffers.view  # type: ignore[no-any-return]
    except AttributeError:
        _buffers.view = memoryview(mmap.mmap(-1, DIRECT_SEGMENT))
        return _buffers.view  # type: ignore[no-any-return]


class Direct(NamedTuple):
    """Descriptors of a source and its copy that pass by the page cache."""

    reading: int
    writing: int

    @classmethod
    def of(cls, reading: int, writing: int) -> "Direct | None":
        """Open both; None where one can't be had."""
        source = kernel.reopen_direct(reading, os.O_RDONLY)
        if source is None:
            return None
        target = kernel.reopen_direct(writing, os.O_RDWR)
        if target is None:
            os.close(source)
            return None
        return cls(source, target)

    def close(self) -> None:
        """Close both."""
        os.close(self.reading)
        os.close(self.writing)


def direct_length(position: int, end: int, most: int) -> int:
    """How much of ``[position, end)`` may be moved directly at once; 0 when nothing."""
    if position % kernel.ALIGNMENT:
        return 0
    return min(most, end - position) // kernel.ALIGNMENT * kernel.ALIGNMENT


def write_all(fd: int, data: memoryview | bytes, offset: int) -> None:
    """Write everything; a short write goes on, and in the end says why it was short."""
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, offset)
        if count == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[count:]
        offset += count


class Mover:
    """Moves a range of a file, holes kept; counts, paces and hashes on the way."""

    def __init__(self, pace: Pace, *, hashing: bool) -> None:
        self._pace = pace
        self.hashing = hashing

    def move(
        self,
        source: int,
        target: int,
        start: int,
        end: int,
        *,
        sparse: bool,
        direct: Direct | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> tuple[int, bytes | None]:
        """Copy ``[start, end)``; how far it came (absolute), and the blake3 of that range when hashing.

        ``enough`` may end it early between segments, and a request to stop ends it early while it waits for bandwidth.
        ``direct`` passes by the page cache where it is aligned. Raises ``Changed`` when the source has become shorter.
        """
        state = blake3() if self.hashing else None
        position = start
        for begin, stop in kernel.data_ranges(source, start, end) if sparse else ((start, end),):
            self._skip(state, begin - position)
            position = begin
            while position < stop:
                length = direct_length(position, stop, self._pace.direct_segment) if direct else 0
                is_direct = length > 0
                length = length or min(SEGMENT, stop - position)
                if enough() or not self._may_take(length):
                    return position, state.digest() if state is not None else None
                ends = direct if direct and is_direct else (source, target)
                position += self._segment(*ends, position, length, state)
        if position == start:
            self._pace.moved(end - start)
            return end, zeros_digest(end - start) if self.hashing else None
        self._skip(state, end - position)
        return end, state.digest() if state is not None else None

    def _may_take(self, length: int) -> bool:
        try:
            self._pace.take(length)
        except Stopped:
            return False
        return True

    def _segment(self, source: int, target: int, position: int, length: int, state: "blake3 | None") -> int:
        if state is None:
            count = kernel.copy_range(source, target, position, length)
            if count:
                self._pace.moved(count)
                return count
        view = buffer()[:length]
        count = os.preadv(source, [view], position)
        if count == 0:
            raise Changed
        if state is not None:
            state.update(view[:count])
        write_all(target, view[:count], position)
        kernel.start_writing(target, position, count)
        self._pace.moved(count)
        return count

    def _skip(self, state: "blake3 | None", length: int) -> None:
        """A hole: nothing to write, zeros to hash."""
        if length <= 0:
            return
        self._pace.moved(length)
        if state is not None:
            add_zeros(state, length)


_ZEROS = memoryview(bytes(SEGMENT))


def add_zeros(state: "blake3", length: int) -> None:
    """Hash ``length`` zeros."""
    while length > 0:
        state.update(_ZEROS[:length])
        length -= SEGMENT


@functools.lru_cache(maxsize=16)
def zeros_digest(length: int) -> bytes:
    """The blake3 of a piece that is one hole; pieces have few lengths, so a huge sparse file costs one."""
    state = blake3()
    add_zeros(state, length)
    return state.digest()
