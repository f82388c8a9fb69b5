"""What is counted of archiving."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from asynctask.adapters.archive import ArchiveError

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Measures:
    """The archiver's metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leads = Gauge("asynctask_archive_leader", "1 in the gateway that archives.", registry=registry)
        self.waiting = Gauge("asynctask_archive_waiting", "Objects that wait to be archived.", registry=registry)
        self.batches = Counter("asynctask_archive_batches_total", "Batches written.", registry=registry)
        self.objects = Counter("asynctask_archive_objects_total", "States of objects written.", registry=registry)
        self.seconds = Histogram(
            "asynctask_archive_batch_seconds", "How long a batch took.", buckets=BUCKETS, registry=registry
        )
        self.last_success = Gauge(
            "asynctask_archive_last_success_timestamp_seconds", "When a batch was last written.", registry=registry
        )
        self.errors = Counter(
            "asynctask_archive_errors_total", "What went wrong, by code.", ["code"], registry=registry
        )
        self.lost = Gauge(
            "asynctask_archive_states_let_go",
            "Last states of objects that left the cluster while the database was away for too long.",
            registry=registry,
        )
        self.marked = Counter("asynctask_archive_marked_total", "Tasks told that they are archived.", registry=registry)
        self.pruned = Counter("asynctask_archive_pruned_total", "Rows deleted by age.", ["table"], registry=registry)

    def failed(self, error: Exception) -> None:
        """The database or the API server did not do as asked."""
        self.errors.labels(error.code if isinstance(error, ArchiveError) else "ApiServer").inc()

    def written(self, objects: int, refused: int, seconds: float, waiting: int, let_go: int) -> None:
        """A batch is written."""
        self.batches.inc()
        self.objects.inc(objects - refused)
        if refused:
            self.errors.labels("Refused").inc(refused)
        self.seconds.observe(seconds)
        self.waiting.set(waiting)
        self.lost.set(let_go)
        self.last_success.set_to_current_time()
