"""What a TaskQueue says of itself."""

from typing import Any

from support.scenes import NOW

from asynctask.api.reasons import Reason
from asynctask.api.taskqueue import TaskQueue
from asynctask.core.admission.model import Gate, Usage
from asynctask.core.mergepatch import difference
from asynctask.core.queuestatus import status

T = NOW.timestamp()
BUSY = Gate(Reason.CLUSTER_BUSY, "pressure.maxNodeCPUPercent", 80, 93)


def queue(**spec: Any) -> TaskQueue:
    return TaskQueue.model_validate({"metadata": {"name": "bulk", "generation": 3}, "spec": spec})


def told(found: TaskQueue, usage: Usage | None = None, gate: Gate | None = None, trouble: str = "") -> dict[str, Any]:
    return status(found, usage or Usage(), gate, trouble, NOW)


def condition(body: dict[str, Any], kind: str = "Admitting") -> str:
    return " ".join(f"{c['status']} {c['reason']}" for c in body["conditions"] if c["type"] == kind)


def test_it_counts_what_runs_and_waits() -> None:
    usage = Usage(
        running=2, cpu_milli=1500, memory_bytes=2**30, waiting=5, waiting_by_priority=((1, 2), (4, 3)),
        waiting_since=T - 60, displaced_last_hour=1,
    )  # fmt: skip
    body = told(queue(), usage)
    assert {key: body[key] for key in body if key != "conditions"} == {
        "observedGeneration": 3, "running": 2, "waiting": 5,
        "waitingByPriority": [{"priority": 1, "count": 2}, {"priority": 4, "count": 3}],
        "used": {"cpu": "1500m", "memory": "1Gi"}, "waitingSince": "2030-01-01T11:59:00Z", "displacedLastHour": 1,
    }  # fmt: skip
    TaskQueue.model_validate({"metadata": {"name": "bulk"}, "status": body})


def test_it_says_whether_anything_may_start_and_what_holds_all_back() -> None:
    assert condition(told(queue())) == "True Admitting"
    assert condition(told(queue(suspend=True), gate=Gate(Reason.QUEUE_SUSPENDED))) == "False QueueSuspended"
    assert condition(told(queue(maxRunning=0))) == "False QueueFull"
    assert condition(told(queue(), gate=BUSY)) == "False ClusterBusy"
    assert condition(told(queue(), gate=Gate(Reason.QUEUED, "a start"))) == "True Admitting"


def test_a_load_that_moves_is_no_news() -> None:
    other = Gate(Reason.CLUSTER_BUSY, "pressure.maxNodeCPUPercent", 80, 97)
    assert told(queue(), gate=BUSY) == told(queue(), gate=other)


def test_a_load_that_is_not_known_is_said_where_it_is_asked_for() -> None:
    asks = queue(pressure={"maxNodeCPUPercent": 80})
    assert condition(told(asks, trouble="not served"), "MetricsAvailable") == "False MetricsUnavailable"
    assert condition(told(asks), "MetricsAvailable") == "True MetricsAvailable"
    assert condition(told(queue(), trouble="not served"), "MetricsAvailable") == ""


def test_the_same_again_is_no_write() -> None:
    usage = Usage(running=2, waiting=5, waiting_by_priority=((3, 5),), waiting_since=T - 60)
    first = told(queue(), usage)
    stored = TaskQueue.model_validate({"metadata": {"name": "bulk", "generation": 3}, "status": first})
    current = stored.status.model_dump(by_alias=True, exclude_none=True, mode="json")
    assert difference(current, status(stored, usage, None, "", NOW)) == {}
