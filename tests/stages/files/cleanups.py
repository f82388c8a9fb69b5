"""Makers of clean-ups: the real stages, run in this process or as processes to be killed, over a gateway on loopback."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMAGE = Path(__file__).parents[3] / "stage-images" / "files"
sys.path.insert(0, str(IMAGE))

import main as image  # noqa: E402

from asynctask_stage import runs  # noqa: E402
from asynctask_stage.testing import FakeGateway  # noqa: E402

DAY = 86_400
OLD = 400 * DAY
PROGRAMS = {
    "scan": "cleanup-scan",
    "delete": "cleanup-delete",
    "purge": "cleanup-purge-own",
    "report": "cleanup-report",
    "undo": "cleanup-undo",
    "empty": "cleanup-purge",
}


def age(path: Path, seconds: float = OLD, *, access: float | None = None) -> None:
    """Let a file have been changed, and read, so long ago."""
    now = time.time()
    os.utime(path, (now - (seconds if access is None else access), now - seconds), follow_symlinks=False)


def age_all(top: Path, seconds: float = OLD) -> None:
    """Let everything below have been changed so long ago."""
    for folder, _, files in os.walk(top):
        for name in files:
            age(Path(folder) / name, seconds)


@dataclass
class Cleanup:
    """An expired-cleanup task with its tree, its workspace, and what the gateway keeps of it."""

    root: Path
    workspace: Path
    config: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    run: int = 1

    def settings(self, stage: str) -> dict[str, Any]:
        """The config of a stage."""
        own = {} if stage in ("undo", "empty") else {"age_days": 365}
        return {"root_path": str(self.root), **own, **self.config}

    @contextmanager
    def gateway(self, stage: str) -> Iterator[FakeGateway]:
        """The gateway of one stage."""
        outputs = self.outputs if stage not in ("scan", "undo", "empty") else {}
        gateway = FakeGateway(config=self.settings(stage), outputs=outputs, run=self.run, stage=stage)
        gateway.artifacts = self.artifacts
        with gateway:
            yield gateway

    def stage(self, stage: str) -> dict[str, Any]:
        """Run one stage here; its ending, with ``exitCode`` and ``errors``."""
        with self.gateway(stage) as gateway:
            variables = gateway.env(self.workspace, workspace=self.workspace)
            code = runs.execute(image.STAGES[PROGRAMS[stage]], variables)
            ending = dict(gateway.completions[-1]) if gateway.completions else {}
            errors = [item for report in [*gateway.reports, ending] for item in report.get("itemErrors", [])]
        if ending.get("outcome") in ("succeeded", "partial"):
            self.outputs[stage] = ending.get("outputs", {})
        return {**ending, "exitCode": code, "errors": errors}

    def succeed(self, stage: str) -> dict[str, Any]:
        """Run one stage, which must succeed in full; its outputs."""
        ending = self.stage(stage)
        assert ending["outcome"] == "succeeded", ending
        return ending["outputs"]

    def listed(self, name: str = "expired.jsonl") -> list[dict[str, Any]]:
        """The lines of a list."""
        return [json.loads(line) for line in self.artifacts[name].splitlines()]

    def approve(self, keeps: Callable[[dict[str, Any]], bool] = lambda _: True) -> None:
        """Review the list: what ``keeps`` says no to is struck off."""
        lines = [line for line in self.artifacts["expired.jsonl"].splitlines(keepends=True) if keeps(json.loads(line))]
        self.approve_lines(lines)

    def approve_lines(self, lines: list[bytes]) -> None:
        """Freeze a list of lines as the approved one."""
        approved = b"".join(lines)
        self.artifacts["approved.jsonl"] = approved
        digest = f"sha256:{hashlib.sha256(approved).hexdigest()}"
        self.outputs["review"] = {"artifact": "approved.jsonl", "digest": digest, "approved": len(lines)}

    def clean(self) -> dict[str, Any]:
        """Scan, approve everything, delete; the deletion's outputs."""
        self.succeed("scan")
        self.approve()
        return self.succeed("delete")

    def undo(self, **config: Any) -> dict[str, Any]:
        """Put everything back: another task, with nothing but the tree."""
        return Cleanup(self.root, self.workspace, config).succeed("undo")

    def start(self, stage: str, gateway: FakeGateway, attempt: int) -> "subprocess.Popen[bytes]":
        """Start one stage as a process."""
        variables = gateway.env(self.workspace, workspace=self.workspace, attempt=attempt)
        command = [sys.executable, str(IMAGE / "main.py"), PROGRAMS[stage]]
        return subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def quarantine(self) -> Path:
        """The folder of this run's quarantine."""
        (found,) = (self.root / ".asynctask-quarantine").iterdir()
        return found

    def left(self) -> set[str]:
        """Relative paths of the files that are still in the tree."""
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if not path.is_dir() and ".asynctask-quarantine" not in path.parts
        }


def write(path: Path, content: bytes = b"x" * 100, seconds: float = OLD) -> Path:
    """A file of this age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    age(path, seconds)
    return path


def one_file(cleanup: Cleanup) -> Path:
    """A scanned and approved tree with one file in it."""
    path = write(cleanup.root / "d" / "file", b"approved")
    cleanup.config = {"limit_percent": 0}
    cleanup.succeed("scan")
    cleanup.approve()
    return path


def kept(ending: dict[str, Any]) -> dict[str, str]:
    """Reasons of the item errors, by path."""
    return {error["path"]: error["reason"] for error in ending["errors"]}
