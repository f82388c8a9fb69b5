"""From TaskQueues and StorageEndpoints to the limits that admission keeps."""

from datetime import datetime

from asynctask.api.reasons import Reason
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.taskqueue import TaskQueue
from asynctask.core import quantities, timetable, windows
from asynctask.core.admission.model import EndpointLimits, Gate, Preemption, Queue
from asynctask.core.pressure import NodeLoad


def queue(found: TaskQueue) -> Queue:
    """The limits of a queue."""
    spec = found.spec
    cpu, memory = spec.quota.cpu, spec.quota.memory
    return Queue(
        name=found.metadata.name,
        max_running=spec.max_running,
        max_running_per_namespace=spec.max_running_per_namespace,
        max_running_per_type=spec.max_running_per_type,
        cpu_milli=quantities.millis(cpu) if cpu is not None else None,
        memory_bytes=quantities.whole(memory) if memory is not None else None,
        start_rate_per_minute=spec.start_rate_per_minute,
        promote_after_seconds=spec.promote_after_seconds,
        head_of_line_seconds=spec.head_of_line_seconds,
        weights={share.namespace: share.weight for share in spec.fair_share},
        preemption=Preemption(
            enabled=spec.preemption.policy == "LowerPriority",
            min_runtime_seconds=spec.preemption.min_runtime_seconds,
            max_per_hour=spec.preemption.max_per_hour,
        ),
    )


def endpoint(found: StorageEndpoint, now: datetime) -> EndpointLimits | None:
    """What an endpoint bears now."""
    limits = timetable.in_force(found.spec.limits, now)
    if limits.streams is None and limits.megabytes_per_second is None:
        return None
    return EndpointLimits(limits.streams, limits.megabytes_per_second)


def suspended(found: TaskQueue) -> Gate | None:
    """The gate of a queue that somebody has paused."""
    return Gate(Reason.QUEUE_SUSPENDED, "suspend") if found.spec.suspend else None


def shut(found: TaskQueue, now: datetime) -> Gate | None:
    """The gate of a queue outside its window. One that lets runs finish has none: their later stages go on."""
    window = found.spec.window
    if window is None or window.at_close == "Finish":
        return None
    if windows.zone_problem(window.time_zone, ""):
        return Gate(Reason.INVALID_WINDOW, "spec.window.timeZone")
    if windows.is_open([window], now):
        return None
    opening = windows.next_opening([window], now)
    return Gate(Reason.OUTSIDE_WINDOW, "window", opens_at=opening.timestamp() if opening else None)


def busy(found: TaskQueue, load: NodeLoad, network: int) -> Gate | None:
    """The gate of a queue that starts nothing while the cluster is as busy as it is."""
    limits = found.spec.pressure
    for limit, used, name in (
        (limits.max_node_cpu_percent, load.cpu_percent, "pressure.maxNodeCPUPercent"),
        (limits.max_node_memory_percent, load.memory_percent, "pressure.maxNodeMemoryPercent"),
        (limits.max_network_megabytes_per_second, network, "pressure.maxNetworkMegabytesPerSecond"),
    ):
        if limit is not None and used is not None and used >= limit:
            return Gate(Reason.CLUSTER_BUSY, name, limit, used)
    return None
