"""Channels and what went through them: states, tests, dead letters."""

import asyncio
from datetime import datetime
from pathlib import Path

import structlog

from asynctask.adapters.archive import messages, notifyrules, outbox
from asynctask.adapters.archive.outbox import StoredMessage
from asynctask.adapters.notify import config as files
from asynctask.adapters.notify.config import BadConfig, Config
from asynctask.core.notifications.events import Event, Kind, News
from asynctask.core.notifications.people import Target
from asynctask.core.notifications.wording import Reader, headline
from asynctask.gateway.front import cursors, onces
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.notifications.common import NotDead, reading, writing
from asynctask.gateway.front.notifications.models import (
    Changed,
    Channels,
    ChannelState,
    Deliveries,
    Delivery,
    DeliveryQuery,
    Redelivery,
    Test,
)
from asynctask.gateway.front.notifications.rulebooks import RESOURCE
from asynctask.gateway.front.problems import InvalidField, NotFound

log = structlog.get_logger("api")
ADDRESSED = {"smtp": "mail", "sms": "sms"}
MAX_TITLES = 20


async def channels(call: Call) -> Channels:
    """All of them; how they fare is for administrators."""
    config = await _config(call)
    fares = {}
    if await call.may("list", RESOURCE, ""):
        async with reading(call) as connection:
            fares = await notifyrules.channels(connection)
    return Channels(
        items=[
            ChannelState(
                name=channel.name,
                kind=channel.kind,
                by_default=getattr(channel, "by_default", False),
                breaker=fares.get(channel.name, {}).get("breaker"),
                last_error=fares.get(channel.name, {}).get("lastError") or None,
                last_sent_time=_time(fares.get(channel.name, {}).get("lastSent")),
            )
            for channel in config.channels
        ]
    )


async def test(call: Call) -> Delivery:
    """Send a test, by the way that all messages go."""
    await call.authorize("create", RESOURCE, "")
    body: Test = call.body or Test()
    config = await _config(call)
    channel = next((each for each in config.channels if each.name == call.path["channel"]), None)
    if channel is None:
        raise NotFound
    kind, _, address = (body.to or "").partition(":")
    wanted = ADDRESSED.get(channel.kind, "")
    if kind != wanted:
        problem = f"give {wanted}:…" if wanted else "this channel has but one recipient"
        raise InvalidField.of("to", "InvalidValue", problem=problem)
    now, id_ = call.desk.now(), onces.new_id(call)
    event = Event(f"test/{id_}", Kind.TEST, now, "", id_, channel.name, initiator=call.caller.name)
    target = Target(channel.name, address, call.language, config.time_zone, 0, 1000, "test")
    async with writing(call) as transaction:
        await outbox.note(transaction, [News((event,))], now)
        await outbox.mark_events(transaction, [event.id], outbox.TOLD)
        stored = await outbox.find(transaction, await messages.enqueue(transaction, event, target, now))
    call.audit("test", namespace="", kind="NotificationChannel", name=channel.name)
    if stored is None:
        raise NotFound
    return _delivery(stored)


async def page(call: Call) -> Deliveries:
    """A page of messages in a state."""
    await call.authorize("list", RESOURCE, "")
    query: DeliveryQuery = call.query
    after = cursors.read(query.cursor)
    async with reading(call) as connection:
        found = await outbox.page(connection, state=query.state, limit=query.limit, after=after)
    return Deliveries(items=[_delivery(each) for each in found.rows], next_cursor=cursors.written(found.next))


async def get(call: Call) -> Delivery:
    """One message, and what it tells of."""
    await call.authorize("get", RESOURCE, "")
    async with reading(call) as connection:
        stored = await outbox.find(connection, call.path["message_id"])
        if stored is None:
            raise NotFound
        events = await outbox.events_of(connection, stored.message_id)
    reader = Reader(call.language)
    return _delivery(stored).model_copy(update={"titles": [headline(each, reader) for each in events[:MAX_TITLES]]})


async def again(call: Call) -> Delivery:
    """Try a dead message once more from the beginning."""
    await call.authorize("update", RESOURCE, "")
    message_id = call.path["message_id"]
    async with writing(call) as transaction:
        if await outbox.find(transaction, message_id) is None:
            raise NotFound
        if not await outbox.send_again(transaction, [message_id], call.desk.now()):
            raise NotDead
        stored = await outbox.find(transaction, message_id)
    if stored is None:
        raise NotFound
    call.audit("redeliver", namespace="", kind="NotificationDelivery", name=stored.channel, uid=message_id)
    return _delivery(stored)


async def all_again(call: Call) -> Changed:
    """The same of many; those that are not dead are passed over."""
    await call.authorize("update", RESOURCE, "")
    body: Redelivery = call.body
    async with writing(call) as transaction:
        changed = await outbox.send_again(transaction, body.ids, call.desk.now())
    call.audit("redeliver", namespace="", kind="NotificationDelivery", name="", after={"ids": list(body.ids)})
    return Changed(changed=changed)


async def _config(call: Call) -> Config:
    """The file as this gateway has it mounted. One that can't be used has no channels; the notifier's log says why."""
    file = call.desk.settings.notifications_file
    if not file:
        return Config()
    try:
        return await asyncio.to_thread(lambda: files.parse(files.read(Path(file))))
    except BadConfig as error:
        log.warning("the notifications' file can't be used", error=str(error))
        return Config()


def _delivery(stored: StoredMessage) -> Delivery:
    return Delivery(
        id=stored.message_id,
        channel=stored.channel,
        recipient=stored.address,
        state=stored.state,
        events=stored.event_count,
        attempts=stored.attempts,
        create_time=stored.created,
        next_time=stored.next if stored.state == "pending" else None,
        end_time=stored.ended,
        error_class=stored.error_class or None,
        error=stored.error or None,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
