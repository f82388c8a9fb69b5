"""The outbox: events on their way to messages, messages on their way to people.

An event is written in the transaction that archives what it tells of (`note`). The leader's notifier turns events into
messages (`messages.py`) and sends them: a message is taken for a while (`claim`), and one whose taker died is taken
again under the same id.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.pages import Page, Position, older
from asynctask.adapters.archive.tables.columns import micros, moment
from asynctask.adapters.archive.tables.notifications import (
    notification_events,
    notification_items,
    notification_messages,
)
from asynctask.adapters.archive.tables.tasks import stage_runs, task_objects
from asynctask.adapters.archive.upserts import insert_new
from asynctask.core.notifications.documents import from_document, to_document
from asynctask.core.notifications.events import Event, News

WAITS, TOLD, DROPPED = 0, 1, 2
EVENTS_READ = 500
"""Events of one message that are read to word it; of more it says how many."""
_of = notification_messages.c


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in the outbox."""

    message_id: str
    channel: str
    address: str
    language: str
    time_zone: str
    topic: str
    rule: str
    state: str
    event_count: int
    max_per_hour: int
    attempts: int
    created: datetime
    queued: datetime
    next: datetime
    ended: datetime | None
    error_class: str
    error: str


async def note(transaction: Transaction, news: Iterable[News], now: datetime) -> int:
    """Write down what happened, in the transaction that archives it; how many events were given.

    Writing the same again does nothing. Settled events that still wait are not told any more.
    """
    rows: dict[str, dict[str, Any]] = {}
    settled: list[str] = []
    for each in news:
        settled.extend(each.settled)
        for event in each.events:
            rows[event.id] = {
                "event_id": event.id,
                "state": WAITS,
                "due_time": micros(event.due or now),
                "event_time": micros(event.time),
                "document": to_document(event),
            }
    await insert_new(transaction, notification_events, list(rows.values()))
    of = notification_events.c
    for start in range(0, len(settled), 200):
        gone = update(notification_events).where(of.event_id.in_(settled[start : start + 200]), of.state == WAITS)
        await transaction.execute(gone.values(state=DROPPED))
    return len(rows)


async def due_events(transaction: Transaction, now: datetime, limit: int) -> list[Event]:
    """Events that are to be told, oldest first."""
    of = notification_events.c
    query = (
        select(of.document)
        .where(of.state == WAITS, of.due_time <= micros(now))
        .order_by(of.due_time, of.event_id)
        .limit(limit)
    )
    return [from_document(row.document) for row in await transaction.execute(query)]


async def mark_events(transaction: Transaction, ids: Collection[str], state: int) -> None:
    """They have been told, or are not worth it."""
    of = notification_events.c
    await transaction.execute(update(notification_events).where(of.event_id.in_(ids)).values(state=state))


async def keep(transaction: Transaction, event: Event) -> None:
    """The event as it is known better now."""
    of = notification_events.c
    query = update(notification_events).where(of.event_id == event.id)
    await transaction.execute(query.values(document=to_document(event)))


async def over(transaction: Transaction, stage_ids: Collection[str]) -> frozenset[str]:
    """Those of these stages that have ended or left the cluster: nobody need decide on them any more."""
    of = stage_runs.c
    if not stage_ids:
        return frozenset()
    ended = or_(of.is_gone == 1, of.end_time.is_not(None))
    rows = await transaction.execute(select(of.stage_id).where(of.stage_id.in_(sorted(stage_ids)), ended))
    return frozenset(row.stage_id for row in rows)


async def task_object(transaction: Transaction, task_id: str) -> Mapping[str, Any] | None:
    """The task as it was last seen."""
    row = (await transaction.execute(select(task_objects.c.object).where(task_objects.c.task_id == task_id))).first()
    return row.object if row else None


async def has_due(connection: Transaction, channel: str, now: datetime) -> bool:
    """Whether a message of the channel is to be sent."""
    query = select(_of.message_id).where(_of.state == "pending", _of.channel == channel, _of.next_time <= micros(now))
    return (await connection.execute(query.limit(1))).first() is not None


async def has_lost(connection: Transaction, now: datetime) -> bool:
    """Whether a sender has not said in time what became of a message."""
    query = select(_of.message_id).where(_of.state == "sending", _of.next_time <= micros(now))
    return (await connection.execute(query.limit(1))).first() is not None


async def claim(
    transaction: Transaction, channel: str, now: datetime, limit: int, seconds: float
) -> list[StoredMessage]:
    """Take messages whose turn it is; they are ours for these seconds. Nothing joins them any more."""
    query = (
        select(notification_messages)
        .where(_of.state == "pending", _of.channel == channel, _of.next_time <= micros(now))
        .order_by(_of.next_time, _of.message_id)
        .limit(limit)
    )
    until = micros(now + timedelta(seconds=seconds))
    taken = []
    for row in (await transaction.execute(query)).all():
        mine = update(notification_messages).where(_of.message_id == row.message_id, _of.state == "pending")
        values = {"state": "sending", "is_open": 0, "attempts": _of.attempts + 1, "next_time": until}
        if (await transaction.execute(mine.values(values))).rowcount:
            taken.append(replace(_stored(row), attempts=row.attempts + 1, state="sending"))
    return taken


async def take_back(transaction: Transaction, now: datetime, held: Collection[str]) -> int:
    """Messages whose sender has gone wait again, but for those that are held here; how many."""
    lost = and_(_of.state == "sending", _of.next_time <= micros(now))
    query = update(notification_messages).where(lost)
    if held:
        query = query.where(_of.message_id.not_in(list(held)))
    return (await transaction.execute(query.values(state="pending", next_time=micros(now)))).rowcount


async def put_off(transaction: Transaction, message_id: str, until: datetime) -> None:
    """It was too early: it waits, uncounted, and more may join it."""
    mine = update(notification_messages).where(_of.message_id == message_id, _of.state == "sending")
    values = {
        "state": "pending",
        "is_open": 1,
        "attempts": _of.attempts - 1,
        "next_time": micros(until),
    }
    await transaction.execute(mine.values(values))


async def sent(transaction: Transaction, message_id: str, now: datetime) -> None:
    """It was taken by the other side."""
    await _finish(transaction, message_id, {"state": "sent", "ended_time": micros(now), "error": "", "error_class": ""})


async def failed(
    transaction: Transaction, message_id: str, state: str, next_time: datetime, error_class: str, error: str
) -> None:
    """It was not: it waits until then, or is dead."""
    values: dict[str, Any] = {"state": state, "next_time": micros(next_time)}
    values |= {"error_class": error_class, "error": error}
    if state == "dead":
        values["ended_time"] = micros(next_time)
    await _finish(transaction, message_id, values)


async def events_of(connection: Transaction, message_id: str) -> list[Event]:
    """The events that a message tells, in the order in which they happened; the first of very many."""
    events, items = notification_events.c, notification_items.c
    query = (
        select(events.document)
        .join(notification_items, items.event_id == events.event_id)
        .where(items.message_id == message_id)
        .order_by(events.event_time, events.event_id)
        .limit(EVENTS_READ)
    )
    return [from_document(row.document) for row in await connection.execute(query)]


async def page(
    connection: Transaction, *, state: str = "dead", limit: int = 50, after: Position | None = None
) -> Page[StoredMessage]:
    """A page of messages in a state, newest first."""
    query = (
        select(notification_messages)
        .where(_of.state == state)
        .order_by(_of.created_time.desc(), _of.message_id.desc())
        .limit(limit + 1)
    )
    if after:
        query = query.where(older(_of.created_time, _of.message_id, after))
    rows = (await connection.execute(query)).all()
    kept = tuple(_stored(row) for row in rows[:limit])
    more = len(rows) > limit and kept
    return Page(kept, Position(micros(kept[-1].created), kept[-1].message_id) if more else None)


async def find(connection: Transaction, message_id: str) -> StoredMessage | None:
    """One message."""
    row = (await connection.execute(select(notification_messages).where(_of.message_id == message_id))).first()
    return _stored(row) if row else None


async def send_again(transaction: Transaction, message_ids: Sequence[str], now: datetime) -> int:
    """Dead messages are tried once more from the beginning, under their old ids; how many."""
    dead = update(notification_messages).where(_of.message_id.in_(message_ids), _of.state == "dead")
    values = {
        "state": "pending",
        "attempts": 0,
        "queued_time": micros(now),
        "next_time": micros(now),
        "ended_time": None,
    }
    return (await transaction.execute(dead.values(values))).rowcount


async def counts(connection: Transaction) -> Mapping[tuple[str, str], int]:
    """How many messages are pending, being sent, or dead, by channel and state."""
    query = (
        select(_of.channel, _of.state, func.count())
        .where(_of.state.in_(("pending", "sending", "dead")))
        .group_by(_of.channel, _of.state)
    )
    return {(channel, state): count for channel, state, count in (await connection.execute(query)).all()}


async def sent_since(connection: Transaction, since: datetime, limit: int) -> list[tuple[str, str, datetime]]:
    """Channel, address and time of what was sent lately."""
    query = (
        select(_of.channel, _of.address, _of.ended_time)
        .where(_of.state == "sent", _of.ended_time >= micros(since))
        .order_by(_of.ended_time)
        .limit(limit)
    )
    return [(row.channel, row.address, moment(row.ended_time)) for row in await connection.execute(query)]


async def expire(transaction: Transaction, queued_before: datetime, now: datetime, limit: int) -> int:
    """Messages that waited too long for their channel are dead, some at a time; how many."""
    query = select(_of.message_id).where(_of.state == "pending", _of.queued_time < micros(queued_before)).limit(limit)
    found = (await transaction.execute(query)).scalars().all()
    if found:
        old = update(notification_messages).where(_of.message_id.in_(found), _of.state == "pending")
        values = {"state": "dead", "is_open": 0, "ended_time": micros(now), "error_class": "transient"}
        await transaction.execute(old.values(values | {"error": "it waited too long for its channel"}))
    return len(found)


async def prune(transaction: Transaction, sent_before: datetime, dead_before: datetime, limit: int) -> int:
    """Remove messages that ended long ago, some at a time; how many. Their events go by their own age."""
    old = or_(
        and_(_of.state == "sent", _of.ended_time < micros(sent_before)),
        and_(_of.state == "dead", _of.ended_time < micros(dead_before)),
    )
    found = (await transaction.execute(select(_of.message_id).where(old).limit(limit))).scalars().all()
    if found:
        await transaction.execute(delete(notification_items).where(notification_items.c.message_id.in_(found)))
        await transaction.execute(delete(notification_messages).where(_of.message_id.in_(found)))
    return len(found)


async def prune_events(transaction: Transaction, before: datetime, limit: int) -> int:
    """Remove events of long ago, some at a time; how many. `before` must be older than what is still told."""
    of = notification_events.c
    query = select(of.event_id).where(of.event_time < micros(before), of.due_time < micros(before)).limit(limit)
    found = (await transaction.execute(query)).scalars().all()
    if found:
        await transaction.execute(delete(notification_events).where(of.event_id.in_(found)))
    return len(found)


async def _finish(transaction: Transaction, message_id: str, values: dict[str, Any]) -> None:
    mine = update(notification_messages).where(_of.message_id == message_id, _of.state == "sending")
    await transaction.execute(mine.values(values))


def _stored(row: Any) -> StoredMessage:
    return StoredMessage(
        message_id=row.message_id,
        channel=row.channel,
        address=row.address,
        language=row.language,
        time_zone=row.time_zone,
        topic=row.topic,
        rule=row.rule,
        state=row.state,
        event_count=row.event_count,
        max_per_hour=row.max_per_hour,
        attempts=row.attempts,
        created=moment(row.created_time),
        queued=moment(row.queued_time),
        next=moment(row.next_time),
        ended=moment(row.ended_time) if row.ended_time is not None else None,
        error_class=row.error_class,
        error=row.error,
    )
