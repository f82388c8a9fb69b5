"""Queues that start nothing while the cluster is busy, and waiting that makes more urgent, on a real API server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue

from localcluster import Cluster
from localcluster.processes import holds

LONG = Script(runs=300)
NODES, METRICS = "/api/v1/nodes", "/apis/metrics.k8s.io/v1beta1/nodes"


def stop(estate: Estate, *names: str) -> None:
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(list(names), within=30)


def waiting(estate: Estate, name: str, reason: str, within: float = 20) -> dict[str, Any]:
    """Its `status.waiting`, once it waits for that."""
    holding = lambda task: (task["status"].get("waiting") or {}).get("reason") == reason  # noqa: E731
    found: dict[str, Any] = estate.until_holds(name, holding, within=within, why=reason)["status"]["waiting"]
    return found


def said(status: dict[str, Any], kind: str) -> tuple[str, str]:
    """Status and reason of a queue's condition."""
    return next(((c["status"], c["reason"]) for c in status.get("conditions", ()) if c["type"] == kind), ("", ""))


@pytest.fixture
def metrics(cluster: Cluster, estate: Estate) -> Iterator[Any]:
    """metrics.k8s.io as metrics-server serves it, of one node of 4 CPUs and 8 GiB; returns what sets its load."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "nodes.metrics.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "metrics.k8s.io",
            "scope": "Cluster",
            "names": {"plural": "nodes", "kind": "NodeMetrics"},
            "versions": [version],
        },
    }
    cluster.kubectl.apply(definition)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/nodes.metrics.k8s.io")
    estate.api.call("POST", NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "measured"}})
    size = {"cpu": "4", "memory": "8Gi", "pods": "100"}
    body = {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": {"name": "measured"}}

    def load(cpu: str, memory: str) -> None:
        beat = {"type": "Ready", "status": "True", "lastHeartbeatTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        status = {"capacity": size, "allocatable": size, "conditions": [beat]}
        estate.api.merge(f"{NODES}/measured/status", {"status": status})
        estate.api.merge(f"{METRICS}/measured", {"usage": {"cpu": cpu, "memory": memory}})

    estate.api.call("POST", METRICS, {**body, "usage": {"cpu": "100m", "memory": "1Gi"}})
    yield load
    estate.api.call("DELETE", f"{NODES}/measured")
    estate.api.call("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nodes.metrics.k8s.io")


@pytest.mark.parametrize(
    ("limit", "load", "words"),
    [
        ("maxNodeCPUPercent", ("3900m", "1Gi"), "97, and 80 is enough"),
        ("maxNodeMemoryPercent", ("100m", "7Gi"), "87, and 80 is enough"),
    ],
)
def test_busy_nodes_hold_a_queue_back_until_they_are_not(
    estate: Estate, operator: OperatorProcess, queue: Queue, metrics: Any, limit: str, load: tuple[str, str], words: str
) -> None:
    metrics(*load)
    queue.change(maxRunning=5, pressure={limit: 80})
    name = limit.lower()

    def is_held_back(found: dict[str, Any]) -> bool:
        status = found.get("status", {})
        is_known = said(status, "MetricsAvailable") == ("True", "MetricsAvailable")
        return is_known and said(status, "Admitting") == ("False", "ClusterBusy")

    estate.api.until(queue.path, is_held_back, within=40, why="it says that nodes are busy")
    estate.submit(job("copy"), name=name, queueName=queue.name)
    told = waiting(estate, name, "ClusterBusy", within=40)
    assert told["resource"] == f"pressure.{limit}"
    assert words in told["message"]
    assert not estate.kubelet.lives_of(name)
    metrics("100m", "1Gi")
    estate.until(name, "True Succeeded", within=40)


def test_a_full_network_holds_a_queue_back_until_there_is_room(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    queue.change(maxRunning=5, pressure={"maxNetworkMegabytesPerSecond": 50})
    estate.kubelet.plays("mover", "copy", LONG)
    estate.submit(job("copy"), name="mover", queueName=queue.name)
    estate.until_running("mover", "copy")
    (stage,) = estate.stages_of("mover")
    path = f"{estate.path('stages', stage['metadata']['name'])}/status"
    estate.api.merge(path, {"status": {"progress": {"bytesDone": 1, "bytesPerSecond": 60_000_000}}})
    estate.api.until(
        queue.path, lambda q: said(q.get("status", {}), "Admitting")[1] == "ClusterBusy", within=20, why="it is busy"
    )
    estate.submit(job("copy"), name="held-back", queueName=queue.name)
    told = waiting(estate, "held-back", "ClusterBusy")
    assert told["resource"] == "pressure.maxNetworkMegabytesPerSecond"
    assert "60, and 50 is enough" in told["message"]
    assert not estate.kubelet.lives_of("held-back")
    estate.api.merge(path, {"status": {"progress": {"bytesDone": 2, "bytesPerSecond": 20_000_000}}})
    estate.until("held-back", "True Succeeded", within=30)
    stop(estate, "mover")


def test_who_has_waited_long_goes_before_the_urgent_that_come_later(
    estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    queue.change(maxRunning=1, promoteAfterSeconds=2)
    for name in ("runs", "patient", "urgent"):
        estate.kubelet.plays(name, "copy", LONG if name == "runs" else Script(runs=1))
    estate.submit(job("copy"), name="runs", queueName=queue.name)
    estate.until_running("runs", "copy")
    estate.submit(job("copy"), name="patient", priority=5, queueName=queue.name)
    waiting(estate, "patient", "QueueFull")
    came = time()
    assert holds(lambda: time() >= came + 4 * 2, within=20), "four classes more urgent"
    estate.submit(job("copy"), name="urgent", priority=1, queueName=queue.name)
    waiting(estate, "urgent", "QueueFull")
    estate.change("runs", cancel=True)
    estate.until_all_ended(["runs", "patient", "urgent"], within=40)
    (patient_life,), (urgent_life,) = estate.kubelet.lives_of("patient"), estate.kubelet.lives_of("urgent")
    assert patient_life.begun < urgent_life.begun
