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
    """Refuse a destination that is the source, or holds it: the backup would write into what it reads."""
    one, other = os.fstat(here.top.fd), os.fstat(there.top.fd)
    if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino):
        raise PermanentError("source and destination are the same directory", reason="SameDirectory")
    above = os.path.commonpath([os.path.normpath(here.path), os.path.normpath(there.path)])
    if above == os.path.normpath(there.path):
        raise PermanentError(
            "the destination holds the source: the backup would write into what it reads",
            reason="DestinationHoldsSource",
        )
