"""Shares that the gateway has mounted to look at, read-only: listed one level at a time, never left.

Every step goes from an open directory to a name in it, and follows no symbolic link: whatever is renamed or linked
meanwhile, nothing outside the share is seen. A share that hangs holds up a few threads of its own and nothing else.
"""

import asyncio
import errno
import heapq
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_SCANNED = 50_000
"""Names looked at in one directory."""
THREADS = 4
SECONDS = 8.0

T = TypeVar("T")


class NotMounted(Exception):
    """The gateway has no mount of this share."""


class NotADirectory(Exception):
    """There is something, and it is no directory; a symbolic link is none either."""


class NotThere(Exception):
    """There is nothing of that name."""


class NoAnswer(Exception):
    """The share does not answer, or the gateway may not read it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory."""

    name: str
    kind: str
    """`Directory`, `File`, `Link` or `Other`."""
    size: int
    modified: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One level, by name."""

    entries: tuple[Entry, ...]
    more: bool
    """There are names after these."""
    is_capped: bool
    """The directory has more names than are looked at: those shown are not the first of all."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a path."""

    exists: bool
    kind: str
    mode: int
    user: int
    group: int
    free_bytes: int
    total_bytes: int

    def writable_by(self, user: int, group: int) -> bool:
        """Whether the mode bits let them make files in this directory, or write this file."""
        shift = 6 if user == self.user else 3 if group == self.group else 0
        wanted = 0o3 if self.kind == "Directory" else 0o2
        return (self.mode >> shift) & wanted == wanted


class Shares:
    """The mounts below one directory: `NAMESPACE/ENDPOINT`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(THREADS, "shares")

    async def list(self, namespace: str, endpoint: str, parts: Sequence[str], after: str, limit: int) -> Listing:
        """Names of one directory, after a name. Raises NotMounted, NotThere, NotADirectory and NoAnswer."""
        return await self._run(lambda: self._list(namespace, endpoint, parts, after, limit))

    async def check(self, namespace: str, endpoint: str, parts: Sequence[str]) -> Found:
        """What is at a path; of one that is not there, the space of the nearest directory above."""
        return await self._run(lambda: self._check(namespace, endpoint, parts))

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise NoAnswer("it does not answer in time") from error
        except OSError as error:
            raise NoAnswer(error.strerror or "it can't be read") from error

    def _list(self, namespace: str, endpoint: str, parts: Sequence[str], after: str, limit: int) -> Listing:
        with ExitStack() as stack:
            fd = self._enter(stack, namespace, endpoint)
            for part in parts:
                fd = _below(stack, fd, part)
            names, scanned = [], 0
            with os.scandir(fd) as found:
                for item in found:
                    scanned += 1
                    if scanned > MAX_SCANNED:
                        break
                    if item.name > after:
                        names.append(item.name)
            chosen = heapq.nsmallest(limit + 1, names)
            entries = tuple(entry for name in chosen[:limit] if (entry := _entry(fd, name)))
            return Listing(entries, len(chosen) > limit, scanned > MAX_SCANNED)

    def _check(self, namespace: str, endpoint: str, parts: Sequence[str]) -> Found:
        with ExitStack() as stack:
            fd = self._enter(stack, namespace, endpoint)
            for depth, part in enumerate(parts):
                is_last = depth == len(parts) - 1
                try:
                    state = os.stat(part, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    return _found(os.fstat(fd), fd, exists=False)
                if is_last and not stat.S_ISDIR(state.st_mode):
                    return _found(state, fd, exists=True)
                fd = _below(stack, fd, part)
            return _found(os.fstat(fd), fd, exists=True)

    def _enter(self, stack: ExitStack, namespace: str, endpoint: str) -> int:
        if any(name in {"", ".", ".."} or "/" in name for name in (namespace, endpoint)):
            raise NotMounted
        try:
            fd = os.open(self._directory / namespace / endpoint, DIRECTORY)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotMounted from error
        stack.callback(os.close, fd)
        return fd


def _below(stack: ExitStack, fd: int, name: str) -> int:
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise NotThere
    try:
        found = os.open(name, DIRECTORY, dir_fd=fd)
    except FileNotFoundError as error:
        raise NotThere from error
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise NotADirectory from error
        raise
    stack.callback(os.close, found)
    return found


def _entry(fd: int, name: str) -> Entry | None:
    try:
        state = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    shown = name.encode(errors="surrogateescape").decode(errors="replace")
    return Entry(shown, _kind(state.st_mode), state.st_size, state.st_mtime)


def _found(state: os.stat_result, fd: int, *, exists: bool) -> Found:
    room = os.fstatvfs(fd)
    return Found(
        exists=exists,
        kind=_kind(state.st_mode) if exists else "",
        mode=stat.S_IMODE(state.st_mode),
        user=state.st_uid,
        group=state.st_gid,
        free_bytes=room.f_bavail * room.f_frsize,
        total_bytes=room.f_blocks * room.f_frsize,
    )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "Directory"
    if stat.S_ISREG(mode):
        return "File"
    return "Link" if stat.S_ISLNK(mode) else "Other"
