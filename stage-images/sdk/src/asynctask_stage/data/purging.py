"""Emptying quarantines for good: all that lies in a run's folder, and then the folder."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from asynctask_stage.data.quarantine import RunFolder


@dataclass
class Purged:
    """What is gone. A file with names elsewhere frees nothing."""

    files: int = 0
    bytes: int = 0
    folders: int = 0
    is_gone: bool = False
    """Whether the run's folder is gone as well."""


def purge(place: RunFolder, *, check: Callable[[], None], tell: Callable[[Purged], None], dry_run: bool) -> Purged:
    """Delete what is in there; goes on where an earlier purge was stopped. Only files and empty folders are touched."""
    purged = Purged()
    for shard in place.shards():
        check()
        with os.scandir(shard.fd) as listing:
            names = [item.name for item in listing]
        for name in names:
            found = os.stat(name, dir_fd=shard.fd, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                if not dry_run:
                    _remove_folder(name, shard.fd)
                purged.folders += 1
                continue
            if not dry_run:
                os.unlink(name, dir_fd=shard.fd)
            purged.files += 1
            purged.bytes += found.st_size if found.st_nlink == 1 else 0
        tell(purged)
    if not dry_run:
        purged.is_gone = place.remove()
    return purged


def _remove_folder(name: str, fd: int) -> None:
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        return  # something was put into it by hand; the run's folder stays then
