"""A notifier at work, and ways to make something happen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import yaml
from support.sinks import Inlet

from asynctask.adapters.archive import Archive, notifyrules, outbox
from asynctask.adapters.archive.notifyrules import StoredRule
from asynctask.core.notifications.delivery import Breaker, Patience
from asynctask.core.notifications.events import Event, Kind, News
from asynctask.core.notifications.rules import Rule
from asynctask.gateway.metrics import Metrics
from asynctask.gateway.notifier.lanes import Pace
from asynctask.gateway.notifier.notifier import Notifier, Rhythm

PATIENCE = Patience(first_pause=timedelta(seconds=0.05), longest_pause=timedelta(seconds=0.2))
PACE = Pace(
    poll=0.05, retry_archive=0.05, retry_archive_longest=0.2, patience=PATIENCE, breaker=Breaker(pause=0.3, longest=1)
)
RHYTHM = Rhythm(tell=0.05, config=0.05, tidy=0.1, lanes=PACE)
QUIET = {"builtInRules": False}


@dataclass
class Desk:
    """A notifier, what it rests on and whom it told."""

    archive: Archive
    file: Path
    metrics: Metrics
    notifier: Notifier
    told: list[str] = field(default_factory=list)
    number: int = 0
    rules: int = 0

    async def happen(self, *events: Event) -> None:
        """These events."""
        async with self.archive.begin() as transaction:
            await outbox.note(transaction, [News(events)], datetime.now(UTC))
        self.notifier.wake()

    def event(self, kind: Kind = Kind.FAILED, **values: Any) -> Event:
        """An event of a task of its own."""
        self.number += 1
        uid = f"u{self.number}"
        given = {"id": f"task/{uid}/end/1", "time": datetime.now(UTC), "namespace": "nas", "subject": uid, "name": f"task-{self.number}",
                 "task_id": uid, "series": f"series/{uid}", "initiator": "li"}  # fmt: skip
        return Event(kind=kind, **{**given, **values})

    async def rule(self, *to: str, owner: str = "", namespace: str = "", **rule: Any) -> None:
        """A rule; each event at once unless it says otherwise."""
        self.rules += 1
        document = Rule.model_validate({"to": to, "groupSeconds": 0, **rule})
        now = datetime.now(UTC)
        stored = StoredRule(f"rule-{self.rules}", owner, namespace, "r", 1, document, "admin", now, now)
        async with self.archive.begin() as transaction:
            await notifyrules.add(transaction, stored)

    async def person(self, name: str, **document: Any) -> None:
        """How a user is reached."""
        async with self.archive.begin() as transaction:
            await notifyrules.keep_person(transaction, name, document, datetime.now(UTC))

    def configure(self, *channels: dict[str, Any], **config: Any) -> None:
        """Write the file."""
        new = self.file.with_suffix(".new")
        new.write_text(yaml.safe_dump({"channels": list(channels), **QUIET, **config}))
        new.replace(self.file)

    async def in_state(self, state: str) -> int:
        """Messages in a state."""
        async with self.archive.read() as connection:
            return len((await outbox.page(connection, state=state)).rows)

    async def settled(self) -> bool:
        """Whether nothing is on its way."""
        async with self.archive.read() as connection:
            waits = await outbox.due_events(connection, datetime.now(UTC), 1)
            return not waits and not any(state != "dead" for _, state in await outbox.counts(connection))


def mail(port: int, **more: Any) -> dict[str, Any]:
    """A channel of mail."""
    return {
        "name": "mail",
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "a@example.com",
        "maxPerMinute": 6000,
        **more,
    }


def hook(inlet: Inlet, name: str = "hook", **more: Any) -> dict[str, Any]:
    """A channel of a program."""
    return {
        "name": name,
        "kind": "webhook",
        "url": inlet.url,
        "allowedNetworks": ["127.0.0.0/8"],
        "maxPerMinute": 6000,
        **more,
    }


async def eventually(check: Callable[[], Any], seconds: float = 20) -> None:
    """Until it holds."""
    deadline = monotonic() + seconds
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.02)


async def all_may_see(_: StoredRule, __: str) -> bool:
    """Nothing is hidden."""
    return True


@asynccontextmanager
async def desk_on(
    archive: Archive,
    directory: Path,
    *channels: dict[str, Any],
    rhythm: Rhythm = RHYTHM,
    may_see: Any = all_may_see,
    **config: Any,
) -> AsyncIterator[Desk]:
    """A notifier that runs."""
    metrics, told = Metrics(), list[str]()

    async def delivered(users: frozenset[str]) -> None:
        told.extend(sorted(users))

    file = directory / "notifications.yaml"
    notifier = Notifier(archive, file, metrics, may_see, delivered=delivered, rhythm=rhythm)
    desk = Desk(archive, file, metrics, notifier, told)
    desk.configure(*channels, **config)
    async with archive.begin() as transaction:
        await notifyrules.begun(transaction, datetime.now(UTC) - timedelta(days=1))
    work = asyncio.create_task(notifier.run())
    try:
        yield desk
    finally:
        work.cancel()
        await asyncio.wait([work])
