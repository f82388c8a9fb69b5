"""Start, find and end background processes: by their recorded id, never by name, and always within a bound."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Process:
    """A background process with a pid file and a log file."""

    def __init__(self, name: str, pid_file: Path, log: Path) -> None:
        self.name = name
        self.pid_file = pid_file
        self.log = log

    def pid(self) -> int | None:
        """The process id while it runs, else None. A reused id is told apart by its start time."""
        try:
            pid, started = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Start it in a session of its own, unless it runs; returns the process id."""
        running = self.pid()
        if running is not None:
            return running
        for path in (self.log, self.pid_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd="/",
                start_new_session=True,
            )
        self.pid_file.write_text(f"{child.pid} {_start_time(child.pid)}\n")
        # Whoever started it may outlive it (a test run): the reference keeps the exit status collectable.
        _children[child.pid] = child
        return child.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, *, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds. Returns once it is gone."""
        self.send(signal.SIGTERM)
        if not holds(lambda: self.pid() is None, within=grace):
            self.send(signal.SIGKILL)
            if not holds(lambda: self.pid() is None, within=10):
                raise ClusterError(f"{self.name} (pid {self.pid()}) survives SIGKILL; look at it by hand")
        self.pid_file.unlink(missing_ok=True)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


def holds(condition: Callable[[], bool], *, within: float, every: float = 0.05) -> bool:
    """Whether `condition` becomes true within so many seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def run(command: Sequence[str], *, stdin: str | None = None, timeout: float = 60) -> str:
    """Run a command to its end and return what it printed; a failure becomes a ClusterError with its words."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as missing:
        raise ClusterError(f"{command[0]} is not installed; run `hack/setup node`") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"no end after {timeout:.0f} s: {' '.join(command)}") from late
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise ClusterError(f"failed ({done.returncode}): {' '.join(command)}\n{words}")
    return done.stdout


_children: dict[int, subprocess.Popen[bytes]] = {}


def _start_time(pid: int) -> str | None:
    if pid in _children and _children[pid].poll() is not None:
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
