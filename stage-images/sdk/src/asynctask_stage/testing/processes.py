"""Run a stage as a process of its own, and signal it when the gateway has seen enough."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asynctask_stage
from asynctask_stage.testing.gateways import WAIT_SECONDS, FakeGateway

Program = Path | Sequence[str]


@dataclass(frozen=True)
class ProcessResult:
    """How the process ended."""

    exit_code: int
    """As a shell would see it: 128 + n when signal n killed it."""
    output: str
    termination: dict[str, Any] | None
    """The termination message, None when there is none."""


def run_process(
    program: Program,
    variables: Mapping[str, str],
    *,
    gateway: FakeGateway | None = None,
    when: Callable[[FakeGateway], Any] | None = None,
    signum: int = signal.SIGTERM,
    timeout: float = WAIT_SECONDS,
) -> ProcessResult:
    """Run ``program`` (a Python file, or a command) with the variables of a pod to its end.

    Once ``when(gateway)`` is true it gets ``signum``: SIGTERM to test a pause, SIGKILL to test a power cut.
    ``TimeoutError`` or ``subprocess.TimeoutExpired`` when condition or end takes longer than ``timeout`` seconds.
    """
    command = [sys.executable, str(program)] if isinstance(program, Path) else list(program)
    process = subprocess.Popen(
        command, env=_environment(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        if gateway is not None and when is not None:
            gateway.wait_for(lambda seen: when(seen) or process.poll() is not None, timeout)
            process.send_signal(signum)
        output, _ = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    code = process.returncode
    return ProcessResult(code if code >= 0 else 128 - code, output, _termination(variables))


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The test's own environment, the pod's variables, and this very SDK on the path."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ASYNCTASK_", "CONFIG_"))}
    package = str(Path(asynctask_stage.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, own.get("PYTHONPATH")]))
    return {**own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **variables}


def _termination(variables: Mapping[str, str]) -> dict[str, Any] | None:
    path = variables.get("ASYNCTASK_TERMINATION_LOG")
    if path is None or not Path(path).exists():
        return None
    message: dict[str, Any] = json.loads(Path(path).read_bytes())
    return message
