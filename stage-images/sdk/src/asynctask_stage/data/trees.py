"""Directories, symbolic links, pipes and devices in the target, and attributes of files whose content is the same.

This comes before any content. Directories are made private (0700) and get their real owner, mode and times last
(``folders``), so nobody sees a file there earlier than its permissions allow.
"""

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from asynctask_stage.data import attributes, kernel, names, opening
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Entry, Kind, Loss, State
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.roots import Root

COMMIT_SECONDS = 2.0


class Trees:
    """Makes everything but the content; every step may be repeated."""

    def __init__(
        self, catalog: Catalog, source: Root, target: Root, abilities: Abilities, failures: Failures, token: str
    ) -> None:
        self._catalog = catalog
        self._source = source
        self._target = target
        self._abilities = abilities
        self._failures = failures
        self._token = token
        self._committed = time.monotonic()

    def run(self, check: Callable[[], None], tell: Callable[[int], None]) -> None:
        """Go through what is pending, in order of id, so a directory comes before what is in it.

        ``check`` may raise to stop; ``tell`` hears how many entries are made.
        """
        made = 0
        where = "state = ? AND action IN (?, ?) AND id > ?"
        last = self._catalog.get("tree_cursor", 0)
        self._open_up()
        for entry in self._catalog.entries(where, (State.PENDING, Action.CREATE, Action.ADJUST, last)):
            try:
                loss = self._make(entry)
                if entry.kind != Kind.DIRECTORY:
                    self._catalog.execute(
                        "UPDATE entries SET state = ?, loss = ? WHERE id = ?", (State.DONE, loss, entry.id)
                    )
            except (OSError, ItemFailed) as error:
                self._fail(entry, error)
            made += 1
            if time.monotonic() - self._committed > COMMIT_SECONDS:
                self._commit(entry.id)
                tell(made)
                check()
        self._commit(None)
        tell(made)

    def _commit(self, cursor: int | None) -> None:
        kernel.syncfs(self._target.top.fd)
        if cursor is not None:
            self._catalog.put({"tree_cursor": cursor})
        self._failures.commit()
        self._committed = time.monotonic()

    def _fail(self, entry: Entry, error: Exception) -> None:
        if isinstance(error, OSError) and error.errno in (errno.EISDIR, errno.ENOTEMPTY):
            error = ItemFailed("TypeConflict", "a directory of this name is in the way in the destination", "permanent")
        self._failures.add(entry.path, error)
        self._catalog.set_states(State.FAILED, [entry.id])

    def _open_up(self) -> None:
        """Let the owner write into existing directories that something goes into; ``folders`` sets the mode again."""
        if os.geteuid() == 0:
            return
        where = "kind = ? AND action != ? AND mode & 448 != 448"
        where += " AND id IN (SELECT parent FROM entries WHERE action IN (?, ?, ?))"
        changing = (Action.COPY, Action.CREATE, Action.LINK)
        for entry in self._catalog.entries(where, (Kind.DIRECTORY, Action.CREATE, *changing)):
            try:
                os.fchmod(self._target.folder(entry.path).fd, entry.mode | stat.S_IRWXU)
            except OSError as error:
                self._failures.add(entry.path, error)

    def _make(self, entry: Entry) -> int:
        if entry.kind == Kind.DIRECTORY:
            return self._directory(entry)
        directory, name = names.split(entry.path)
        folder = self._target.folder(directory)
        if entry.kind == Kind.FILE:
            return self._adjust(entry, name, folder.fd)
        if entry.action == Action.ADJUST:
            return self._own(entry, name, folder.fd)
        temporary = names.temporary(self._token, entry.id)
        opening.discard(folder, temporary)
        if entry.kind == Kind.SYMLINK:
            os.symlink(entry.link or b"", temporary, dir_fd=folder.fd)
        elif not self._node(entry, temporary, folder.fd):
            return Loss.DEVICE
        loss = self._own(entry, temporary, folder.fd)
        os.rename(temporary, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        return loss

    def _directory(self, entry: Entry) -> int:
        if entry.action == Action.ADJUST or not entry.path:
            return 0
        directory, name = names.split(entry.path)
        folder = self._target.folder(directory)
        try:
            os.mkdir(name, 0o700, dir_fd=folder.fd)
        except FileExistsError:
            if stat.S_ISDIR(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode):
                return 0
            os.unlink(name, dir_fd=folder.fd)  # a file or a symbolic link, which we never follow
            os.mkdir(name, 0o700, dir_fd=folder.fd)
        return 0

    def _adjust(self, entry: Entry, name: bytes, folder: int) -> int:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            directory, _ = names.split(entry.path)
            given = attributes.read_xattrs(self._source.folder(directory).path_of(name)) if entry.xattrs else {}
            return attributes.apply(fd, entry, self._abilities, given, strip=True)
        finally:
            os.close(fd)

    def _own(self, entry: Entry, name: bytes, folder: int) -> int:
        """Owner, mode and times of what can't be opened."""
        loss = self._abilities.lost(entry) & (Loss.OWNER | Loss.GROUP)
        try:
            uid = entry.uid if self._abilities.owners else -1
            os.chown(name, uid, -1 if loss & Loss.GROUP else entry.gid, dir_fd=folder, follow_symlinks=False)
        except PermissionError:
            loss |= Loss.OWNER
        try:
            if entry.kind != Kind.SYMLINK:
                _chmod(name, self._abilities.mode_of(entry), folder)
            os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
        except (PermissionError, NotImplementedError):
            loss |= Loss.TIMES
        return loss

    def _node(self, entry: Entry, name: bytes, folder: int) -> bool:
        """Make a pipe or a device; whether we may."""
        if entry.kind == Kind.FIFO:
            os.mkfifo(name, 0o600, dir_fd=folder)
            return True
        kind = stat.S_IFBLK if entry.kind == Kind.BLOCK_DEVICE else stat.S_IFCHR
        try:
            os.mknod(name, 0o600 | kind, entry.rdev, dir_fd=folder)
        except PermissionError:
            return False
        return True


def _chmod(name: bytes, mode: int, folder: int) -> None:
    """Set the mode of what can't be opened, without following a link put in its place."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            Path(f"/proc/self/fd/{fd}").chmod(mode)
    finally:
        os.close(fd)
