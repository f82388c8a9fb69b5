"""What the guides have people apply, applied as they do, on a real API server."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from localcluster import tool

MANIFESTS = sorted((Path(__file__).parents[2] / "docs" / "how-to" / "manifests").glob("*.yaml"))
NAMESPACE = "nas"
"""Which some of them name."""


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        command = [str(tool("kubectl")), f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run("create", "namespace", NAMESPACE)
    return run


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_its_objects_are_taken_as_they_stand(kubectl: Callable[..., str], file: Path) -> None:
    said = kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", f"--filename={file}")
    applied = said.splitlines()
    assert len(applied) == file.read_text().count("\nkind: ")
    assert all(line.endswith("serverside-applied (server dry run)") for line in applied)
