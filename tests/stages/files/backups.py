"""Makers of backups: the real stages, run in this process or as processes to be killed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMAGE = Path(__file__).parents[3] / "stage-images" / "files"
sys.path.insert(0, str(IMAGE))

from filebackup import content, metadata, verify  # noqa: E402

from asynctask_stage import runs  # noqa: E402

STAGES = {"metadata": metadata.main, "content": content.main, "verify": verify.main}


@dataclass
class Backup:
    """A file-backup task with its trees and its workspace."""

    source: Path
    target: Path
    workspace: Path
    config: dict[str, Any] = field(default_factory=dict)
    use_workspace: bool = True

    def variables(self, stage: str, run: int = 1, attempt: int = 1) -> dict[str, str]:
        """The environment of a stage pod."""
        config = {"source_path": str(self.source), "destination_path": str(self.target), **self.config}
        return {
            "ASYNCTASK_CONFIG": json.dumps(config),
            "ASYNCTASK_STAGE": stage,
            "ASYNCTASK_RUN": str(run),
            "ASYNCTASK_ATTEMPT": str(attempt),
            "ASYNCTASK_TASK_UID": "uid-1",
            "ASYNCTASK_TERMINATION_LOG": str(self.workspace / "termination"),
            **({"ASYNCTASK_WORKSPACE": str(self.workspace)} if self.use_workspace else {}),
        }

    def stage(self, stage: str, run: int = 1, attempt: int = 1) -> dict[str, Any]:
        """Run one stage here; its ending, with ``exitCode``."""
        code = runs.execute(STAGES[stage], self.variables(stage, run, attempt))
        return {**json.loads((self.workspace / "termination").read_text()), "exitCode": code}

    def run(self, run: int = 1) -> dict[str, dict[str, Any]]:
        """Run all stages, which must not fail; their endings by name."""
        endings = {}
        for name in STAGES:
            endings[name] = self.stage(name, run)
            assert endings[name]["outcome"] in ("succeeded", "partial"), endings[name]
        return endings

    def start(self, stage: str, run: int = 1, attempt: int = 1, **more: Any) -> "subprocess.Popen[str]":
        """Start one stage as a process."""
        variables = {**os.environ, **self.variables(stage, run, attempt)}
        command = [sys.executable, str(IMAGE / "main.py"), stage]
        return subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
        )

    def finish(self, process: "subprocess.Popen[str]", timeout: float = 60) -> tuple[int, str]:
        """Wait for a process; exit code and output."""
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output

    def errors(self, stage: str, run: int = 1) -> list[dict[str, Any]]:
        """The list of item errors that a stage left in the workspace."""
        path = self.workspace / "file-backup" / f"errors-{run}-{stage}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]
