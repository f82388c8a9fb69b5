"""What comes into inboxes, on the event streams of those who follow theirs. Each gateway looks for its own followers.

Only the leader tells, and streams are with any gateway, so the database is asked: for all followers at once, and not at
all while nobody follows. Streams that begin are told how many are unread.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, Transaction, inbox
from asynctask.core.notifications.wording import Reader, headline
from asynctask.texts import LANGUAGES

log = structlog.get_logger("notifier")
LOOK_SECONDS = 2.0
OVERLAP = timedelta(seconds=15)
"""Entries bear the time at which telling began; they are seen when it was committed."""
USERS_AT_ONCE = 200
ENTRIES_AT_ONCE = 500
REMEMBERED = 20_000


class Streams(Protocol):
    """What is needed of the hub of event streams."""

    def notify(self, user: str, data: dict[str, Any]) -> None:
        """Something for one user."""

    def followed(self, kind: str) -> list[str]:
        """Who follows."""


class InboxFeed:
    """Looks, and passes on what is new."""

    def __init__(self, archive: Archive, streams: Streams, now: Callable[[], datetime]) -> None:
        self._archive, self._streams, self._now = archive, streams, now
        self._following: frozenset[str] = frozenset()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._looked = now()

    async def run(self) -> None:
        """Look, for ever."""
        await self._archive.ready()
        while True:
            try:
                await self.look()
            except ArchiveError as error:
                log.info("inboxes can't be looked into", error=str(error))
            except Exception:
                log.exception("looking into inboxes failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Pass on what came since the last look."""
        users = frozenset(self._streams.followed("notifications"))
        begun, since = self._now(), self._looked - OVERLAP
        if users:
            async with self._archive.read() as connection:
                ordered = sorted(users)
                for start in range(0, len(ordered), USERS_AT_ONCE):
                    await self._pass_on(connection, ordered[start : start + USERS_AT_ONCE], since)
                for user in users - self._following:  # afterwards: what came in between is in the count, or passed on
                    await self._tell_count(connection, user)
        self._following, self._looked = users, begun

    async def _pass_on(self, connection: Transaction, users: list[str], since: datetime) -> None:
        told = set()
        for user, entry in await inbox.since(connection, users, since, ENTRIES_AT_ONCE):
            if entry.entry_id in self._seen:
                continue
            self._seen[entry.entry_id] = None
            if user in self._following:  # who has just come was told the count, and lists the rest
                self._streams.notify(user, {"entry": _described(entry)})
            told.add(user)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        for user in told & self._following:
            await self._tell_count(connection, user)

    async def _tell_count(self, connection: Transaction, user: str) -> None:
        self._streams.notify(user, {"unread": await inbox.unread_count(connection, user)})


def _described(entry: inbox.Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "id": entry.entry_id,
        "time": entry.time.isoformat(),
        "kind": str(event.headline),
        "namespace": event.namespace,
        "name": event.name,
        "taskId": event.task_id,
        "title": {language: headline(event, Reader(language)) for language in LANGUAGES},
    }
