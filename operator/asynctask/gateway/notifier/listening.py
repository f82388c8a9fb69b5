"""What the archiver calls, in the transaction that archives a change: events are written with it or not at all."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import structlog

from asynctask.adapters.archive import Transaction, outbox
from asynctask.core.notifications import news
from asynctask.core.notifications.events import NOTHING, News

log = structlog.get_logger("notifier")
Object = Mapping[str, Any]
Kind = Literal["AsyncTask", "Stage", "TaskSchedule"]


def news_of(kind: Kind, body: Object, task: Object | None = None) -> News:
    """What an object has to tell. One that can't be read tells nothing: it must not keep others from being archived."""
    try:
        match kind:
            case "AsyncTask":
                return news.of_task(body)
            case "Stage":
                return news.of_stage(body, task)
            case "TaskSchedule":
                return news.of_schedule(body)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        log.exception("an object can't be read for notifications", kind=kind)
    return NOTHING


async def note(
    transaction: Transaction,
    seen: Iterable[tuple[Kind, Object]],
    now: datetime,
    task_of: Callable[[str], Object | None] = lambda _: None,
) -> int:
    """Write down what these objects have to tell; how many events. `task_of` gives the task of a uid, where known."""
    told = []
    for kind, body in seen:
        uid = (body.get("spec") or {}).get("taskUID", "") if kind == "Stage" else ""
        found = news_of(kind, body, task_of(uid) if uid else None)
        if found is not NOTHING:
            told.append(found)
    return await outbox.note(transaction, told, now) if told else 0
