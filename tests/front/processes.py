"""The gateway as a process of its own, for tests that call it from outside this one's event loop."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

from support.ports import free_port


@contextmanager
def gateway_process(kubeconfig: Path, directory: Path, **variables: str) -> Iterator[str]:
    """Serves until the end of the block; gives the API's URL."""
    port, metrics_port = free_port(), free_port()
    settings = {
        "KUBECONFIG": str(kubeconfig),
        "ASYNCTASK_PORT": str(free_port()),
        "ASYNCTASK_METRICS_PORT": str(metrics_port),
        "ASYNCTASK_API_PORT": str(port),
        "ASYNCTASK_ARTIFACTS_DIRECTORY": str(directory / "artifacts"),
        "ASYNCTASK_JOURNAL_DIRECTORY": str(directory / "journal"),
        "ASYNCTASK_ARCHIVE_URL": f"sqlite:///{directory}/archive.db",
        **variables,
    }
    with (directory / "gateway.log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "asynctask.gateway"], env={**os.environ, **settings}, stderr=output
        )
        try:
            deadline = monotonic() + 60
            while not _answers(f"http://127.0.0.1:{metrics_port}/readyz"):
                assert process.poll() is None, (directory / "gateway.log").read_text()[-3000:]
                assert monotonic() < deadline
                sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except (URLError, OSError):
        return False
