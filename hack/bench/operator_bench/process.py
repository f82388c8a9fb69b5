"""The operator, started as users start it: `python -m asynctask.controller` with settings in the environment."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from time import monotonic
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from lib import machine

READY_SECONDS = 60.0


class Operator:
    """One operator process. Its log goes to a file, where a user would have it too."""

    def __init__(self, kubeconfig: Path, log: Path, python: Path = Path(sys.executable), **settings: str) -> None:
        self._python, self._log = python, log
        self._port = _free_port()
        own = {"ASYNCTASK_" + name.upper(): value for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._environment = kept | {"KUBECONFIG": str(kubeconfig), "ASYNCTASK_METRICS_PORT": str(self._port)} | own
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("the operator has not been started")
        return self._process.pid

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self._port}/metrics"

    async def start(self, *, wait: bool = True) -> "Operator":
        """Start it; with `wait` return once it leads and its caches are warm."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(self._python), "-m", "asynctask.controller", env=self._environment, stdout=log, stderr=log
            )
        if wait:
            await self._leads()
        return self

    async def stop(self) -> None:
        """Ask it to end, as a Deployment does."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a power cut does."""
        await self._end(signal.SIGKILL)

    @property
    def resident_mib(self) -> float:
        """Its memory now."""
        return machine.resident_mib(self.pid)

    @property
    def peak_mib(self) -> float:
        """The most it has had."""
        return machine.peak_mib(self.pid)

    async def _end(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)
            await asyncio.wait_for(self._process.wait(), 40)

    async def _leads(self) -> None:
        end = monotonic() + READY_SECONDS
        while monotonic() < end:
            if self._process is None or self._process.returncode is not None:
                break
            text = await asyncio.to_thread(_read, self.metrics_url)
            if "asynctask_leader 1.0" in text and _read(self.metrics_url.replace("metrics", "readyz")) == "ok":
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"the operator does not come up; see {self._log}")


def _read(url: str) -> str:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as answer:
            text: str = answer.read().decode()
            return text
    except (URLError, OSError):
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
