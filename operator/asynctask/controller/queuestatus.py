"""Tells TaskQueues what runs and waits in them."""

import asyncio

import structlog

from asynctask.adapters.cluster import QUEUES, ApiError, NotFound
from asynctask.context import Context
from asynctask.controller.queues import Limits
from asynctask.core.mergepatch import difference
from asynctask.core.queuestatus import status
from asynctask.scheduling import Scheduler

log = structlog.get_logger()
PERIOD_SECONDS = 5.0


async def keep_telling(context: Context, scheduler: Scheduler, limits: Limits) -> None:
    """Write the status of each queue that changed, at most once a period."""
    while True:
        for name, (_, queue) in list(context.store.queues.items()):
            current = queue.status.model_dump(by_alias=True, exclude_none=True, mode="json")
            wanted = status(queue, scheduler.usage(name), scheduler.gate(name), limits.trouble, context.now())
            patch = difference(current, wanted)
            if not patch:
                continue
            try:
                fresh = await context.cluster.patch(QUEUES, "", name, {"status": patch}, "status")
                context.store.apply_queue("MODIFIED", fresh)
            except NotFound:
                continue
            except ApiError as error:
                log.warning("a queue could not be told its figures", error=str(error)[:200])
        await asyncio.sleep(PERIOD_SECONDS)
