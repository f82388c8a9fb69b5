"""What comes into inboxes is passed on to who follows, whenever it comes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from asynctask.adapters.archive import Archive, Transaction, inbox
from asynctask.core.notifications.events import Event, Kind
from asynctask.gateway.notifier.inboxfeed import InboxFeed


class Streams:
    """One user who follows, and what was said to them."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def notify(self, user: str, data: dict[str, Any]) -> None:
        assert user == "li"
        self.said.append(data)

    def followed(self, kind: str) -> list[str]:
        assert kind == "notifications"
        return ["li"]


def now() -> datetime:
    return datetime.now(UTC)


async def deliver(archive: Archive, number: int) -> None:
    event = Event(f"e{number}", Kind.FAILED, now(), "nas", f"u{number}", f"task-{number}", task_id=f"u{number}")
    async with archive.begin() as transaction:
        await inbox.deliver(transaction, [("li", event)], now())


@pytest.mark.parametrize("moment", ["_tell_count", "_pass_on"])
async def test_what_comes_right_after_either_half_of_the_first_look_is_not_lost(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    streams = Streams()
    feed = InboxFeed(archive, streams, now)
    half = getattr(feed, moment)

    async def and_then(connection: Transaction, *given: Any) -> None:
        await half(connection, *given)
        await deliver(archive, 1)

    with monkeypatch.context() as patched:
        patched.setattr(feed, moment, and_then)
        await feed.look()
    await feed.look()
    await feed.look()
    assert [said["entry"]["name"] for said in streams.said if "entry" in said] == ["task-1"]
    assert streams.said[-1] == {"unread": 1}
