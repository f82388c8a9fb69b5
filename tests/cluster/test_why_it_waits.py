"""What a stranger reads with `kubectl describe at NAME` of a task that waits: why, for what, behind whom."""

import re
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.queues import Queue

from localcluster import Cluster

LONG = Script(runs=300)
PLACE = {"locations": [{"field": "target", "access": "Write"}]}


def until_it_waits(estate: Estate, name: str, reason: str) -> None:
    """Return once its status and an event say for what."""
    estate.until_holds(name, lambda t: (t["status"].get("waiting") or {}).get("reason") == reason, why=reason)
    path = f"/apis/events.k8s.io/v1/namespaces/{estate.namespace}/events"
    estate.api.until_all(
        path,
        lambda found: any(e["regarding"]["name"] == name and e["reason"] == reason for e in found.values()),
        within=10,
        why=f"an event of {name} says {reason}",
    )


def described(cluster: Cluster, estate: Estate, name: str) -> tuple[dict[str, str], str, str]:
    """The fields below `Waiting`, the condition `Admitted`, and the events, as kubectl prints them."""
    text = cluster.kubectl("-n", estate.namespace, "describe", "at", name)
    (waiting,) = re.findall(r"^  Waiting:\n((?:    .*\n)+)", text, re.MULTILINE)
    fields = dict(line.split(":", 1) for line in textwrap.dedent(waiting).splitlines())
    conditions = re.split(r"(?=^    Last Transition Time:)", text, flags=re.MULTILINE)
    admitted = next((each for each in conditions if re.search(r"Type:\s+Admitted$", each, re.MULTILINE)), "")
    return {key: value.strip() for key, value in fields.items()}, admitted, text.partition("\nEvents:")[2]


def runs(estate: Estate, name: str, *stages: dict[str, Any], **spec: Any) -> None:
    estate.kubelet.plays(name, "copy", LONG)
    estate.submit(*(stages or [job("copy")]), name=name, **spec)
    estate.until_running(name, "copy")


def cpus(amount: str) -> dict[str, Any]:
    return job("copy", job={"resources": {"requests": {"cpu": amount, "memory": "1Mi"}}})


def stop(estate: Estate, *names: str) -> None:
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(list(names), within=30)


def test_behind_how_many_in_which_queue(
    cluster: Cluster, estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    queue.change(maxRunning=1)
    runs(estate, "holds", queueName=queue.name)
    estate.submit(job("copy"), name="before", priority=2, queueName=queue.name)
    until_it_waits(estate, "before", "QueueFull")
    estate.submit(job("copy"), name="stranger", queueName=queue.name)
    until_it_waits(estate, "stranger", "QueueFull")
    waiting, admitted, events = described(cluster, estate, "stranger")
    assert (waiting["Reason"], waiting["Ahead"]) == ("QueueFull", "1")
    assert (waiting["Queue"], waiting["Resource"]) == (queue.name, "maxRunning")
    assert waiting["Message"].startswith(f"waiting in queue {queue.name}: 1 of 1 run, 1 ahead of it")
    assert waiting["Since"]
    assert "QueueFull" in admitted
    assert waiting["Message"] in admitted
    assert f"in queue {queue.name}: 1 of 1 run" in events
    stop(estate, "stranger", "before", "holds")


def test_which_quota_and_how_much_of_it_is_in_use(
    cluster: Cluster, estate: Estate, operator: OperatorProcess, queue: Queue
) -> None:
    queue.change(maxRunning=None, quota={"cpu": "4"})
    runs(estate, "takes-three", cpus("3"), queueName=queue.name)
    estate.submit(cpus("2"), name="asks-two", queueName=queue.name)
    until_it_waits(estate, "asks-two", "QueueQuotaExceeded")
    waiting, admitted, events = described(cluster, estate, "asks-two")
    assert (waiting["Reason"], waiting["Resource"]) == ("QueueQuotaExceeded", "quota.cpu")
    words = "it needs 2 CPUs, and 3 CPUs of 4 CPUs are in use (quota.cpu)"
    assert words in waiting["Message"]
    assert words in admitted
    assert words in events
    stop(estate, "asks-two", "takes-three")


def test_which_tree_is_locked_and_by_whom(cluster: Cluster, estate: Estate, operator: OperatorProcess) -> None:
    share = {"path": "/nas/photos", "volume": {"claimName": "photos"}}
    estate.api.create({"kind": "StorageEndpoint", "metadata": {"name": "photos"}, "spec": share})
    runs(estate, "writes", config={"target": "/nas/photos"}, **PLACE)
    estate.submit(job("copy"), name="writes-below", config={"target": "/nas/photos/2030"}, **PLACE)
    until_it_waits(estate, "writes-below", "LocationLocked")
    waiting, admitted, events = described(cluster, estate, "writes-below")
    assert (waiting["Reason"], waiting["Holder"]) == ("LocationLocked", "writes")
    assert waiting["Resource"].startswith("/nas/photos")
    for told in (waiting["Message"], admitted, events):
        assert f"task writes uses {waiting['Resource']} or a folder above or below it" in told
    stop(estate, "writes-below", "writes")


def test_which_window_is_shut_and_when_it_opens(cluster: Cluster, estate: Estate, operator: OperatorProcess) -> None:
    opens = (datetime.now(UTC) + timedelta(hours=6)).replace(minute=0)
    hours = {"ranges": [{"start": f"{opens:%H:%M}", "end": f"{opens:%H}:30"}]}
    estate.submit(job("copy"), name="by-night", window=hours)
    until_it_waits(estate, "by-night", "OutsideWindow")
    waiting, admitted, events = described(cluster, estate, "by-night")
    assert waiting["Reason"] == "OutsideWindow"
    assert waiting["Earliest Start Time"] == f"{opens:%Y-%m-%dT%H:00:00Z}"
    for told in (waiting["Message"], admitted, events):
        assert f"opens {opens:%a %Y-%m-%d %H:00} UTC" in told
    stop(estate, "by-night")


def test_by_whom_it_was_pushed_out(cluster: Cluster, estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    queue.change(maxRunning=1, preemption={"policy": "LowerPriority", "minRuntimeSeconds": 0})
    runs(estate, "pushed", priority=5, queueName=queue.name)
    runs(estate, "pushes", priority=1, queueName=queue.name)
    until_it_waits(estate, "pushed", "Displaced")
    waiting, admitted, events = described(cluster, estate, "pushed")
    assert (waiting["Reason"], waiting["Displaced By"]) == ("Displaced", "task pushes of priority 1")
    assert waiting["Displaced Time"]
    for told in (waiting["Message"], admitted, events):
        assert "task pushes of priority 1" in told
    stop(estate, "pushed", "pushes")


@pytest.mark.parametrize(
    ("limits", "spec", "reason", "words"),
    [
        ({"streams": 1}, {}, "EndpointBusy", "1 of 1 streams of storage endpoint {} are in use"),
        (
            {"megabytesPerSecond": 100},
            {"minMegabytesPerSecond": 60},
            "BandwidthUnavailable",
            "it needs 60 MB/s of storage endpoint {}, and 60 of 100 MB/s are promised",
        ),
    ],
    ids=["streams", "bandwidth"],
)
def test_which_storage_is_busy(
    cluster: Cluster,
    estate: Estate,
    operator: OperatorProcess,
    limits: dict[str, int],
    spec: dict[str, Any],
    reason: str,
    words: str,
) -> None:
    name = f"share-{reason.lower()}"
    body = {"path": f"/nas/{name}", "volume": {"claimName": name}, "limits": limits}
    estate.api.create({"kind": "StorageEndpoint", "metadata": {"name": name}, "spec": body})
    runs(estate, f"{name}-uses", config={"target": f"/nas/{name}/a"}, **PLACE, **spec)
    waits = f"{name}-waits"
    estate.submit(job("copy"), name=waits, config={"target": f"/nas/{name}/b"}, **PLACE, **spec)
    until_it_waits(estate, waits, reason)
    waiting, admitted, events = described(cluster, estate, waits)
    assert (waiting["Reason"], waiting["Resource"]) == (reason, name)
    for told in (waiting["Message"], admitted, events):
        assert words.format(name) in told
    stop(estate, waits, f"{name}-uses")


def test_for_which_task_it_waits(cluster: Cluster, estate: Estate, operator: OperatorProcess) -> None:
    runs(estate, "nightly")
    estate.submit(job("copy"), name="afterwards", dependsOn=[{"name": "nightly", "condition": "Succeeded"}])
    until_it_waits(estate, "afterwards", "DependencyPending")
    waiting, admitted, events = described(cluster, estate, "afterwards")
    assert (waiting["Reason"], waiting["Holder"]) == ("DependencyPending", "nightly")
    for told in (waiting["Message"], admitted, events):
        assert "waiting for task nightly" in told
    stop(estate, "afterwards", "nightly")


def test_metrics_count_all_that_wait_by_reason(estate: Estate, operator: OperatorProcess, queue: Queue) -> None:
    """Those that ask for no place too, also after a restart."""
    hour = (datetime.now(UTC) + timedelta(hours=6)).hour
    shut = {"ranges": [{"start": f"{hour:02}:00", "end": f"{hour:02}:30"}]}
    estate.submit(job("copy"), name="queued", queueName=queue.name)
    estate.submit(job("copy"), name="shut-out", queueName=queue.name, window=shut)
    estate.submit(job("copy"), name="follows", queueName=queue.name, dependsOn=[{"name": "queued"}])
    wanted = {"QueueFull": 1, "OutsideWindow": 1, "DependencyPending": 1}

    def told() -> bool:
        text = operator._get("metrics")[1]
        line = rf'^asynctask_tasks_waiting\{{queue="{queue.name}",reason="(\w+)"\}} (\S+)$'
        return {reason: float(count) for reason, count in re.findall(line, text, re.MULTILINE)} == wanted

    operator.until(told, within=10)
    operator.kill()
    operator.start().leading()
    operator.until(told, within=10)
    estate.change("queued", cancel=True)
    estate.until("follows", "False DependencyFailed")
    estate.change("shut-out", window=None)
    del wanted["OutsideWindow"], wanted["DependencyPending"]
    operator.until(told, within=10)
    stop(estate, "shut-out")
