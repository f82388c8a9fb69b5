"""Whether the target has room, before any content moves."""

import os

from asynctask_stage.data.roots import Root
from asynctask_stage.errors import PermanentError

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def check(target: Root, needed_bytes: int, needed_entries: int = 0) -> int:
    """Free bytes of the target; ``PermanentError``, reason ``NoSpace``, with both figures when too few.

    File systems without a fixed number of inodes report 0 of them and are not asked.
    """
    free = os.fstatvfs(target.top.fd)
    free_bytes = free.f_bavail * free.f_frsize
    if needed_bytes > free_bytes:
        raise PermanentError(
            f"{target.path} has {human(free_bytes)} ({free_bytes} bytes) free,"
            f" {human(needed_bytes)} ({needed_bytes} bytes) are needed; free some space, then restart",
            reason="NoSpace",
        )
    if free.f_files and needed_entries > free.f_favail:
        raise PermanentError(
            f"{target.path} has room for {free.f_favail} more files, {needed_entries} are needed", reason="NoSpace"
        )
    return free_bytes


def human(size: float) -> str:
    """A size in bytes for people, decimal units."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"
