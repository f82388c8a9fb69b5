"""One real API server for all tests of a run, and of runs that happen at the same time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcluster import Cluster

CRDS = Path(__file__).parents[2] / "crds"
NAME = os.environ.get("ASYNCTASK_TEST_CLUSTERS", "") + "tests"


def own_name(name: str) -> str:
    """The name of a cluster for this test process alone: workers of pytest-xdist each have one."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return os.environ.get("ASYNCTASK_TEST_CLUSTERS", "") + name + (f"-{worker}" if worker else "")


@contextmanager
def control_plane() -> Iterator[Path]:
    """The kubeconfig of the cluster `tests` (etcd, API server, controllers; no nodes) with our CRDs installed.

    Whoever leaves last ends it; with ASYNCTASK_KEEP_TEST_CLUSTER set it stays, and the next run starts at once.
    Tests make namespaces of their own with names of their own.
    """
    cluster = Cluster(NAME, "control-plane")
    cluster.state.parent.mkdir(parents=True, exist_ok=True)
    with (cluster.state.parent / f".{NAME}.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster.up()
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
        try:
            yield cluster.kubeconfig
        finally:
            if "ASYNCTASK_KEEP_TEST_CLUSTER" not in os.environ and _is_last(users.fileno()):
                cluster.down()


def _is_last(users: int) -> bool:
    """Whether nobody else holds the lock; then it is ours alone, and newcomers wait until the file is closed."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
