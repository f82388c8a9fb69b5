"""Commands against a real API server and a running operator; the kubelet is acted."""

import io
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from support.api import Api
from support.cluster import control_plane
from support.estate import Estate
from support.kubelet import ActedKubelet
from support.operators import OperatorProcess

from asynctask.cli import __main__ as entry

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int


@dataclass(frozen=True)
class CommandLine:
    """Commands in a namespace, run in this process; `process` runs one as users do."""

    kubeconfig: Path
    namespace: str

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "") -> Said:
        """Run a command in the namespace, and expect an exit code."""
        out, err, found = io.StringIO(), io.StringIO(), 0
        words = ["asynctask", "--kubeconfig", str(self.kubeconfig), *arguments]
        with (
            patch.object(sys, "argv", words),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                entry.main()
            except SystemExit as end:
                found = int(end.code or 0) if not isinstance(end.code, str) else 1
        said = Said(out.getvalue(), err.getvalue(), found)
        assert said.code == code, said
        return said

    def here(self, *arguments: str, code: int = 0, stdin: str = "") -> Said:
        """The same, with the namespace named."""
        return self(*arguments, "-n", self.namespace, code=code, stdin=stdin)

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        """A command as a process of its own."""
        return self.process_of("asynctask.cli", *arguments)

    def process_of(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Another program of the command line's."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whatever those do who run the tests
        )


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    with control_plane() as kubeconfig:
        yield kubeconfig


@pytest.fixture(scope="session")
def estate(kubeconfig: Path) -> Iterator[Estate]:
    """A namespace whose pods are acted."""
    api = Api(kubeconfig, namespace=f"cli-{secrets.token_hex(3)}")
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": api.namespace}})
    with ActedKubelet(kubeconfig, api.namespace) as kubelet:
        estate = Estate(kubeconfig, api.namespace, kubelet)
        accounts = f"/api/v1/namespaces/{api.namespace}/serviceaccounts/default"
        estate.api.until(accounts, bool, within=30, why="the namespace has its service account")
        yield estate
        api.close()
        estate.close()


@pytest.fixture(scope="session")
def operator(kubeconfig: Path, estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that serves this namespace alone."""
    log = tmp_path_factory.getbasetemp() / "operator.log"
    settings = {
        "watch_namespaces": f'["{estate.namespace}"]',
        "namespace": estate.namespace,
        "lease_name": "asynctask-operator",
    }
    with OperatorProcess(kubeconfig, log, "cli", **settings) as operator:
        yield operator


@pytest.fixture
def run(kubeconfig: Path, estate: Estate, operator: OperatorProcess) -> CommandLine:
    """The command line of an administrator."""
    return CommandLine(kubeconfig, estate.namespace)


@pytest.fixture(scope="session")
def task_type(estate: Estate) -> Iterator[str]:
    """A TaskType with a config, and a stage that the acted kubelet plays."""
    body = {
        "kind": "TaskType",
        "metadata": {"name": f"{estate.namespace}-copy"},
        "spec": {
            "title": {"en": "Copy", "zh": "复制"},
            "description": "Copies things.",
            "configSchema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["label"],
                "properties": {
                    "label": {"type": "string", "description": "What it is called."},
                    "count": {"type": "integer", "default": 3, "minimum": 1},
                    "skip": {"type": "array", "items": {"type": "string"}, "default": []},
                },
            },
            "stages": [{"name": "copy", "job": {"image": "example/acted:1"}}],
        },
    }
    estate.api.create(body)
    yield f"{estate.namespace}-copy"
    estate.api.delete(body)
