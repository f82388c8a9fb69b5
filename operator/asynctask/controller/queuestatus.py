"""Tells TaskQueues how many run and wait in them."""

import asyncio

import structlog

from asynctask.adapters.cluster import QUEUES, ApiError, NotFound
from asynctask.context import Context
from asynctask.scheduling import Scheduler

log = structlog.get_logger()
PERIOD_SECONDS = 5.0


async def keep_telling(context: Context, scheduler: Scheduler) -> None:
    """Write the figures of each queue that changed, at most once a period."""
    told: dict[str, tuple[int, int]] = {}
    while True:
        for name, (_, queue) in list(context.store.queues.items()):
            figures = (scheduler.running(name), scheduler.waiting(name))
            before = told.get(name, (queue.status.running, queue.status.waiting))
            if figures == before:
                continue
            try:
                body = {"status": {"running": figures[0], "waiting": figures[1]}}
                context.store.apply_queue("MODIFIED", await context.cluster.patch(QUEUES, "", name, body, "status"))
                told[name] = figures
            except NotFound:
                continue
            except ApiError as error:
                log.warning("a queue could not be told its figures", error=str(error)[:200])
        await asyncio.sleep(PERIOD_SECONDS)
