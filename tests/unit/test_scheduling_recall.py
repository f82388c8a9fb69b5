"""What a new leader counts before it admits anybody."""

from typing import Any

import msgspec

from asynctask.adapters.store import Key, Store
from asynctask.api.names import ANNOTATION_DISPLACED_TIME, LABEL_TASK_UID
from asynctask.controller.recall import recall
from asynctask.core.admission.model import Preemption, Queue
from asynctask.core.observed import Job, Pod
from asynctask.scheduling import Scheduler

NOON = 1_893_499_200.0


def at(minute: int, second: int = 0) -> str:
    return f"2030-01-01T11:{minute:02}:{second:02}Z"


class Cluster:
    """What there is when the replica starts."""

    def __init__(self) -> None:
        self.store = Store()
        self.woken: list[Key] = []
        self.scheduler = Scheduler(self.woken.append, clock=lambda: NOON)

    def task(self, name: str, status: dict[str, Any] | None = None, submitted: str = at(0)) -> "Cluster":
        meta = {
            "name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": "1", "generation": 1,
            "creationTimestamp": submitted,
        }  # fmt: skip
        self.store.apply_task("ADDED", {"metadata": meta, "spec": {"queueName": "q"}, "status": status or {}})
        return self

    def queued(self, name: str, priority: int, submitted: str = at(0)) -> "Cluster":
        status = {"observedGeneration": 1, "run": 1, "phase": "Queued", "priority": priority}
        return self.task(name, status, submitted)

    def job(self, task: str, started: str = at(30), *, suspend: bool = False, displaced: str = "") -> "Cluster":
        meta = self._meta(f"job-{task}", task) | {
            "annotations": {ANNOTATION_DISPLACED_TIME: displaced} if displaced else {}
        }
        body = {"metadata": meta, "spec": {"suspend": suspend}, "status": {"startTime": started}}
        self.store.apply_job("ADDED", msgspec.convert(body, Job))
        return self

    def pod(self, task: str) -> "Cluster":
        self.store.apply_pod(
            "ADDED", msgspec.convert({"metadata": self._meta(f"pod-{task}", task), "status": {"phase": "Running"}}, Pod)
        )
        return self

    def limits(self, **limits: Any) -> "Cluster":
        self.scheduler.set_queues([Queue("q", **limits)], {}, {})
        return self

    def recall(self) -> tuple[list[str], list[str]]:
        running, unknown = recall(self.store, self.scheduler)
        return [name for _, name in running], [name for _, name in unknown]

    @staticmethod
    def _meta(name: str, task: str) -> dict[str, Any]:
        labels = {LABEL_TASK_UID: f"uid-{task}"}
        return {"name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels}


def test_what_has_a_job_or_a_pod_runs_and_what_is_over_is_nobody_s_business() -> None:
    over = {"observedGeneration": 1, "run": 1, "phase": "Succeeded", "completionTime": at(1)}
    cluster = Cluster().task("runs").job("runs").task("stops").job("stops", suspend=True).pod("stops")
    cluster = cluster.task("paused").job("paused", suspend=True).task("over", over).task("new").queued("waits", 2)
    assert cluster.recall() == (["stops", "runs"], ["runs", "stops", "paused", "new"])
    usage = cluster.scheduler.usage("q")
    assert (usage.running, usage.waiting_by_priority) == (2, ((2, 1),))


def test_who_was_pushed_out_within_the_hour_counts_against_the_budget() -> None:
    cluster = Cluster().limits(max_running=1, preemption=Preemption(enabled=True, max_per_hour=1))
    cluster.task("victim").job("victim", suspend=True, displaced=at(40)).recall()
    assert cluster.scheduler.usage("q").displaced_last_hour == 1


def test_starts_of_the_last_minute_count_against_the_rate_in_whatever_order_they_are_found() -> None:
    cluster = Cluster().limits(start_rate_per_minute=60)
    for number in range(50):
        name = f"runs-{number:02}"
        cluster.task(name).job(name, started=at(59, (number * 37) % 50))
    running, unknown = cluster.queued("waits", 3).recall()
    assert not cluster.woken
    for name in {*running, *unknown}:
        cluster.scheduler.seen(("team", name))
    assert cluster.woken == [("team", "waits")], "the last start is more than a second ago"


def test_nobody_is_admitted_before_what_runs_has_been_looked_at() -> None:
    cluster = Cluster().task("runs").job("runs").queued("waits", 3)
    cluster.recall()
    cluster.scheduler.request_pass()
    assert cluster.woken == []
    cluster.scheduler.seen(("team", "runs"))
    assert cluster.woken == [("team", "waits")]
