"""Tells users who follow their notifications that there are new ones: whichever gateway wrote them, SQL has them."""

import asyncio

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, inbox
from asynctask.adapters.archive.tables.columns import moment
from asynctask.core.times import stamp
from asynctask.gateway.front.stream.hub import Hub

PERIOD_SECONDS = 3.0
AT_ONCE = 200

log = structlog.get_logger("stream")


async def feed(hub: Hub, archive: Archive) -> None:
    """Look now and then, for ever: one query for all users who follow."""
    known: dict[str, tuple[int, int]] = {}
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        users = hub.followed("notifications")
        known = {user: state for user, state in known.items() if user in users}
        for start in range(0, len(users), AT_ONCE):
            some = users[start : start + AT_ONCE]
            try:
                async with archive.read() as connection:
                    states = await inbox.states(connection, some)
            except ArchiveError as error:
                log.info("inboxes can't be read", error=str(error)[:200])
                continue
            for user in some:
                state = states.get(user, (0, 0))
                if known.get(user) != state or user in hub.newcomers:
                    hub.newcomers.discard(user)
                    known[user] = state
                    newest = {"newest": stamp(moment(state[1]))} if state[1] else {}
                    hub.notify(user, {"unread": state[0], **newest})
