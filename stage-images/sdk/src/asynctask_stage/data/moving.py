"""Moving a name from one directory to another without ever replacing what is there."""

import errno
import os
import stat
from collections.abc import Callable

from asynctask_stage.data import kernel
from asynctask_stage.data.roots import Folder

_NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})


def move_new(source: Folder, name: bytes, target: Folder, new: bytes) -> None:
    """Move a file or directory; ``FileExistsError`` when ``new`` is taken, other ``OSError`` as they come.

    Where there is no such rename (NFS), a file gets a second link, which fails when the name is taken, and then loses
    the first; a crash in between leaves both, which ``is_same`` tells. What can't be linked is renamed over an empty
    thing of our own making.
    """
    if kernel.rename_new(source.fd, name, target.fd, new):
        return
    if stat.S_ISDIR(os.stat(name, dir_fd=source.fd, follow_symlinks=False).st_mode):
        os.mkdir(new, 0o700, dir_fd=target.fd)
        _rename_over(source, name, target, new, os.rmdir)
        return
    try:
        os.link(name, new, src_dir_fd=source.fd, dst_dir_fd=target.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target.fd))
        _rename_over(source, name, target, new, os.unlink)
    else:
        os.unlink(name, dir_fd=source.fd)


def _rename_over(source: Folder, name: bytes, target: Folder, new: bytes, undo: Callable[..., None]) -> None:
    try:
        os.rename(name, new, src_dir_fd=source.fd, dst_dir_fd=target.fd)
    except OSError:
        undo(new, dir_fd=target.fd)
        raise


def is_same(one: Folder, name: bytes, other: Folder, new: bytes) -> bool:
    """Whether two names are the same file."""
    found = [os.stat(n, dir_fd=f.fd, follow_symlinks=False) for f, n in ((one, name), (other, new))]
    return (found[0].st_dev, found[0].st_ino) == (found[1].st_dev, found[1].st_ino)
