"""From events to messages: each event joins a message that still waits for company, or begins a new one."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.archive.tables.notifications import (
    notification_items,
    notification_messages,
    notification_series,
)
from asynctask.adapters.archive.upserts import insert_new, upsert
from asynctask.core.notifications.events import Event, Kind, topic
from asynctask.core.notifications.people import Target

SPACE = uuid.UUID("6f1c9f4e-27a6-5d5c-9a8e-52e0a5e2b0aa")
"""Of ids made from what they stand for."""
MAX_IN_MESSAGE = 10_000
_of = notification_messages.c


@dataclass(slots=True)
class _Letter:
    """A message that events of this batch go into."""

    message_id: str
    row: dict[str, Any] | None
    """Of a new one."""
    joined: int = 0


async def address(transaction: Transaction, told: Sequence[tuple[Event, Sequence[Target]]], now: datetime) -> int:
    """Put events into messages to their targets, each event to each once; how many messages are new."""
    known = await _known(transaction, told)
    letters: dict[tuple[str, ...], _Letter] = {}
    new: list[_Letter] = []
    items: list[dict[str, Any]] = []
    for event, targets in told:
        for target in targets:
            recipient = _recipient(target)
            if (event.id, recipient) in known:
                continue
            known.add((event.id, recipient))
            key = (target.channel, target.address, target.language, target.time_zone, topic(event.kind))
            letter = letters.get(key) if target.group_seconds else None
            if letter is None and target.group_seconds:
                letter = await _waiting(transaction, key)
            if letter is None:
                letter = _Letter(_id(event, recipient), _row(_id(event, recipient), event, target, now))
                new.append(letter)
            if target.group_seconds:
                letters[key] = letter
            letter.joined += 1
            items.append({"event_id": event.id, "recipient": recipient, "message_id": letter.message_id})
            if letter.row is not None:
                letter.row["event_count"] = letter.joined
    await insert_new(transaction, notification_messages, [letter.row for letter in new if letter.row])
    for letter in letters.values():
        if letter.row is None and letter.joined:
            mine = update(notification_messages).where(_of.message_id == letter.message_id)
            await transaction.execute(mine.values(event_count=_of.event_count + letter.joined))
    await insert_new(transaction, notification_items, items)
    return len(new)


async def enqueue(transaction: Transaction, event: Event, target: Target, now: datetime) -> str:
    """One message of its own, such as a test; its id. The event must be noted as well, or there is nothing to tell."""
    message_id = _id(event, _recipient(target))
    await insert_new(transaction, notification_messages, [_row(message_id, event, target, now)])
    item = {"event_id": event.id, "recipient": _recipient(target), "message_id": message_id}
    await insert_new(transaction, notification_items, [item])
    return message_id


async def series(transaction: Transaction, names: Iterable[str]) -> dict[str, tuple[Kind, int]]:
    """How series stood: kind of their newest end, and its time."""
    of = notification_series.c
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = await transaction.execute(select(notification_series).where(of.series.in_(wanted)))
    return {row.series: (Kind(row.kind), row.event_time) for row in rows}


async def keep_series(transaction: Transaction, stand: dict[str, tuple[Kind, int]]) -> None:
    """How series stand now. A late one that is older changes nothing."""
    rows = [{"series": name, "kind": str(kind), "event_time": time} for name, (kind, time) in stand.items()]
    await upsert(transaction, notification_series, rows, newer="event_time")


async def _known(transaction: Transaction, told: Sequence[tuple[Event, Sequence[Target]]]) -> set[tuple[str, str]]:
    of = notification_items.c
    ids = [event.id for event, targets in told if targets]
    if not ids:
        return set()
    rows = await transaction.execute(select(of.event_id, of.recipient).where(of.event_id.in_(ids)))
    return {(row.event_id, row.recipient) for row in rows}


async def _waiting(transaction: Transaction, key: tuple[str, ...]) -> _Letter | None:
    """The message that still waits for company. Touched first, so that no sender takes it before we have joined it."""
    channel, to, language, zone, subject = key
    query = select(_of.message_id).where(
        _of.channel == channel,
        _of.address == to,
        _of.is_open == 1,
        _of.state == "pending",
        _of.language == language,
        _of.time_zone == zone,
        _of.topic == subject,
        _of.event_count < MAX_IN_MESSAGE,
    )
    found = (await transaction.execute(query.limit(1))).scalar()
    if found is None:
        return None
    touch = update(notification_messages).where(_of.message_id == found, _of.state == "pending", _of.is_open == 1)
    if not (await transaction.execute(touch.values(event_count=_of.event_count + 0))).rowcount:
        return None
    return _Letter(found, None)


def _row(message_id: str, event: Event, target: Target, now: datetime) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "channel": target.channel,
        "address": target.address,
        "language": target.language,
        "time_zone": target.time_zone,
        "topic": topic(event.kind),
        "rule": target.rule,
        "state": "pending",
        "is_open": int(target.group_seconds > 0),
        "event_count": 1,
        "max_per_hour": target.max_per_hour,
        "attempts": 0,
        "created_time": micros(now),
        "queued_time": micros(now),
        "next_time": micros(now + timedelta(seconds=target.group_seconds)),
        "ended_time": None,
        "error_class": "",
        "error": "",
    }


def _recipient(target: Target) -> str:
    return hashlib.sha256(f"{target.channel}\n{target.address}".encode()).hexdigest()


def _id(event: Event, recipient: str) -> str:
    return str(uuid.uuid5(SPACE, f"{event.id}\n{recipient}"))
