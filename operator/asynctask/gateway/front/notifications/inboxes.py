"""The caller's own: inbox, unread count, how to be reached."""

from typing import Any
from zoneinfo import ZoneInfo

from asynctask.adapters.archive import Transaction, inbox, notifyrules
from asynctask.api import names
from asynctask.core.notifications.rules import is_mail
from asynctask.core.notifications.wording import Reader, headline, sentence
from asynctask.gateway.front import cursors
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.notifications.common import reading, writing
from asynctask.gateway.front.notifications.models import (
    Changed,
    Contact,
    Inbox,
    InboxEntry,
    InboxQuery,
    KnownContact,
    Marking,
    Unread,
)
from asynctask.gateway.front.problems import InvalidField

MAIL_CLAIMS = ("email", names.EXTRA_MAIL)


async def page(call: Call) -> Inbox:
    """A page."""
    query: InboxQuery = call.query
    after = cursors.read(query.cursor)
    async with reading(call) as connection:
        found = await inbox.page(connection, call.caller.name, unread=query.unread, limit=query.limit, after=after)
        zone = str((await _known(connection, call)).get("timeZone") or "UTC")
    reader = Reader(call.language, zone)
    return Inbox(items=[_entry(each, reader) for each in found.rows], next_cursor=cursors.written(found.next))


async def unread(call: Call) -> Unread:
    """How many are unread. Asked by every page of a web centre, so the mail address of a sign-in is noted here."""
    async with reading(call) as connection:
        count = await inbox.unread_count(connection, call.caller.name)
        known = await _known(connection, call)
    claimed = _claimed(call)
    if claimed and known.get("claimedMail") != claimed:
        async with writing(call) as transaction:
            document = {**await _known(transaction, call), "claimedMail": claimed}
            await notifyrules.keep_person(transaction, call.caller.name, document, call.desk.now())
    return Unread(unread=count, is_more=count >= inbox.MAX_UNREAD)


async def mark(call: Call) -> Changed:
    """Mark as read."""
    body: Marking = call.body
    if bool(body.ids) == (body.until is not None):
        raise InvalidField.of("ids", "InvalidValue", problem="give either ids or until")
    if body.until is not None and (body.until.tzinfo is None or not body.is_read):
        raise InvalidField.of("until", "InvalidTime" if body.is_read else "InvalidValue", problem="only with isRead")
    async with writing(call) as transaction:
        if body.until is not None:
            changed = await inbox.mark_all(transaction, call.caller.name, body.until)
        else:
            changed = await inbox.mark(transaction, call.caller.name, body.ids, is_read=body.is_read)
    return Changed(changed=changed)


async def contact(call: Call) -> KnownContact:
    """How the caller is reached."""
    async with reading(call) as connection:
        known = await _known(connection, call)
    return _contact(known, _claimed(call))


async def keep_contact(call: Call) -> KnownContact:
    """Change it."""
    body: Contact = call.body
    if body.time_zone:
        try:
            ZoneInfo(body.time_zone)
        except (ValueError, OSError, LookupError):
            raise InvalidField.of("timeZone", "InvalidValue", problem="not a time zone of the IANA database") from None
    async with writing(call) as transaction:
        known = await _known(transaction, call)
        kept = {key: value for key, value in known.items() if key == "claimedMail"}
        document = body.model_dump(mode="json", by_alias=True, exclude_defaults=True) | kept
        await notifyrules.keep_person(transaction, call.caller.name, document, call.desk.now())
    return _contact(document, _claimed(call))


async def _known(connection: Transaction, call: Call) -> dict[str, Any]:
    return (await notifyrules.people(connection, [call.caller.name])).get(call.caller.name, {})


def _claimed(call: Call) -> str:
    """The mail address that an identity provider vouches for."""
    for claim in MAIL_CLAIMS:
        for value in call.caller.extra.get(claim, ()):
            if is_mail(value):
                return value
    return ""


def _contact(known: dict[str, Any], claimed: str) -> KnownContact:
    return KnownContact(
        mail=known.get("mail", ""),
        phone=known.get("phone", ""),
        language=known.get("language"),
        time_zone=known.get("timeZone", ""),
        muted=tuple(known.get("muted", ())),
        sign_in_mail=claimed or known.get("claimedMail"),
    )


def _entry(entry: inbox.Entry, reader: Reader) -> InboxEntry:
    event = entry.event
    return InboxEntry(
        id=entry.entry_id,
        time=entry.time,
        is_read=entry.is_read,
        kind=event.headline,
        title=headline(event, reader),
        text=sentence(event, reader),
        namespace=event.namespace,
        name=event.name,
        task_id=event.task_id or None,
        task_type=event.task_type or None,
        priority=event.priority or None,
        schedule=event.schedule or None,
        params=dict(event.params),
    )
