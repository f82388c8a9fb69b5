"""TaskSchedules on a real API server. Time can't be moved there: what is due is said by moving `decidedUntil`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from support.estate import Estate, job

Body = dict[str, Any]
NEVER = "0 0 29 2 *"
WAIT = {"name": "pause", "wait": {"delaySeconds": 1}}


def make(estate: Estate, name: str, schedule: str = NEVER, *stages: Body, **spec: Any) -> str:
    """Create a schedule; returns its path."""
    template = {"spec": {"stages": list(stages) or [job("copy")]}}
    body = {
        "kind": "TaskSchedule",
        "metadata": {"name": name},
        "spec": {"schedule": schedule, "taskTemplate": template, **spec},
    }
    estate.api.create(body)
    return estate.path("taskschedules", name)


def until(estate: Estate, path: str, holds: Callable[[Body], Any], why: str, within: float = 20) -> Body:
    """The schedule's status, once something holds of it."""
    found = estate.api.until(path, lambda schedule: holds(schedule.get("status") or {}), within=within, why=why)
    status: Body = found["status"]
    return status


def told(status: Body, kind: str) -> str:
    """Status and reason of a condition."""
    return next((f"{c['status']} {c['reason']}" for c in status.get("conditions", ()) if c["type"] == kind), "")


def tasks_of(estate: Estate, name: str) -> dict[str, Body]:
    """Its tasks by name."""
    items = estate.api.get(f"{estate.path('asynctasks')}?labelSelector=asynctask.io%2Fschedule%3D{name}")["items"]
    return {item["metadata"]["name"]: item for item in items}


def is_due_since(estate: Estate, path: str, **ago: float) -> None:
    """Nothing has been decided for so long: as after an outage."""
    then = (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    estate.api.merge(f"{path}/status", {"status": {"decidedUntil": then}})


def ready(estate: Estate, path: str) -> Body:
    return until(estate, path, lambda s: told(s, "Ready") == "True Scheduled", "it is ready")
