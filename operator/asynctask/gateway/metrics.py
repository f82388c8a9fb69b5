"""What is counted. Labels have few values, never a name: a thousand stages must not make a thousand series."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The gateway's metrics, in a registry of their own so that two gateways can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.calls = Counter(
            "asynctask_gateway_calls_total", "Calls of stages.", ["route", "status"], registry=self.registry
        )
        self.call_seconds = Histogram(
            "asynctask_gateway_call_seconds", "How long they took.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.writes = Counter(
            "asynctask_gateway_status_writes_total",
            "Writes of a Stage's status, by the weightiest thing in them and how it went.",
            ["content", "result"],
            registry=self.registry,
        )
        self.token_reviews = Counter(
            "asynctask_gateway_token_reviews_total", "Token reviews asked for.", ["result"], registry=self.registry
        )
        self.live_stages = Gauge(
            "asynctask_gateway_live_stages", "Stages in memory: heard of lately.", registry=self.registry
        )
        self.log_lines = Counter(
            "asynctask_gateway_log_lines_total", "Log lines of stages.", ["fate"], registry=self.registry
        )
        self.log_bytes = Counter(
            "asynctask_gateway_log_bytes_total", "Bytes of logs kept, before compression.", registry=self.registry
        )
        self.item_errors = Counter(
            "asynctask_gateway_item_errors_total",
            "Failed items of stages on their way into the archive.",
            ["fate"],
            registry=self.registry,
        )
        self.streams = Gauge(
            "asynctask_gateway_streams", "Event streams of clients that are open.", registry=self.registry
        )
        self.stream_events = Counter(
            "asynctask_gateway_stream_events_total", "Changes of the cluster told to streams.", registry=self.registry
        )
        self.stream_resets = Counter(
            "asynctask_gateway_stream_resets_total",
            "Streams told to look at everything anew: they were slow, came from elsewhere, or it was all too much.",
            ["reason"],
            registry=self.registry,
        )
        self.api_calls = Counter(
            "asynctask_gateway_api_calls_total",
            "Calls of people and programs.",
            ["operation", "status"],
            registry=self.registry,
        )
        self.api_seconds = Histogram(
            "asynctask_gateway_api_call_seconds",
            "How long they took; of a stream, until its end.",
            ["operation"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.requests = Counter(
            "asynctask_gateway_api_requests_total",
            "Requests to the API server.",
            ["verb", "resource", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "asynctask_gateway_api_request_seconds",
            "How long they took.",
            ["verb"],
            buckets=SECONDS,
            registry=self.registry,
        )

        self.notification_events = Counter(
            "asynctask_notification_events_total",
            "Events that rules were applied to.",
            ["kind"],
            registry=self.registry,
        )
        self.notifications = Counter(
            "asynctask_notifications_total",
            "Attempts to send a message, by channel and how they ended: sent, failed (tried again), dead, put off.",
            ["channel", "result"],
            registry=self.registry,
        )
        self.notification_seconds = Histogram(
            "asynctask_notification_seconds",
            "How long attempts took.",
            ["channel"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.notifications_kept = Gauge(
            "asynctask_notifications_kept",
            "Messages in the outbox that were not sent, by channel and state: pending, sending, dead.",
            ["channel", "state"],
            registry=self.registry,
        )
        self.notification_breaker = Gauge(
            "asynctask_notification_breaker_open",
            "1 while a channel fails and is left in peace.",
            ["channel"],
            registry=self.registry,
        )
        self.notification_config = Gauge(
            "asynctask_notification_config_valid",
            "0 while the file of the channels can't be used and an earlier one goes on holding.",
            registry=self.registry,
        )

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """One request to the API server; status 0 when no answer came."""
        self.requests.labels(verb, resource, str(status)).inc()
        self.request_seconds.labels(verb).observe(seconds)
