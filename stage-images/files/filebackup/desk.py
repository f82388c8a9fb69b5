"""What the three stages have in common: workspace, roots, token."""

import os
from pathlib import Path

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data import names
from asynctask_stage.data.roots import Root
from filebackup.settings import Settings


def folder(stage: Stage) -> Path:
    """Where catalogs and lists of errors are kept."""
    if stage.workspace is None:
        raise PermanentError(
            "file-backup keeps its file lists in a workspace; set 'workspace: true' for the stage", reason="NoWorkspace"
        )
    path = stage.workspace / "file-backup"
    path.mkdir(exist_ok=True)
    return path


def token(stage: Stage, settings: Settings) -> str:
    """What marks this task's temporary files."""
    return names.token_of(stage.context.task_uid or settings.destination_path)


def source(settings: Settings) -> Root:
    """Enter the source."""
    return Root.open(settings.source_path)


def target(settings: Settings, *, create: bool = False) -> Root:
    """Enter the destination."""
    try:
        return Root.open(settings.destination_path, create=create)
    except PermissionError as error:
        raise PermanentError(f"{settings.destination_path}: {error.strerror}", reason="PermissionDenied") from error


def ensure_apart(here: Root, there: Root) -> None:
    """Refuse a destination that is the source, or holds it: the backup would write into what it reads.

    Looks at the directories themselves, so another mount of the same place is recognised too.
    """
    forbidden = _identity(there.top.fd)
    if _identity(here.top.fd) == forbidden:
        raise PermanentError("source and destination are the same directory", reason="SameDirectory")
    if forbidden in _ancestors(here.top.fd):
        raise PermanentError(
            "the destination holds the source: the backup would write into what it reads",
            reason="DestinationHoldsSource",
        )


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _ancestors(fd: int) -> list[tuple[int, int]]:
    """The directories above, up to the root or to the first that we may not pass."""
    seen: list[tuple[int, int]] = []
    path = ".."
    while len(seen) < 1000:
        try:
            found = os.stat(path, dir_fd=fd)
        except PermissionError:
            break
        identity = (found.st_dev, found.st_ino)
        if seen and seen[-1] == identity:
            break
        seen.append(identity)
        path += "/.."
    return seen
