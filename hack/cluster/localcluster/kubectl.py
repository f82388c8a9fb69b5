"""kubectl, for what the local cluster itself needs to ask and to create."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .processes import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one kubeconfig file."""

    program: str
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run it and return what it printed; ClusterError with its words if it fails."""
        return run([*self.command, *arguments], stdin=stdin, timeout=timeout)

    @property
    def command(self) -> list[str]:
        """The words to start it with."""
        return [self.program, f"--kubeconfig={self.kubeconfig}"]

    def works(self, *arguments: str) -> bool:
        """Whether a command succeeds."""
        done = subprocess.run(
            [*self.command, *arguments, "--request-timeout=5s"], capture_output=True, check=False, timeout=30
        )
        return done.returncode == 0

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or update objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(listed))
