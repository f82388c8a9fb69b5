"""A cluster whose pods really run, with AsyncTask installed by its own chart and images."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support.chart import CHART, NAMESPACE

from localcluster import Cluster, storage, tool

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
    "gateway": {
        "settings": {"progress_period_seconds": 1, "api_default_namespace": "nas"},
        "locations": [{"namespace": "nas", "endpoint": "nas", "claimName": "nas-seen"}],
    },
}
"""Short periods, so that a test sees in seconds what otherwise takes minutes; and a share that the gateway sees too."""
SHARE = Path(tempfile.gettempdir()) / f"asynctask-{NAME}-nas"
"""What is on the share `/nas` of the namespace `nas`, on this machine."""


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
            for directory in (SHARE, SHARE.with_name(f"{SHARE.name}-workspace")):
                shutil.rmtree(directory, ignore_errors=True)


def install(cluster: Cluster) -> None:
    """Build the images, load them, and install or upgrade the release `asynctask`."""
    SHARE.mkdir(exist_ok=True)
    SHARE.chmod(0o777)
    for namespace, name, directory in (
        ("nas", "nas", SHARE),
        ("nas", "asynctask-workspace", SHARE.with_name(f"{SHARE.name}-workspace")),
        (NAMESPACE, "nas-seen", SHARE),
    ):
        storage.claim(cluster.kubectl, namespace, name, directory)
    _run(str(CHART.parents[1] / "hack" / "images"), "--cluster", cluster.name, *IMAGES)
    where = [f"--kubeconfig={cluster.kubeconfig}", f"--namespace={NAMESPACE}", "--create-namespace"]
    release = ["upgrade", "--install", "asynctask", str(CHART), "--values=-", "--wait", "--timeout=3m"]
    _run(str(tool("helm")), *release, *where, text=yaml.safe_dump(VALUES))


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
