"""Backups while parts of AsyncTask or of Kubernetes itself are killed or away, one after the other."""

import os
import signal
from collections.abc import Iterator
from time import monotonic

import pytest
from support.chart import NAMESPACE
from support.nodepods import Processes
from support.nodetasks import Lab, Share, Task, bytes_done
from support.nodetrees import MEGABYTE, differences, holds_bytes, make_big_file, make_small_files

from localcluster import Cluster
from localcluster.processes import holds

GATEWAY_AWAY_SECONDS = float(os.environ.get("ASYNCTASK_GATEWAY_AWAY_SECONDS", "120"))
GATEWAY = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/asynctask-gateway"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/component%3D"
RATE = 6
SIZE = 60 * MEGABYTE


@pytest.fixture
def backup(lab: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[Share, Task]]:
    """A backup of one big and some small files, a third done."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:20].strip("-")
    share, task = begun(lab, name, RATE, SIZE // 3)
    yield share, task
    task.delete()


def begun(lab: Lab, name: str, rate: int, copied: int, size: int = SIZE) -> tuple[Share, Task]:
    """A backup at so many MB a second, when so many bytes are copied."""
    share = lab.share(name, rate)
    make_big_file(share.source / "big.img", size // MEGABYTE)
    make_small_files(share.source, 40)
    task = lab.backup(share, chunk_megabytes=4)
    task.until_copied(copied)
    return share, task


def grows(share: Share, megabytes: float, within: float) -> bool:
    """Whether so much more comes to be in the target."""
    goal = holds_bytes(share.target) + megabytes * MEGABYTE
    return holds(lambda: holds_bytes(share.target) >= goal, within=within, every=0.2)


def ends_well(share: Share, task: Task, within: float = 90) -> bool:
    """Whether the task ends in full, each stage at its first attempt, with a copy that is right."""
    task.succeeds(within=within)
    found = differences(share.source, share.target)
    assert not found, found
    assert [each["attempt"] for each in task.object["status"]["stages"]] == [1, 1, 1]
    return True


def test_both_operators_are_killed(lab: Lab, backup: tuple[Share, Task]) -> None:
    share, task = backup
    pods = lab.api.get(f"{PODS}operator")["items"]
    assert len(pods) == 2
    for pod in pods:
        Processes(pod).main().send(signal.SIGKILL)
    assert grows(share, 4, within=20)
    assert ends_well(share, task)
    assert len(task.jobs()) == 3


def test_the_api_server_is_killed_and_comes_back(cluster: Cluster, backup: tuple[Share, Task]) -> None:
    share, task = backup
    cluster.kill("kube-apiserver")
    try:
        assert grows(share, 2 * RATE, within=20)
    finally:
        cluster.start("kube-apiserver")
    assert ends_well(share, task)
    assert len(task.jobs()) == 3


def test_kubelet_and_containerd_are_killed_and_come_back(cluster: Cluster, backup: tuple[Share, Task]) -> None:
    share, task = backup
    cluster.kill("kubelet")
    cluster.kill("containerd")
    try:
        assert grows(share, 2 * RATE, within=20)
    finally:
        cluster.start("containerd")
        cluster.start("kubelet")
    assert ends_well(share, task)
    assert len(task.pods("content")) == 1


@pytest.mark.timeout(600)
def test_the_gateway_is_away_for_a_while(lab: Lab) -> None:
    enough = int(GATEWAY_AWAY_SECONDS + 60) * MEGABYTE  # at 1 MB/s it must not end before the gateway is back
    share, task = begun(lab, "no-gateway", 1, 4 * MEGABYTE, enough)
    try:
        lab.api.merge(f"{GATEWAY}/scale", {"spec": {"replicas": 0}})
        lab.api.until_all(f"{PODS}gateway", lambda pods: not pods, within=60, why="the gateway goes")
        gone = monotonic()
        told = bytes_done(task.stage("content")["status"])
        while monotonic() - gone < GATEWAY_AWAY_SECONDS:
            assert grows(share, 3, within=15), task.pods("content")[-1]["status"]
            assert bytes_done(task.stage("content")["status"]) == told, "somebody takes reports"
    finally:
        lab.api.merge(f"{GATEWAY}/scale", {"spec": {"replicas": 1}})
    task.until_stage("content", lambda status: bytes_done(status) > told, within=60, why="progress is back")
    lab.set_limit(share, None)
    assert ends_well(share, task)
    task.delete()
