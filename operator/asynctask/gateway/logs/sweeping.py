"""Removes logs of tasks that neither the cluster nor the archive knows any more."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import Archive, ArchiveError, tasks
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import files
from asynctask.gateway.sweeping import is_gone

PERIOD_SECONDS = 6 * 3600.0
IDLE_SECONDS = 3600.0
MAX_ASKED = 500
PAUSE_SECONDS = 0.05

log = structlog.get_logger("gateway")


async def keep(cluster: api.Cluster, root: Path, archive: Callable[[], Archive | None]) -> None:
    """Sweep now and then, for ever. A failure is logged and left to the next time."""
    while True:
        await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.1, 1.0))  # noqa: S311 - jitter
        try:
            await sweep(cluster, root, archive())
        except (api.ApiError, ArchiveError) as error:
            log.warning("logs are not swept while a server fails", error=str(error)[:200])


async def sweep(
    cluster: api.Cluster, root: Path, archive: Archive | None, idle_seconds: float = IDLE_SECONDS
) -> Sequence[Owner]:
    """Remove what belongs to nobody; returns whose it was. Raises ApiError and ArchiveError: the rest is kept."""
    owners = await asyncio.to_thread(files.owners, root, idle_seconds)
    random.shuffle(owners)
    gone = []
    for owner in owners[:MAX_ASKED]:
        if await is_gone(cluster, owner) and not await _is_archived(archive, owner):
            await asyncio.to_thread(files.remove, root, owner.uid)
            gone.append(owner)
        await asyncio.sleep(PAUSE_SECONDS)
    return gone


async def _is_archived(archive: Archive | None, owner: Owner) -> bool:
    if archive is None:
        return False
    async with archive.read() as connection:
        return await tasks.find(connection, owner.uid) is not None
