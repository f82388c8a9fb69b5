"""One cluster for all tests of the folder, one namespace on it, and a watcher of what no test may ever see."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodechronicle import Chronicle
from support.nodecluster import node_cluster
from support.nodetasks import Lab

from localcluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with node_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def lab(cluster: Cluster) -> Iterator[Lab]:
    directory = Path(tempfile.mkdtemp(prefix="asynctask-node-"))
    directory.chmod(0o755)
    lab = Lab(cluster, directory)
    try:
        lab.open()
        yield lab
    finally:
        lab.close()
        shutil.rmtree(directory)


@pytest.fixture(scope="session", autouse=True)
def chronicle(lab: Lab) -> Iterator[Chronicle]:
    with Chronicle(lab) as chronicle:
        yield chronicle


@pytest.fixture(scope="module", autouse=True)
def never_twice(chronicle: Chronicle) -> Iterator[None]:
    """After each module: no stage had two containers at once, and none began again after it had ended."""
    yield
    assert not chronicle.offences()
