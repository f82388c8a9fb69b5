"""Calls of Linux that the standard library does not wrap. Each says no with False where a file system lacks it."""

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator

_FICLONE = 0x40049409

_libc = ctypes.CDLL(None, use_errno=True)

ALIGNMENT = 4096

CANNOT_COPY_IN_KERNEL = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENOTTY, errno.EBADF, errno.ETXTBSY}
)
"""What file systems and old kernels answer when they can't clone or copy by themselves: copy through memory then."""


def syncfs(fd: int) -> None:
    """Put everything of the file system of ``fd`` onto stable storage. ``OSError`` also for a write lost before."""
    if _libc.syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def clone(source: int, target: int) -> bool:
    """Let ``target`` share all blocks of ``source`` (a reflink): no bytes move. Whether that was possible."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in CANNOT_COPY_IN_KERNEL:
            return False
        raise
    return True


def copy_range(source: int, target: int, offset: int, length: int) -> int:
    """Copy at the same offset without passing through memory, on the server where it can; bytes copied.

    0 means that it can't be done this way here. Kernels differ in which error they give and some file systems
    return 0 before the end of a file, so both ask for an ordinary copy.
    """
    try:
        return os.copy_file_range(source, target, length, offset, offset)
    except OSError as error:
        if error.errno in CANNOT_COPY_IN_KERNEL:
            return 0
        raise


def data_ranges(fd: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of ``[start, end)`` that hold data, as (start, end); what is between them is a hole and reads as zeros.

    Where the file system can't tell, everything is data. Moves the offset of ``fd``.
    """
    position = start
    while position < end:
        try:
            begin = os.lseek(fd, position, os.SEEK_DATA)
            stop = os.lseek(fd, begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end of the file
                return
            if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
                yield position, end
                return
            raise
        if begin >= end:
            return
        yield begin, min(stop, end)
        position = max(stop, begin + 1)


def reopen_direct(fd: int, flags: int) -> int | None:
    """A second descriptor of the same open file that passes by the page cache; None where that can't be done.

    Offsets, lengths and buffers must then be multiples of ``ALIGNMENT``. Measured on two busy cores: a big copy takes a
    tenth of the system time, no longer depends on what else dirties the page cache, and pushes nobody's data out of it.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", flags | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:
        return None


def start_reading(fd: int, offset: int, length: int) -> None:
    """Have the kernel read this range into the page cache, without waiting for it."""
    try:
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)
    except OSError:
        return  # only a hint; a pipe that took the file's place can't take it


def start_writing(fd: int, offset: int, length: int) -> None:
    """Have the kernel write this range out now rather than at the next sync, and forget what is already written.

    So a sync finds little left to do, and a big file does not push everybody's data out of the page cache.
    """
    os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)


_RENAME_NOREPLACE = 1
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_STATX_FORCE_SYNC = 0x2000
_STATX_BASIC_STATS = 0x7FF
_NO_SUCH_FLAG = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def rename_new(source: int, name: bytes, target: int, new: bytes) -> bool:
    """Rename from one open directory into another, but never over anything (``FileExistsError``).

    False where the file system can't promise that (NFS); nothing has happened then.
    """
    if not hasattr(_libc, "renameat2"):
        return False
    if _libc.renameat2(source, name, target, new, _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_SUCH_FLAG:
        return False
    raise OSError(number, os.strerror(number))


def refresh(folder: int, name: bytes) -> None:
    """Have a network file system ask its server about ``name``, so that the next ``stat`` is not an old answer."""
    if hasattr(_libc, "statx"):
        flags = _AT_SYMLINK_NOFOLLOW | _AT_STATX_FORCE_SYNC
        _libc.statx(folder, name, flags, _STATX_BASIC_STATS, ctypes.create_string_buffer(256))
