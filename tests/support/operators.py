"""The operator as a real process."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from support.patience import patient

POLL_SECONDS = 0.05


class OperatorProcess:
    """One replica. Settings are the operator's own, without their prefix: `workers=4`."""

    def __init__(self, kubeconfig: Path, log: Path, identity: str = "one", **settings: object) -> None:
        self.log = log
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        values = {
            "namespace": "default", "lease_name": "asynctask-tests", "identity": identity, "metrics_port": self.port,
            "log_format": "console", "leader_election": True, "gateway_url": "",
        } | settings  # fmt: skip
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ASYNCTASK_", "KUBERNETES_"))}
        self._env = clean | {f"ASYNCTASK_{key.upper()}": str(value) for key, value in values.items()}
        self._env["KUBECONFIG"] = str(kubeconfig)

    def start(self) -> Self:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "asynctask.controller"], env=self._env, stdout=log, stderr=log
            )
        return self

    def __enter__(self) -> Self:
        try:
            return self.start().leading()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(25)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
                raise

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.wait(5)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def leading(self, within: float = 30) -> Self:
        """Return once it leads and its caches are warm."""
        return self.until(lambda: self.metric("asynctask_leader") == 1 and self.probe("readyz") == 200, within)

    def until(self, holds: object, within: float) -> Self:
        """Return once something of this process holds."""
        deadline = monotonic() + patient(within)
        assert callable(holds)
        while not holds():
            assert self.process
            assert self.process.poll() is None, f"the operator ended:\n{self.tail()}"
            assert monotonic() < deadline, f"not within {patient(within):.0f} s:\n{self.tail()}"
            sleep(POLL_SECONDS)  # another process tells nobody when it is ready
        return self

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 when there is none, or no answer."""
        text = self._get("metrics")[1]
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))

    def probe(self, name: str) -> int:
        """The status of `healthz` or `readyz`; 0 without an answer."""
        return self._get(name)[0]

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _get(self, path: str) -> tuple[int, str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
