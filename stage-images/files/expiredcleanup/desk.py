"""What the stages have in common: workspace, root, the quarantine's name."""

import errno
import os
from pathlib import Path

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data import quarantine
from asynctask_stage.data.roots import Root

EXPIRED = "expired.jsonl"
"""The artifact with what the scan found."""


def folder(stage: Stage) -> Path:
    """Where catalogs and lists are kept."""
    if stage.workspace is None:
        raise PermanentError(
            "expired-cleanup keeps its lists in a workspace; set 'workspace: true' for the stage", reason="NoWorkspace"
        )
    path = stage.workspace / "expired-cleanup"
    path.mkdir(exist_ok=True)
    return path


def root(path: str) -> Root:
    """Enter the folder that is worked in."""
    try:
        return Root.open(path)
    except PermissionError as error:
        raise PermanentError(f"{path}: {error.strerror}", reason="PermissionDenied") from error
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            raise PermanentError(f"{path} is not a directory", reason="NotADirectory") from error
        raise


def identity(found: Root) -> int:
    """Tells the root from whatever else may be mounted at its path one day. Devices have new numbers after a mount."""
    return os.fstat(found.top.fd).st_ino


def quarantine_name(stage: Stage) -> str:
    """The name of this run's quarantine."""
    context = stage.context
    return quarantine.name_of(context.task, context.run, context.task_uid or context.task)


def forget_earlier(path: Path, run: int) -> None:
    """Remove what earlier runs left in the workspace."""
    for found in path.iterdir():
        number = found.name.partition(".")[0].rpartition("-")[2]
        if number.isdecimal() and int(number) < run:
            found.unlink(missing_ok=True)
