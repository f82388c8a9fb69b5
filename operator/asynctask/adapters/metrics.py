"""The operator's metrics. No label holds a name that a user chose; queues are an administrator's, and few."""

from collections.abc import Mapping
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from asynctask.core.admission.model import Usage

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class OperatorMetrics:
    """One registry per process; tests make their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        one = self.registry
        self.requests = Counter(
            "asynctask_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=one
        )
        self.request_seconds = Histogram(
            "asynctask_api_request_seconds", "Their duration.", ["verb"], buckets=SECONDS, registry=one
        )
        self.reconciles = Counter("asynctask_reconciles", "Tasks looked at, by result.", ["result"], registry=one)
        self.reconcile_seconds = Histogram(
            "asynctask_reconcile_seconds", "How long a look took.", buckets=SECONDS, registry=one
        )
        self.queue_depth = Gauge("asynctask_workqueue_depth", "Tasks to be looked at.", registry=one)
        self.queue_oldest = Gauge(
            "asynctask_workqueue_oldest_seconds", "How long the first of them has waited.", registry=one
        )
        self.events = Counter("asynctask_watch_events", "Changes seen.", ["resource"], registry=one)
        self.repairs = Counter(
            "asynctask_resync_repairs", "Changes that only a listing found.", ["resource"], registry=one
        )
        self.leader = Gauge("asynctask_leader", "1 on the replica that leads.", registry=one)
        self.tasks = Gauge("asynctask_tasks", "Tasks known.", registry=one)
        self.running = Gauge("asynctask_tasks_running", "Tasks that hold a place, by queue.", ["queue"], registry=one)
        self.waiting = Gauge(
            "asynctask_tasks_waiting", "Tasks that wait to run, by queue and why.", ["queue", "reason"], registry=one
        )
        self.waiting_seconds = Gauge(
            "asynctask_queue_longest_wait_seconds", "How long the one that waits longest has.", ["queue"], registry=one
        )
        self.displaced = Counter(
            "asynctask_tasks_displaced", "Tasks pushed out by more urgent ones.", ["queue"], registry=one
        )
        self.admission_seconds = Histogram(
            "asynctask_admission_seconds", "How long an admission pass took.", buckets=SECONDS, registry=one
        )
        self.ended = Counter("asynctask_tasks_ended", "Runs that ended, by phase.", ["phase"], registry=one)
        self.stage_attempts = Counter("asynctask_stage_attempts", "Attempts begun.", registry=one)
        self.schedules = Gauge("asynctask_schedules", "Schedules known.", registry=one)
        self.schedule_runs = Counter(
            "asynctask_schedule_runs", "Runs that came due, by what became of them.", ["result"], registry=one
        )

    def tell_queues(self, usage: Mapping[str, Usage], reasons: Mapping[tuple[str, str], int]) -> None:
        """What runs and waits now, and why. Queues are made by administrators and are few."""
        for gauge in (self.running, self.waiting, self.waiting_seconds):
            gauge.clear()
        now = time()
        for queue, figures in usage.items():
            self.running.labels(queue).set(figures.running)
            since = figures.waiting_since
            self.waiting_seconds.labels(queue).set(0.0 if since is None else max(0.0, now - since))
        for (queue, reason), count in reasons.items():
            self.waiting.labels(queue, reason).set(count)

    def observe_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count one request to the API server; code 0 when no answer came."""
        counter, histogram = self._of_request(verb, resource, code)
        counter.inc()
        histogram.observe(seconds)

    def _of_request(self, verb: str, resource: str, code: int) -> tuple[Counter, Histogram]:
        """The two of such a request; looking them up by label each time costs more than counting."""
        known = self._requests.get((verb, resource, code))
        if known is None:
            known = (self.requests.labels(verb, resource, str(code)), self.request_seconds.labels(verb))
            self._requests[verb, resource, code] = known
        return known
