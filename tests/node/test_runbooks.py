"""What the runbooks have people look at can be looked at: every `sh` block, as it stands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodeapi import NodeApi
from support.nodetasks import Task, shell
from support.pages import DOCS, shell_blocks

from localcluster import Cluster, tool

PAGES = sorted((DOCS / "runbooks").glob("*.md"))


@pytest.fixture(scope="module")
def nightly(cluster: Cluster) -> Iterator[Task]:
    """The task that the pages speak of."""
    api = NodeApi(cluster.kubeconfig, "nas")
    spec = {"stages": [{"name": "s1", "job": shell("echo at work; sleep 600")}]}
    task = Task(api, api.create({"kind": "AsyncTask", "metadata": {"name": "nightly"}, "spec": spec}))
    task.until_runs("s1")
    yield task
    task.delete()
    task.until_nothing_remains()
    api.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_runbook_looks_at_can_be_looked_at(cluster: Cluster, nightly: Task, tmp_path: Path, page: Path) -> None:
    command = tmp_path / "asynctask"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m asynctask.cli "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}:{tool('kubectl').parent}:{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig), "PATH": path}
    for block in shell_blocks(f"runbooks/{page.name}"):
        script = ["bash", "-euc", "set -o pipefail\n" + block]
        done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=60, check=False)
        print(done.stdout)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), block
