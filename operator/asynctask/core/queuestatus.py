"""A TaskQueue's status from what runs and waits in it."""

from datetime import UTC, datetime
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.taskqueue import TaskQueue
from asynctask.core import conditions, quantities, windows
from asynctask.core.admission.model import Gate, Usage
from asynctask.core.conditions import Wanted
from asynctask.core.times import stamp


def status(queue: TaskQueue, usage: Usage, gate: Gate | None, trouble: str | None, now: datetime) -> dict[str, Any]:
    """The whole status as it should be stored.

    `trouble`: why the load of nodes, which it asks for, is not known; empty when it is, None while that is not known.
    """
    wanted = [_outside_window(queue, now) or _admitting(queue, gate)]
    if queue.spec.pressure.asks_nodes and trouble is not None:
        is_known = Wanted("MetricsAvailable", "True", Reason.METRICS_AVAILABLE)
        is_not = Wanted("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, trouble)
        wanted.append(is_not if trouble else is_known)
    since = datetime.fromtimestamp(usage.waiting_since, UTC) if usage.waiting_since is not None else None
    return {
        "observedGeneration": queue.metadata.generation,
        "running": usage.running,
        "waiting": usage.waiting,
        "waitingByPriority": [{"priority": priority, "count": count} for priority, count in usage.waiting_by_priority],
        "used": {
            "cpu": quantities.cpu_text(usage.cpu_milli),
            "memory": quantities.memory_text(usage.memory_bytes),
        },
        "waitingSince": stamp(since),
        "displacedLastHour": usage.displaced_last_hour,
        "conditions": conditions.merge(queue.status.conditions, wanted, queue.metadata.generation, now),
    }


def _outside_window(queue: TaskQueue, now: datetime) -> Wanted | None:
    window = queue.spec.window
    if window is None or queue.spec.suspend:
        return None
    if problem := windows.zone_problem(window.time_zone, "spec.window.timeZone"):
        return Wanted("Admitting", "False", problem.reason, str(problem))
    if windows.is_open([window], now):
        return None
    opening = windows.next_opening([window], now)
    when = f"opens {windows.clock(opening, window)}" if opening else "it never opens"
    return Wanted("Admitting", "False", Reason.OUTSIDE_WINDOW, f"outside its window; {when}")


def _admitting(queue: TaskQueue, gate: Gate | None) -> Wanted:
    spec = queue.spec
    if spec.suspend:
        message = "suspended; set spec.suspend to false to go on"
        return Wanted("Admitting", "False", Reason.QUEUE_SUSPENDED, message)
    if spec.max_running == 0:
        message = "spec.maxRunning is 0, which holds all back; raise it to go on"
        return Wanted("Admitting", "False", Reason.QUEUE_FULL, message)
    if gate is None or gate.reason is Reason.QUEUED:
        return Wanted("Admitting", "True", Reason.ADMITTING)
    # no figures: they move, and each change would be a write
    message = f"{gate.resource} is reached; tasks start again when there is less to do"
    return Wanted("Admitting", "False", gate.reason, message)
