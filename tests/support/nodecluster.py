"""A cluster whose pods really run, with AsyncTask installed by its own chart and images."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from support.chart import CHART, NAMESPACE

from localcluster import Cluster, tool

NAME = os.environ.get("ASYNCTASK_TEST_CLUSTERS", "") + "node-tests"
KEEP = "ASYNCTASK_KEEP_CLUSTER"
"""Set it to leave the cluster up; the next run then uses it, and what is installed in it, as it is."""
IMAGES = ("operator", "files", "test")

VALUES: dict[str, Any] = {
    "image": {"tag": "dev"},
    "stageImages": {"tag": "dev"},
    "defaultQueue": {"maxRunning": 100},
    "operator": {
        "replicas": 2,
        "settings": {
            "progress_period_seconds": 1,
            "display_delay_seconds": 0.2,
            "stuck_pod_seconds": 30,
            "lease_duration_seconds": 6,
            "lease_renew_seconds": 1.5,
        },
    },
    "gateway": {"settings": {"progress_period_seconds": 1}},
}
"""Short periods, so that a test sees in seconds what otherwise takes minutes."""


@contextmanager
def node_cluster() -> Iterator[Cluster]:
    """The cluster `node-tests`, with two operators and a gateway that are ready."""
    cluster = Cluster(NAME, "node")
    is_kept = KEEP in os.environ
    has_release = is_kept and cluster.state.exists()
    try:
        cluster.up()
        if not (has_release and cluster.kubectl.works("get", "deployment/asynctask-operator", f"-n{NAMESPACE}")):
            install(cluster)
        yield cluster
    finally:
        if not is_kept:
            cluster.down()


def install(cluster: Cluster) -> None:
    """Build the images, load them, and install or upgrade the release `asynctask`."""
    _run(str(CHART.parents[1] / "hack" / "images"), "--cluster", cluster.name, *IMAGES)
    where = [f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}", "--create-namespace"]
    release = ["upgrade", "--install", "asynctask", str(CHART), "--values=-", "--wait", "--timeout=3m"]
    _run(str(tool("helm")), *release, *where, text=yaml.safe_dump(VALUES))


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
