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
        for name in list(context.store.queues):
            try:
                await _tell(context, scheduler, limits, name)
            except NotFound:
                continue
            except ApiError as error:
                log.warning("a queue could not be told its figures", queue=name, error=str(error)[:200])
            except Exception:
                log.exception("a queue could not be told its figures", queue=name)
        await asyncio.sleep(PERIOD_SECONDS)


async def _tell(context: Context, scheduler: Scheduler, limits: Limits, name: str) -> None:
    known = context.store.queues.get(name)
    if known is None:
        return
    queue = known[1]
    # zeros that nobody has written are written: a column that stays empty tells nothing
    current = queue.status.model_dump(by_alias=True, exclude_none=True, exclude_unset=True, mode="json")
    wanted = status(queue, scheduler.usage(name), scheduler.gate(name), limits.trouble, context.now())
    patch = difference(current, wanted)
    if patch:
        fresh = await context.cluster.patch(QUEUES, "", name, {"status": patch}, "status")
        context.store.apply_queue("MODIFIED", fresh)
