"""Bulk data of a task's run as files: one directory per task and run, every file whole or not there.

The directory may be shared by several gateways: names are made visible by rename, which is atomic on NFS as well.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from time import time
from typing import IO

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
TASK_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
UPLOAD = ".upload-"
OWNER = ".task"
"""In a task's directory: its namespace and name, a line each, so that who sweeps can ask whether it is still there."""
BLOCK = 1 << 20
ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Owner:
    """The task that a directory of artifacts belongs to."""

    uid: str
    namespace: str
    name: str


class InvalidName(Exception):
    """Not a name that an artifact can have."""


class ArtifactTooLarge(Exception):
    """More than one artifact, or one run, may hold."""


@dataclass(frozen=True)
class ArtifactStore:
    """Artifacts under one directory."""

    root: Path
    max_bytes: int
    """The largest artifact."""
    max_run_bytes: int
    """All artifacts of a run together: a stage that never stops writing must not fill the disk for the others."""
    max_run_files: int = 1000

    def path(self, task_uid: str, run: int, name: str) -> Path:
        """Where an artifact is. Raises InvalidName."""
        if not NAME.fullmatch(name) or name.startswith((UPLOAD, "..")) or name == ".":
            raise InvalidName("letters, digits, `.`, `_` and `-`; at most 100 characters")
        if not TASK_UID.fullmatch(task_uid):
            raise InvalidName("not a task's uid")
        return self.root / task_uid / f"r{run}" / name

    async def put(self, owner: Owner, run: int, name: str, blocks: AsyncIterable[bytes]) -> int:
        """Store a stream and return its size: the old artifact stays until the new one is whole and on disk.

        Raises InvalidName, ArtifactTooLarge and OSError; whatever is raised, the old artifact is still there.
        """
        path = self.path(owner.uid, run, name)
        room = await asyncio.to_thread(self._prepare, path, owner)
        async with _upload(path) as file:
            size, buffer = 0, bytearray()
            async for block in blocks:
                size += len(block)
                if size > room:
                    raise ArtifactTooLarge(f"more than the {room} bytes that are left for it")
                buffer += block
                if len(buffer) >= BLOCK:
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
            await asyncio.to_thread(_finish, file, bytes(buffer), path)
        return size

    def owners(self, idle_seconds: float) -> list[Owner]:
        """The tasks that something is kept of and whose directories have been left alone for this long."""
        try:
            entries = list(os.scandir(self.root))
        except FileNotFoundError:
            return []
        found = []
        for entry in entries:
            with suppress(OSError, ValueError):  # it is being removed, or is nothing of ours
                if (
                    TASK_UID.fullmatch(entry.name)
                    and time() - entry.stat(follow_symlinks=False).st_mtime > idle_seconds
                ):
                    namespace, name = (Path(entry.path) / OWNER).read_text().split()
                    found.append(Owner(entry.name, namespace, name))
        return found

    def remove(self, owner: Owner) -> None:
        """Everything of a task that is no more. Raises OSError; what is left then goes the next time."""
        directory = self.root / owner.uid
        for entry in list(directory.iterdir()):
            if entry.is_dir():
                rmtree(entry)
        (directory / OWNER).unlink(missing_ok=True)  # last: without it nobody knows whose the rest is
        directory.rmdir()

    def _prepare(self, path: Path, owner: Owner) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        note = path.parent.parent / OWNER
        if not note.exists():
            half = note.with_name(f"{UPLOAD}{token_hex(8)}")
            half.write_text(f"{owner.namespace}\n{owner.name}\n")
            half.rename(note)
        used, files = 0, 0
        for entry in os.scandir(path.parent):
            status = entry.stat(follow_symlinks=False)
            if entry.name.startswith(UPLOAD) and time() - status.st_mtime > ABANDONED_SECONDS:
                Path(entry.path).unlink(missing_ok=True)  # its gateway was killed
            elif entry.name != path.name:
                used, files = used + status.st_size, files + 1
        if files >= self.max_run_files:
            raise ArtifactTooLarge(f"a run keeps at most {self.max_run_files} artifacts")
        return max(0, min(self.max_bytes, self.max_run_bytes - used))


@asynccontextmanager
async def _upload(path: Path) -> AsyncIterator[IO[bytes]]:
    temporary = path.parent / f"{UPLOAD}{token_hex(8)}"
    file = await asyncio.to_thread(temporary.open, "xb")
    try:
        yield file
    finally:
        file.close()
        temporary.unlink(missing_ok=True)


def _finish(file: IO[bytes], rest: bytes, path: Path) -> None:
    file.write(rest)
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
