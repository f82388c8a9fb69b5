"""Events, outbox and inbox in each database: written once, grouped, taken by one, taken back, given up, pruned."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asynctask.adapters.archive import Archive, inbox, messages, notifyrules, outbox
from asynctask.adapters.archive.notifyrules import StoredRule
from asynctask.core.notifications.events import Event, Kind, News
from asynctask.core.notifications.people import Target
from asynctask.core.notifications.rules import Rule

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def event(number: int = 1, kind: Kind = Kind.FAILED, **values: object) -> Event:
    given = {
        "id": f"task/u{number}/end/1",
        "time": NOON,
        "namespace": "nas",
        "subject": f"u{number}",
        "name": f"task-{number}",
    }
    return Event(kind=kind, **{**given, **values})  # type: ignore[arg-type]


def to(address: str = "li@example.com", channel: str = "mail", group: int = 60, **values: object) -> Target:
    given = {"language": "en", "time_zone": "UTC", "max_per_hour": 30, "rule": "rule/1"}
    return Target(channel=channel, address=address, group_seconds=group, **{**given, **values})  # type: ignore[arg-type]


async def addressed(archive: Archive, events: list[Event], *targets: Target, now: datetime = NOON) -> int:
    async with archive.begin() as transaction:
        await outbox.note(transaction, [News(tuple(events))], now)
        return await messages.address(transaction, [(each, targets) for each in events], now)


async def claimed(
    archive: Archive, now: datetime = NOON + MINUTE, channel: str = "mail", limit: int = 10
) -> list[outbox.StoredMessage]:
    async with archive.begin() as transaction:
        return await outbox.claim(transaction, channel, now, limit, 60)


async def states(archive: Archive) -> dict[tuple[str, str], int]:
    async with archive.read() as connection:
        return dict(await outbox.counts(connection))


async def test_what_is_noted_twice_is_one_event_and_comes_back_as_it_was(archive: Archive) -> None:
    one = event(params={"message": "磁盘 💾"}, notify=({"on": ["Failed"], "to": ["initiator"]},))
    for _ in range(2):
        async with archive.begin() as transaction:
            await outbox.note(transaction, [News((one, one))], NOON)
    async with archive.read() as connection:
        assert await outbox.due_events(connection, NOON, 10) == [one]


async def test_events_of_a_transaction_that_fails_are_not_there(archive: Archive) -> None:
    async def fail() -> None:
        async with archive.begin() as transaction:
            await outbox.note(transaction, [News((event(),))], NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with archive.read() as connection:
        assert await outbox.due_events(connection, NOON, 10) == []


async def test_what_is_due_later_waits_and_what_was_settled_is_dropped(archive: Archive) -> None:
    later = event(1, Kind.REVIEW_EXPIRING, due=NOON + MINUTE)
    async with archive.begin() as transaction:
        await outbox.note(transaction, [News((later, event(2)))], NOON)
    async with archive.read() as connection:
        assert [each.name for each in await outbox.due_events(connection, NOON, 10)] == ["task-2"]
        assert [each.name for each in await outbox.due_events(connection, NOON + MINUTE, 10)] == ["task-2", "task-1"]
    async with archive.begin() as transaction:
        await outbox.note(transaction, [News(settled=(later.id, "stage/none/wanted"))], NOON)
        await outbox.note(transaction, [News((later,))], NOON)  # a late look brings nothing back
    async with archive.read() as connection:
        assert [each.name for each in await outbox.due_events(connection, NOON + MINUTE, 10)] == ["task-2"]


async def test_what_happens_close_together_goes_in_one_message(archive: Archive) -> None:
    assert await addressed(archive, [event(n) for n in range(5)], to()) == 1
    assert await addressed(archive, [event(n) for n in range(5, 12)], to(), now=NOON + MINUTE / 2) == 0
    assert await claimed(archive, NOON + MINUTE / 2) == []
    (message,) = await claimed(archive)
    async with archive.read() as connection:
        events = await outbox.events_of(connection, message.message_id)
    assert len(events) == 12
    async with archive.read() as connection:
        stored = await outbox.find(connection, message.message_id)
    assert stored is not None
    assert stored.event_count == 12


async def test_other_recipients_channels_languages_and_topics_get_their_own(archive: Archive) -> None:
    targets = (to(), to("an@example.com"), to(channel="mail2"), to(language="zh", address="bo@example.com"))
    assert await addressed(archive, [event(1), event(2)], *targets) == 4
    assert await addressed(archive, [event(3, Kind.REVIEW_WANTED)], to()) == 1


async def test_the_same_event_reaches_a_recipient_once_whatever_happens(archive: Archive) -> None:
    assert await addressed(archive, [event()], to()) == 1
    assert await addressed(archive, [event()], to(group=0)) == 0
    (message,) = await claimed(archive)
    async with archive.begin() as transaction:
        await outbox.sent(transaction, message.message_id, NOON)
    assert await addressed(archive, [event()], to()) == 0


async def test_programs_get_one_each(archive: Archive) -> None:
    assert await addressed(archive, [event(1), event(2)], to("", "hook", group=0)) == 2


async def test_nothing_joins_a_message_that_was_taken(archive: Archive) -> None:
    await addressed(archive, [event(1)], to())
    (first,) = await claimed(archive)
    assert await addressed(archive, [event(2)], to(), now=NOON + MINUTE) == 1
    async with archive.read() as connection:
        assert len(await outbox.events_of(connection, first.message_id)) == 1


async def test_a_message_is_taken_by_one(archive: Archive) -> None:
    await addressed(archive, [event(n) for n in range(20)], to("", "hook", group=0))
    rounds = await asyncio.gather(*(claimed(archive, NOON, "hook", 20) for _ in range(4)))
    taken = [message.message_id for round_ in rounds for message in round_]
    assert len(taken) == len(set(taken)) == 20


async def test_what_a_sender_that_died_had_taken_is_taken_again_under_its_id(archive: Archive) -> None:
    await addressed(archive, [event()], to())
    (first,) = await claimed(archive)
    async with archive.begin() as transaction:
        assert await outbox.take_back(transaction, NOON + MINUTE, ()) == 0  # it may still be at it
        assert await outbox.take_back(transaction, NOON + 3 * MINUTE, (first.message_id,)) == 0
        assert await outbox.take_back(transaction, NOON + 3 * MINUTE, ()) == 1
    (again,) = await claimed(archive, NOON + 3 * MINUTE)
    assert (again.message_id, again.attempts) == (first.message_id, 2)


async def test_a_message_ends_sent_or_dead_and_a_dead_one_can_be_sent_again(archive: Archive) -> None:
    await addressed(archive, [event(1), event(2)], to("", "hook", group=0))
    one, two = await claimed(archive, NOON, "hook")
    async with archive.begin() as transaction:
        await outbox.sent(transaction, one.message_id, NOON)
        await outbox.failed(transaction, two.message_id, "dead", NOON, "permanent", "no such hook")
        await outbox.failed(transaction, one.message_id, "pending", NOON, "transient", "late word of a ghost")
    assert await states(archive) == {("hook", "dead"): 1}
    async with archive.read() as connection:
        (dead,) = (await outbox.page(connection, state="dead")).rows
    assert (dead.error_class, dead.error, dead.attempts) == ("permanent", "no such hook", 1)
    async with archive.begin() as transaction:
        assert await outbox.send_again(transaction, [one.message_id, two.message_id], NOON + MINUTE) == 1
    (again,) = await claimed(archive, NOON + MINUTE, "hook")
    assert (again.message_id, again.attempts) == (two.message_id, 1)


async def test_a_message_put_off_does_not_count_as_tried_and_others_join_it(archive: Archive) -> None:
    await addressed(archive, [event(1)], to())
    (message,) = await claimed(archive)
    async with archive.begin() as transaction:
        await outbox.put_off(transaction, message.message_id, NOON + 5 * MINUTE)
    assert await addressed(archive, [event(2)], to()) == 0
    (again,) = await claimed(archive, NOON + 5 * MINUTE)
    assert (again.message_id, again.attempts, again.event_count) == (message.message_id, 1, 2)


async def test_pages_of_dead_letters_go_on_where_they_ended(archive: Archive) -> None:
    for number in range(7):
        await addressed(archive, [event(number)], to("", "hook", group=0), now=NOON + number * MINUTE)
    async with archive.begin() as transaction:
        for message in await outbox.claim(transaction, "hook", NOON + 10 * MINUTE, 10, 60):
            await outbox.failed(transaction, message.message_id, "dead", NOON, "transient", "no answer")
    seen, after = [], None
    while True:
        async with archive.read() as connection:
            page = await outbox.page(connection, limit=3, after=after)
        seen += [row.created for row in page.rows]
        if (after := page.next) is None:
            break
    assert seen == [NOON + number * MINUTE for number in reversed(range(7))]


async def test_what_waits_for_ever_is_dead_and_what_is_old_goes(archive: Archive) -> None:
    await addressed(archive, [event(1)], to())
    async with archive.begin() as transaction:
        assert await outbox.expire(transaction, NOON - MINUTE, NOON, 10) == 0
        assert await outbox.expire(transaction, NOON + MINUTE, NOON + MINUTE, 10) == 1
    assert await states(archive) == {("mail", "dead"): 1}
    async with archive.begin() as transaction:
        assert await outbox.prune(transaction, NOON + 9 * MINUTE, NOON, 10) == 0
        assert await outbox.prune(transaction, NOON, NOON + 9 * MINUTE, 10) == 1
        assert await outbox.prune_events(transaction, NOON, 10) == 0
        assert await outbox.prune_events(transaction, NOON + MINUTE, 10) == 1
    assert await states(archive) == {}


async def test_series_do_not_go_backwards(archive: Archive) -> None:
    async with archive.begin() as transaction:
        await messages.keep_series(transaction, {"s": (Kind.FAILED, 20)})
        await messages.keep_series(transaction, {"s": (Kind.SUCCEEDED, 10)})
        assert await messages.series(transaction, ["s", "t"]) == {"s": (Kind.FAILED, 20)}


async def test_an_inbox_is_its_users_alone(archive: Archive) -> None:
    async with archive.begin() as transaction:
        for _ in range(2):
            await inbox.deliver(transaction, [("li", event(1)), ("an", event(1))], NOON)
        await inbox.deliver(transaction, [("li", event(2))], NOON + MINUTE)
    async with archive.read() as connection:
        newest, oldest = (await inbox.page(connection, "li")).rows
        assert (newest.event.name, oldest.event.name) == ("task-2", "task-1")
        assert [await inbox.unread_count(connection, user) for user in ("li", "an", "nobody")] == [2, 1, 0]
    async with archive.begin() as transaction:
        assert await inbox.mark(transaction, "an", [newest.entry_id]) == 0
        assert await inbox.mark(transaction, "li", [newest.entry_id]) == 1
    async with archive.read() as connection:
        (unread,) = (await inbox.page(connection, "li", unread=True)).rows
        assert unread.event.name == "task-1"
    async with archive.begin() as transaction:
        assert await inbox.mark_all(transaction, "li", NOON) == 1
        assert await inbox.mark(transaction, "li", [oldest.entry_id], is_read=False) == 1
        assert await inbox.prune(transaction, NOON + MINUTE, 10) == 2


async def test_a_rule_is_changed_by_who_knows_its_version(archive: Archive) -> None:
    stored = StoredRule(
        "r1", "", "nas", "failures", 1, Rule(to=("mail:a@b.c",)), "admin", NOON, NOON, {"groups": ["ops"]}
    )
    async with archive.begin() as transaction:
        await notifyrules.add(transaction, stored)
        assert await notifyrules.replace(transaction, replace(stored, version=2, name="new"), expected=1)
        assert not await notifyrules.replace(transaction, replace(stored, version=2, name="late"), expected=1)
    async with archive.read() as connection:
        assert await notifyrules.all_rules(connection) == (replace(stored, version=2, name="new"),)
        assert await notifyrules.all_rules(connection, "li") == ()
    async with archive.begin() as transaction:
        assert await notifyrules.remove(transaction, "r1")
        assert not await notifyrules.remove(transaction, "r1")


async def test_notifications_begin_once(archive: Archive) -> None:
    async with archive.begin() as transaction:
        assert await notifyrules.begun(transaction, NOON) == NOON
        assert await notifyrules.begun(transaction, NOON + MINUTE) == NOON
