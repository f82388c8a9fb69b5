"""What the archiver calls, in the transaction that archives a change: events are written with it or not at all.

Schedules are not archived: they are looked at when they change, and all of them when a gateway begins to lead. What
they say tells itself again as long as it holds, so none is lost.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from asynctask.adapters.archive import Archive, Transaction, outbox
from asynctask.adapters.archive.stages import StageChange
from asynctask.adapters.archive.tasks import TaskChange
from asynctask.core.notifications import news
from asynctask.core.notifications.events import NOTHING, News

log = structlog.get_logger("notifier")
Object = Mapping[str, Any]


class NewsListener:
    """The archiver's listener."""

    async def changed(self, transaction: Transaction, change: TaskChange) -> None:
        """Write down what a task has to tell."""
        if change.body is not None:
            await self._note(transaction, news_of("AsyncTask", change.body))

    async def stage_changed(self, transaction: Transaction, change: StageChange) -> None:
        """Write down what a stage has to tell: only those that wait for people have anything."""
        if ((change.body.get("spec") or {}).get("template") or {}).get("approval") is not None:
            task = await outbox.task_object(transaction, change.new.task_id)
            await self._note(transaction, news_of("Stage", change.body, task))

    async def _note(self, transaction: Transaction, found: News) -> None:
        if found is not NOTHING:
            await outbox.note(transaction, (found,), datetime.now(UTC))


async def note_schedules(archive: Archive, schedules: Iterable[Object], now: datetime) -> int:
    """Write down what schedules have to tell; how many events."""
    found = [each for body in schedules if (each := news_of("TaskSchedule", body)) is not NOTHING]
    if not found:
        return 0
    async with archive.begin() as transaction:
        return await outbox.note(transaction, found, now)


def news_of(kind: Literal["AsyncTask", "Stage", "TaskSchedule"], body: Object, task: Object | None = None) -> News:
    """What an object has to tell. One that can't be read tells nothing: it must not keep others from being archived."""
    try:
        match kind:
            case "AsyncTask":
                return news.of_task(body)
            case "Stage":
                return news.of_stage(body, task)
            case "TaskSchedule":
                return news.of_schedule(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("an object can't be read for notifications", kind=kind)
    return NOTHING
