"""The notifier as work of the gateway that leads: with the archive, the schedules, and the rights of subscribers."""

import asyncio
from pathlib import Path

import structlog

from asynctask.adapters.archive import Archive, ArchiveError
from asynctask.adapters.archive.notifyrules import StoredRule
from asynctask.gateway.archiver.leading import Work
from asynctask.gateway.front.calls import Caller, Desk
from asynctask.gateway.front.view import View
from asynctask.gateway.metrics import Metrics
from asynctask.gateway.notifier.listening import note_schedules
from asynctask.gateway.notifier.notifier import Notifier

RETRY_SECONDS = 5.0
log = structlog.get_logger("notifier")


def work(desk: Desk, archive: Archive, metrics: Metrics) -> Work:
    """What to run while leading; made anew for each term."""
    file = Path(desk.settings.notifications_file) if desk.settings.notifications_file else None

    async def may_see(rule: StoredRule, namespace: str) -> bool:
        extra = {name: tuple(values) for name, values in rule.identity.get("extra", {}).items()}
        owner = Caller(rule.owner, tuple(rule.identity.get("groups", ())), extra)
        return await desk.access.allowed(owner, "list", "asynctasks", namespace)

    async def notify() -> None:
        await archive.ready()
        notifier = Notifier(archive, file, metrics, may_see)
        async with asyncio.TaskGroup() as group:
            group.create_task(notifier.run())
            group.create_task(_follow_schedules(desk.view, archive, desk))

    return notify


async def _follow_schedules(view: View, archive: Archive, desk: Desk) -> None:
    """Look at all schedules at first, and whenever changes were lost; else at those that changed."""
    with view.listen("schedule") as listener:
        await view.known()
        waiting = {row.uid: row.object() for row in view.schedules}
        while True:
            try:
                await note_schedules(archive, waiting.values(), desk.now())
            except ArchiveError as error:
                log.info("what schedules tell waits for the archive", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            waiting.clear()
            batch = await listener.next()
            if batch.is_reset:
                waiting = {row.uid: row.object() for row in view.schedules}
            for change in batch.changes:
                if change.row is not None and (row := view.schedules.get(change.row.uid)) is not None:
                    waiting[row.uid] = row.object()
