"""Tells the operator that an ended task is archived, so that it may be deleted when its time to live is over.

Written on tasks with `ttlSecondsAfterFinished` alone: nobody waits for it on others.
"""

from datetime import UTC, datetime
from typing import Any

from asynctask.adapters import cluster as api
from asynctask.core.times import stamp
from asynctask.gateway.archiver import objects
from asynctask.gateway.archiver.objects import Object

TYPE = "Archived"


def wants_mark(item: Object) -> bool:
    """Whether a task, as it was archived, is to be told so."""
    spec, status = objects.task_spec(item.spec), objects.task_status(item.status)
    if spec.ttl_seconds_after_finished is None or not status.has_ended or status.run != spec.run:
        return False
    return not any(
        condition.type == TYPE
        and condition.status == "True"
        and condition.observed_generation >= item.metadata.generation
        for condition in status.conditions
    )


async def mark(cluster: api.Cluster, item: Object) -> None:
    """Write the condition, if the task is still the one that was archived. Raises Conflict when it has changed."""
    conditions = item.body()["status"].get("conditions") or []
    now = stamp(datetime.now(UTC))
    condition: dict[str, Any] = {
        "type": TYPE,
        "status": "True",
        "reason": TYPE,
        "message": "kept in the archive; may leave the cluster",
        "observedGeneration": item.metadata.generation,
        "lastTransitionTime": now,
    }
    kept = sorted(
        [*(known for known in conditions if known.get("type") != TYPE), condition], key=lambda c: str(c["type"])
    )
    await cluster.json_patch(
        api.TASKS,
        item.metadata.namespace,
        item.metadata.name,
        [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": item.metadata.resource_version},
            {"op": "add", "path": "/status/conditions", "value": kept},
        ],
        "status",
    )
