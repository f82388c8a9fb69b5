"""What each user has been told, in the web centre: unread counts, pages, marking as read."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, func, select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.messages import SPACE
from asynctask.adapters.archive.pages import Page, Position, older
from asynctask.adapters.archive.tables.columns import micros, moment
from asynctask.adapters.archive.tables.notifications import notification_inbox
from asynctask.adapters.archive.upserts import insert_new
from asynctask.core.notifications.documents import from_document, to_document
from asynctask.core.notifications.events import Event

MAX_UNREAD = 1000
"""Counted up to here: more is `1000+` to anybody."""
_of = notification_inbox.c


@dataclass(frozen=True, slots=True)
class Entry:
    """One notification of a user."""

    entry_id: str
    time: datetime
    is_read: bool
    event: Event


async def deliver(transaction: Transaction, told: Iterable[tuple[str, Event]], now: datetime) -> None:
    """Put events into users' inboxes. The same event to the same user is one entry."""
    rows = {
        (user, event.id): {
            "entry_id": str(uuid.uuid5(SPACE, f"inbox\n{user}\n{event.id}")),
            "recipient": user,
            "entry_time": micros(now),
            "is_read": 0,
            "document": to_document(event),
        }
        for user, event in told
    }
    await insert_new(transaction, notification_inbox, list(rows.values()))


async def page(
    connection: Transaction, user: str, *, unread: bool = False, limit: int = 50, after: Position | None = None
) -> Page[Entry]:
    """A page of a user's inbox, newest first."""
    query = (
        select(notification_inbox)
        .where(_of.recipient == user)
        .order_by(_of.entry_time.desc(), _of.entry_id.desc())
        .limit(limit + 1)
    )
    if unread:
        query = query.where(_of.is_read == 0)
    if after:
        query = query.where(older(_of.entry_time, _of.entry_id, after))
    rows = (await connection.execute(query)).all()
    kept = tuple(
        Entry(row.entry_id, moment(row.entry_time), bool(row.is_read), from_document(row.document))
        for row in rows[:limit]
    )
    more = len(rows) > limit and kept
    return Page(kept, Position(micros(kept[-1].time), kept[-1].entry_id) if more else None)


async def unread_count(connection: Transaction, user: str) -> int:
    """How many are unread, up to MAX_UNREAD."""
    some = select(_of.entry_id).where(_of.recipient == user, _of.is_read == 0).limit(MAX_UNREAD).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar() or 0)


async def states(connection: Transaction, users: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many entries each of these users has not read, and the time of the newest, in microseconds since 1970."""
    unread = func.sum(case((_of.is_read == 0, 1), else_=0))
    query = (
        select(_of.recipient, unread, func.max(_of.entry_time)).where(_of.recipient.in_(users)).group_by(_of.recipient)
    )
    return {user: (int(count), int(newest)) for user, count, newest in (await connection.execute(query)).all()}


async def mark(transaction: Transaction, user: str, ids: Sequence[str], *, is_read: bool = True) -> int:
    """Mark some of a user's own as read, or not; how many changed."""
    query = update(notification_inbox).where(
        _of.recipient == user, _of.entry_id.in_(ids), _of.is_read == int(not is_read)
    )
    return (await transaction.execute(query.values(is_read=int(is_read)))).rowcount


async def mark_all(transaction: Transaction, user: str, before: datetime) -> int:
    """Mark all that came until then as read; how many changed."""
    query = update(notification_inbox).where(_of.recipient == user, _of.is_read == 0, _of.entry_time <= micros(before))
    return (await transaction.execute(query.values(is_read=1))).rowcount


async def prune(transaction: Transaction, before: datetime, limit: int) -> int:
    """Remove what is old, some at a time; how many."""
    found = (
        (await transaction.execute(select(_of.entry_id).where(_of.entry_time < micros(before)).limit(limit)))
        .scalars()
        .all()
    )
    if found:
        await transaction.execute(delete(notification_inbox).where(_of.entry_id.in_(found)))
    return len(found)


async def since(connection: Transaction, users: Sequence[str], begin: datetime, limit: int) -> list[tuple[str, Entry]]:
    """What came to these users' inboxes since then, oldest first, with whose it is."""
    query = (
        select(notification_inbox)
        .where(_of.recipient.in_(users), _of.entry_time > micros(begin))
        .order_by(_of.entry_time, _of.entry_id)
        .limit(limit)
    )
    return [
        (row.recipient, Entry(row.entry_id, moment(row.entry_time), bool(row.is_read), from_document(row.document)))
        for row in await connection.execute(query)
    ]
