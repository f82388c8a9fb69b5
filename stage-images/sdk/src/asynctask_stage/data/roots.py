"""Trees, entered only downwards: every access is relative to an open directory, and no symbolic link is followed."""

import errno
import os
import stat
import threading
from collections import OrderedDict

from asynctask_stage.errors import PermanentError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CACHED = 256


class Folder:
    """An open directory. It stays open while anybody holds the object, so a cache may drop it at any time."""

    __slots__ = ("_default_acl", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._default_acl: bool | None = None

    def __del__(self) -> None:
        os.close(self.fd)

    @property
    def has_default_acl(self) -> bool:
        """Whether new entries get an access list from it."""
        if self._default_acl is None:
            try:
                self._default_acl = "system.posix_acl_default" in os.listxattr(self.fd)
            except OSError:
                self._default_acl = False
        return self._default_acl

    def path_of(self, name: bytes) -> bytes:
        """A path for calls that take no directory descriptor; the name itself must not be followed by the caller."""
        return b"/proc/self/fd/%d/%s" % (self.fd, name)


class Root:
    """The top of a source or target tree."""

    def __init__(self, fd: int, path: str) -> None:
        self.path = path
        self._top = Folder(fd)
        self._cache: OrderedDict[bytes, Folder] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str, *, create: bool = False) -> "Root":
        """Enter an absolute path of the config, with ``create`` making what is missing of it.

        ``PermanentError`` with reason ``InvalidPath`` (not absolute, ``..``, a null byte), ``SymlinkInPath``,
        ``NotADirectory`` or ``NotFound``; other ``OSError`` as they come.
        """
        parts = path.split("/")
        if not path.startswith("/") or ".." in parts or "\0" in path:
            raise PermanentError(f"{path!r} must be an absolute path without '..'", reason="InvalidPath")
        fd = os.open("/", _DIRECTORY)
        try:
            walked = ""
            for part in parts:
                if part in ("", "."):
                    continue
                walked = f"{walked}/{part}"
                if create:
                    _make(part, fd)
                below = _enter(part, fd, walked)
                os.close(fd)
                fd = below
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, path)

    @property
    def top(self) -> Folder:
        """The root directory itself."""
        return self._top

    def folder(self, path: bytes) -> Folder:
        """The directory at ``path``, opened or from a cache.

        ``OSError``: ``ENOTDIR`` also when a component is a symbolic link.
        """
        if not path:
            return self._top
        with self._lock:
            found = self._cache.get(path)
            if found is not None:
                self._cache.move_to_end(path)
                return found
        parts = path.split(b"/")
        folder, depth = self._nearest(parts)
        for i in range(depth, len(parts)):
            name = parts[i]
            if name in (b"", b".", b".."):
                raise OSError(errno.EINVAL, "not a path below the root", path)
            folder = Folder(os.open(name, _DIRECTORY, dir_fd=folder.fd))
        with self._lock:
            self._cache[path] = folder
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return folder

    def forget(self) -> None:
        """Drop the cache: directories may have been replaced."""
        with self._lock:
            self._cache.clear()

    def _nearest(self, parts: list[bytes]) -> tuple[Folder, int]:
        """The nearest cached directory above, and how many components lead to it."""
        with self._lock:
            for depth in range(len(parts) - 1, 0, -1):
                found = self._cache.get(b"/".join(parts[:depth]))
                if found is not None:
                    return found, depth
                if len(parts) - depth > 3:  # deep trees: looking further costs more than opening
                    break
        return self._top, 0


def _make(name: str, fd: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=fd)
    except FileExistsError:
        return
    except OSError as error:
        # Asked about a directory that exists, some file systems say that they are read-only or that we may not.
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise


def _enter(name: str, fd: int, walked: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        raise PermanentError(f"{walked} does not exist", reason="NotFound") from None
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise PermanentError(
                f"{walked} is a symbolic link; give the path that it points to", reason="SymlinkInPath"
            ) from None
        raise PermanentError(f"{walked} is not a directory", reason="NotADirectory") from None
    except PermissionError as error:
        # A directory on the way may be closed to reading and still let through.
        try:
            return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        except OSError:
            raise error from None
