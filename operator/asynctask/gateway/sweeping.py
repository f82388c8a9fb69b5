"""Removes the artifacts of tasks that are no more.

Asks for each task by name, never for all: a list that is short because something is wrong would cost others their
artifacts. Every replica sweeps; they may share the directory, so each begins at a moment of its own.
"""

import asyncio
import random
from collections.abc import Sequence

import structlog

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import ArtifactStore, Owner

PERIOD_SECONDS = 6 * 3600.0
IDLE_SECONDS = 3600.0
"""What was written to of late is left alone, whatever the API server says."""
MAX_ASKED = 500
"""Tasks asked for in one sweep."""
PAUSE_SECONDS = 0.05

log = structlog.get_logger("gateway")


async def keep(cluster: api.Cluster, artifacts: ArtifactStore) -> None:
    """Sweep now and then, for ever. A failure is logged and left to the next time."""
    while True:
        await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.1, 1.0))  # noqa: S311 - jitter
        try:
            await sweep(cluster, artifacts)
        except api.ApiError as error:
            log.warning("artifacts are not swept while the API server fails", error=str(error)[:200])
        except OSError as error:
            log.warning("artifacts could not be swept", error=str(error))


async def sweep(cluster: api.Cluster, artifacts: ArtifactStore, idle_seconds: float = IDLE_SECONDS) -> Sequence[Owner]:
    """Remove what belongs to tasks that are gone; returns them. Raises ApiError, having removed nothing by it."""
    owners = await asyncio.to_thread(artifacts.owners, idle_seconds)
    random.shuffle(owners)
    gone = []
    for owner in owners[:MAX_ASKED]:
        if await is_gone(cluster, owner):
            await asyncio.to_thread(artifacts.remove, owner)
            log.info("artifacts of a deleted task removed", namespace=owner.namespace, task=owner.name)
            gone.append(owner)
        await asyncio.sleep(PAUSE_SECONDS)
    return gone


async def is_gone(cluster: api.Cluster, owner: Owner) -> bool:
    """Whether the API server says that this very task is there no longer. Raises ApiError when it can't say."""
    try:
        task = await cluster.get(api.TASKS, owner.namespace, owner.name)
    except api.Refused:
        return False  # of a namespace that is no longer served
    except api.NotFound as error:
        if error.reason == "NotFound" and f'"{owner.name}"' in error.message:
            return True
        raise  # the kind itself is not served, as when the API server has only begun
    return bool(task["metadata"]["uid"] != owner.uid)
