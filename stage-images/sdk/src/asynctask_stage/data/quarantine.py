"""The quarantine: a private folder inside the root, on its file system, where deleted files wait to be put back.

``<root>/.asynctask-quarantine/<task>-<run>-<token>/`` holds ``manifest.jsonl`` and numbered files. A file's line is in
the manifest, and on stable storage, before the file is moved; so whatever is found there can be put back by name.
Others may write into the root, so the folders must be ours alone: everything that is decided about a file is decided
again once it is in here, where nobody can exchange it.
"""

import errno
import fcntl
import json
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from asynctask_stage.data import names
from asynctask_stage.data.roots import Folder, Root
from asynctask_stage.errors import PermanentError, TransientError

AREA = b".asynctask-quarantine"
"""Scans leave out what has this name, at any depth."""

MANIFEST = b"manifest.jsonl"
VERSION = 1
PER_FOLDER = 1000

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,250}")
_PROBE = re.compile(r"\.asynctask-[0-9a-f]{16}")
"""A file that tells whom the file system takes us for; one that was killed at that moment leaves it."""


def name_of(task: str, run: int, uid: str) -> str:
    """The name of a run's folder; two tasks of one name, at different times or places, never share one."""
    return f"{task or 'task'}-{run}-{names.token_of(uid)}"


class Area:
    """The folder that holds the quarantined runs of a root."""

    def __init__(self, root: Root, folder: Folder, *, private: bool) -> None:
        self.root = root
        self._folder = folder
        self._private = private

    @classmethod
    def open(cls, root: Root, *, create: bool = False, private: bool = True) -> Self:
        """Enter it. ``private=False`` accepts a folder that others may enter, for storage that knows no permissions.

        ``FileNotFoundError`` without one; ``PermanentError``: ``QuarantineUnsafe`` when others could tamper with it,
        ``QuarantineUnavailable`` when it can't be made.
        """
        try:
            folder = _enter(root.top, AREA, create=create)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise PermanentError(
                f"{root.path}/{AREA.decode()} can't be used: {error.strerror}; the task must be allowed to write into"
                f" {root.path}, or an administrator makes the folder and gives it to the task's user, with mode 0700",
                reason="QuarantineUnavailable",
            ) from error
        area = cls(root, folder, private=private)
        area.ensure_private(folder, AREA.decode())
        return area

    def names(self) -> list[str]:
        """The runs in it, in order of name."""
        return sorted(name for name in _names(self._folder) if _NAME.fullmatch(name))

    def enter(self, name: str, *, create: bool = False) -> "RunFolder":
        """Enter a run's folder, and lock it; ``TransientError`` (``QuarantineBusy``) while another task is in it.

        ``PermanentError`` (``QuarantineNotFound``) without one.
        """
        if not _NAME.fullmatch(name):
            raise PermanentError(f"{name!r} is not a name of a quarantine", reason="InvalidConfig")
        try:
            folder = _enter(self._folder, name.encode(), create=create)
        except (FileNotFoundError, NotADirectoryError):
            raise PermanentError(f"there is no quarantine {name} here", reason="QuarantineNotFound") from None
        self.ensure_private(folder, name)
        return RunFolder(folder, name, self._folder)

    def remove_if_empty(self) -> None:
        """Remove the area itself, unless something is in it."""
        _remove_probes(self._folder)
        try:
            os.rmdir(AREA, dir_fd=self.root.top.fd)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.EACCES, errno.EPERM):
                raise

    def ensure_private(self, folder: Folder, name: str) -> None:
        """Refuse a folder in which somebody else can do something."""
        found = os.fstat(folder.fd)
        if found.st_dev != os.fstat(self.root.top.fd).st_dev:
            raise PermanentError(f"{name} lies on another file system than the root", reason="QuarantineUnsafe")
        if not self._private:
            return
        if found.st_mode & 0o077:
            raise PermanentError(
                f"{name} may be entered by others (mode {stat.S_IMODE(found.st_mode):04o}): they could exchange what is"
                " deleted or put back; set mode 0700, or 'shared_quarantine' where the storage knows no permissions",
                reason="QuarantineUnsafe",
            )
        if found.st_uid != _our_user(folder):
            raise PermanentError(
                f"{name} belongs to user {found.st_uid}; run the task as that user", reason="QuarantineUnsafe"
            )


class RunFolder:
    """What one run has taken out of the tree. Locked while it is open."""

    def __init__(self, folder: Folder, name: str, area: Folder) -> None:
        self.name = name
        self.folder = folder
        self._area = area
        self._shards: dict[int, Folder] = {}
        self._lock = threading.Lock()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._manifest = os.open(MANIFEST, flags, 0o600, dir_fd=folder.fd)
        try:
            fcntl.flock(self._manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._manifest)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise TransientError(f"another task is working in {name}", reason="QuarantineBusy") from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._manifest)
        self._shards.clear()

    @property
    def inode(self) -> int:
        """Tells this folder from a copy of it."""
        return os.fstat(self.folder.fd).st_ino

    @property
    def changed(self) -> float:
        """When the manifest was last written to, in seconds since the epoch."""
        return os.fstat(self._manifest).st_mtime

    def place(self, number: int, *, create: bool = False) -> tuple[Folder, bytes]:
        """Where the thing of this number lies, or will. ``FileNotFoundError`` when nothing near it does."""
        shard = number // PER_FOLDER
        with self._lock:
            folder = self._shards.get(shard)
            if folder is None:
                folder = self._shards[shard] = _enter(self.folder, b"%04d" % shard, create=create)
                while len(self._shards) > 64:
                    del self._shards[next(iter(self._shards))]
        return folder, b"%d" % number

    def find(self, number: int) -> os.stat_result | None:
        """The thing of this number; None when it is not here."""
        try:
            folder, name = self.place(number)
            return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def append(self, lines: Iterable[dict[str, Any]]) -> int:
        """Write lines into the manifest and wait until they are on stable storage; its length then."""
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        rest = memoryview(text.encode())
        while rest:
            rest = rest[os.write(self._manifest, rest) :]
        os.fsync(self._manifest)
        os.fsync(self.folder.fd)
        return os.fstat(self._manifest).st_size

    def mend(self) -> None:
        """Cut off a last line that a crash left half written; nothing was moved on the strength of it."""
        size = os.fstat(self._manifest).st_size
        end, block = size, 64 * 1024
        while end > 0:
            start = max(0, end - block)
            cut = os.pread(self._manifest, end - start, start).rfind(b"\n")
            if cut >= 0:
                end = start + cut + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._manifest, end)
            os.fsync(self._manifest)

    def lines(self, offset: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """The lines from ``offset`` on, each with its own offset; a half written last one is left out.

        ``PermanentError``, reason ``ManifestDamaged``, for a line that is none.
        """
        with os.fdopen(os.dup(self._manifest), "rb", buffering=1 << 20) as file:
            file.seek(offset)
            while (line := file.readline()).endswith(b"\n"):
                body = _parsed(line)
                if body is None:
                    raise PermanentError(
                        f"the manifest of {self.name} is damaged at byte {offset}", reason="ManifestDamaged"
                    )
                yield offset, body
                offset += len(line)

    def header(self) -> dict[str, Any] | None:
        """The first line; None when there is none yet. ``PermanentError`` when the folder is a copy of another."""
        _, head = next(self.lines(), (0, None))
        if head is None:
            return None
        if head.get("version") != VERSION or head.get("folder") != self.inode:
            raise PermanentError(
                f"{self.name} is not where it was made, or of another version: what its manifest says can't be trusted",
                reason="ManifestDamaged",
            )
        return head

    def remove(self) -> bool:
        """Remove the folder, if nothing is left in it but the manifest; whether it is gone."""
        _remove_probes(self.folder)
        for name in _names(self.folder):
            if name != MANIFEST.decode():
                try:
                    os.rmdir(name, dir_fd=self.folder.fd)
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                        return False
                    raise
        os.unlink(MANIFEST, dir_fd=self.folder.fd)
        os.rmdir(self.name, dir_fd=self._area.fd)
        return True

    def shards(self) -> Iterator[Folder]:
        """The folders of things in it, one after the other."""
        for name in sorted(_names(self.folder)):
            if name.isdecimal():
                yield _enter(self.folder, name.encode(), create=False)


def _enter(above: Folder, name: bytes, *, create: bool) -> Folder:
    if create:
        try:
            os.mkdir(name, 0o700, dir_fd=above.fd)
        except FileExistsError:
            pass
        else:
            # Of what we have just made; an access list that it inherits must not let others in.
            folder = Folder(os.open(name, _DIRECTORY, dir_fd=above.fd))
            if os.fstat(folder.fd).st_mode & 0o077 and os.fstat(folder.fd).st_uid == _our_user(folder):
                Path(f"/proc/self/fd/{folder.fd}").chmod(0o700)
            return folder
    return Folder(os.open(name, _DIRECTORY, dir_fd=above.fd))


def _names(folder: Folder) -> list[str]:
    with os.scandir(folder.fd) as listing:
        return [item.name for item in listing]


def _remove_probes(folder: Folder) -> None:
    for name in _names(folder):
        if _PROBE.fullmatch(name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder.fd)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _our_user(folder: Folder) -> int:
    """Whom the file system takes us for: servers map users, so only a file of our making tells."""
    name = b".asynctask-%s" % secrets.token_hex(8).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=folder.fd)
    try:
        return os.fstat(fd).st_uid
    finally:
        os.close(fd)
        with suppress(FileNotFoundError):  # another task has cleared it away
            os.unlink(name, dir_fd=folder.fd)
