"""What must not go: folders under legal hold, and paths that the config protects."""

import os
from collections.abc import Iterable

from asynctask_stage.data import names
from asynctask_stage.data.roots import Folder, Root
from asynctask_stage.errors import PermanentError

HOLD = b".asynctask-hold"
"""Anything of this name in a folder holds the folder and all below it."""


class Held(Exception):
    """The folder is under legal hold."""


def is_held(folder: Folder) -> bool:
    """Whether the folder itself holds a mark. ``OSError`` when that can't be told, which is not a no."""
    try:
        os.stat(HOLD, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


class Holds:
    """Looks for marks from the root down to a folder; remembers what it saw, so make a new one for each batch."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._seen: dict[bytes, bool] = {}

    def covers(self, path: bytes) -> bool:
        """Whether the folder at ``path``, or one above it, is held. ``OSError`` when that can't be told."""
        known = self._seen.get(path)
        if known is None:
            above = bool(path) and self.covers(names.split(path)[0])
            known = self._seen[path] = above or is_held(self._root.folder(path))
        return known


class Protection:
    """Paths below which nothing is touched."""

    def __init__(self, paths: Iterable[str], root: str) -> None:
        """``paths`` are relative to ``root``, or absolute and below it.

        ``PermanentError``, reason ``InvalidConfig``, for one that is not: a slip must leave no path unprotected.
        """
        self._paths = frozenset(_relative(path, root) for path in paths)

    def covers(self, path: bytes) -> bool:
        """Whether ``path``, or one above it, is protected."""
        if not self._paths:
            return False
        while path:
            if path in self._paths:
                return True
            path = names.split(path)[0]
        return False


def _relative(path: str, root: str) -> bytes:
    given = path
    if path.startswith("/"):
        top = root.rstrip("/") + "/"
        if not path.startswith(top):
            raise PermanentError(f"protected path {given!r} does not lie below {root}", reason="InvalidConfig")
        path = path.removeprefix(top)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in path:
        raise PermanentError(f"protected path {given!r} does not lie below {root}", reason="InvalidConfig")
    return os.fsencode("/".join(parts))
