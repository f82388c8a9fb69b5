"""The notifier from event to recipient: rules, grouping, limits, retries, a channel that hangs, a database that goes away."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import yaml
from support.databases import Database, Servers
from support.patience import patient
from support.sinks import Inlet, http_server, mail_server

from asynctask.adapters.archive import Archive, inbox, notifyrules, open_archive, outbox
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
    """A notifier at work, and ways to make something happen."""

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


async def test_an_event_reaches_inbox_mail_and_program(archive: Archive, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        box, inlet = stack.enter_context(mail_server()), await stack.enter_async_context(http_server())
        desk = await stack.enter_async_context(desk_on(archive, tmp_path, mail(box.port), hook(inlet)))
        await desk.person("li", mail="li@example.com", language="zh")
        await desk.rule("initiator", "channel:hook", match={"events": ["FirstFailure"]})
        await desk.happen(desk.event())
        await eventually(lambda: box.mails and inlet.requests)
        await eventually(desk.settled)
        async with archive.read() as connection:
            assert await inbox.unread_count(connection, "li") == 1
        assert box.subjects == ["任务 task-1 首次失败"]
        assert desk.told == ["li"]
        assert await desk.in_state("sent") == 2


async def test_turns_are_told_by_what_came_before_in_the_series(archive: Archive, tmp_path: Path) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet)) as desk:
        await desk.rule("channel:hook", match={"events": ["FirstFailure", "Recovered"]})
        start = datetime.now(UTC)
        for second, kind in enumerate(
            [Kind.SUCCEEDED, Kind.FAILED, Kind.FAILED, Kind.CANCELLED, Kind.SUCCEEDED, Kind.SUCCEEDED]
        ):
            await desk.happen(desk.event(kind, series="series/s", time=start + timedelta(seconds=second)))
        await eventually(desk.settled)
        await eventually(lambda: len(inlet.requests) == 2)
        assert sorted(b"FirstFailure" in request.body for request in inlet.requests) == [False, True]


async def test_a_schedule_that_is_fresh_is_news_only_after_it_was_stale(archive: Archive, tmp_path: Path) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet)) as desk:
        await desk.rule("channel:hook")
        start = datetime.now(UTC)
        for second, kind in enumerate([Kind.SCHEDULE_FRESH, Kind.SCHEDULE_STALE, Kind.SCHEDULE_FRESH]):
            await desk.happen(
                desk.event(kind, id=f"schedule/{second}", series="freshness/c", time=start + timedelta(seconds=second))
            )
            await eventually(desk.settled)
        assert [b"ScheduleStale" in request.body for request in inlet.requests] == [True, False]


async def test_what_happened_before_there_were_notifications_is_not_told(archive: Archive, tmp_path: Path) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet), newsAgeHours=1) as desk:
        await desk.rule("channel:hook")
        await desk.happen(
            desk.event(time=datetime.now(UTC) - timedelta(days=2)),
            desk.event(time=datetime.now(UTC) - timedelta(hours=2)),
        )
        await desk.happen(desk.event(name="new"))
        await eventually(lambda: inlet.requests)
        await eventually(desk.settled)
        assert [b'"new"' in request.body for request in inlet.requests] == [True]


async def test_twelve_failures_within_a_moment_are_one_mail(archive: Archive, tmp_path: Path) -> None:
    with mail_server() as box:
        async with desk_on(archive, tmp_path, mail(box.port)) as desk:
            await desk.rule("mail:ops@example.com", groupSeconds=round(patient(1)))  # by then all have happened
            for _ in range(12):
                await desk.happen(desk.event(turn=None, series=""))
            await eventually(lambda: box.mails)
            await eventually(desk.settled)
            assert len(box.mails) == 1
            assert sum(int(part.split()[0]) for part in box.subjects[0].split(", ")) == 12


async def test_beyond_its_limit_a_recipient_hears_of_the_rest_together(archive: Archive, tmp_path: Path) -> None:
    with mail_server() as box:
        async with desk_on(archive, tmp_path, mail(box.port, concurrency=1)) as desk:
            await desk.rule("mail:ops@example.com", groupSeconds=1, maxPerHour=1)
            await desk.rule("mail:an@example.com")
            await desk.happen(desk.event())
            await eventually(lambda: len(box.mails) == 2)
            await desk.happen(desk.event())
            await eventually(lambda: len(box.mails) == 3)
            await desk.happen(desk.event(), desk.event())
            await eventually(lambda: len(box.mails) == 5)
            await asyncio.sleep(1.5)  # longer than the window: still it is not sent
            assert sorted(box.recipients) == ["an@example.com"] * 4 + ["ops@example.com"]
            async with archive.read() as connection:
                (held,) = (await outbox.page(connection, state="pending")).rows
            assert (held.address, held.event_count) == ("ops@example.com", 3)
            assert held.next - datetime.now(UTC) > timedelta(minutes=50)


async def test_a_reply_that_is_lost_means_two_posts_with_one_key(archive: Archive, tmp_path: Path) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet)) as desk:
        inlet.answers.append(0)
        await desk.rule("channel:hook")
        await desk.happen(desk.event())
        await eventually(lambda: len(inlet.requests) == 2)
        await eventually(desk.settled)
        assert len(set(inlet.ids)) == 1
        assert await desk.in_state("sent") == 1


async def test_a_recipient_that_is_none_is_dead_at_once_and_others_are_served(archive: Archive, tmp_path: Path) -> None:
    with mail_server() as box:
        box.answers = {"gone@example.com": "550 5.1.1 no such user", "full@example.com": "451 4.2.2 mailbox busy"}
        async with desk_on(archive, tmp_path, mail(box.port)) as desk:
            await desk.rule("mail:gone@example.com", "mail:full@example.com", "mail:li@example.com")
            await desk.happen(desk.event())
            await eventually(lambda: desk.in_state("dead"))
            assert box.recipients == ["li@example.com"]
            async with archive.read() as connection:
                (dead,) = (await outbox.page(connection)).rows
            assert (dead.address, dead.error_class, dead.attempts) == ("gone@example.com", "permanent", 1)
            del box.answers["full@example.com"]
            await eventually(lambda: len(box.recipients) == 2)
            await eventually(desk.settled)


async def test_a_mail_server_that_hangs_holds_up_nothing_else(archive: Archive, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        box, inlet = stack.enter_context(mail_server()), await stack.enter_async_context(http_server())
        desk = await stack.enter_async_context(
            desk_on(archive, tmp_path, mail(box.port, timeoutSeconds=200), hook(inlet))
        )
        box.hang.set()
        await desk.rule("mail:li@example.com", "channel:hook")
        for number in range(10):
            await desk.happen(desk.event())
            await eventually(lambda wanted=number + 1: len(inlet.requests) == wanted)
        assert box.mails == []
        box.hang.clear()
        await eventually(lambda: len(box.mails) == 10)
        await eventually(desk.settled)


async def test_a_channel_that_fails_is_left_in_peace_and_all_arrives_when_it_is_back(
    archive: Archive, tmp_path: Path
) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet, concurrency=2)) as desk:
        inlet.status = 500
        await desk.rule("channel:hook")
        await desk.happen(*(desk.event() for _ in range(10)))
        await eventually(
            lambda: (
                desk.metrics.registry.get_sample_value("asynctask_notification_breaker_open", {"channel": "hook"}) == 1
            )
        )
        before = len(inlet.requests)
        await asyncio.sleep(1)
        assert len(inlet.requests) - before <= 4  # probes alone, not ten messages over and over
        async with archive.read() as connection:
            assert "answered 500" in str((await notifyrules.channels(connection))["hook"]["lastError"])
        inlet.status = 200
        await eventually(desk.settled)
        assert len(set(inlet.ids)) == 10
        assert await desk.in_state("sent") == 10


async def test_a_channel_that_asks_for_time_gets_it(archive: Archive, tmp_path: Path) -> None:
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet)) as desk:
        inlet.headers, inlet.status = {"Retry-After": "1"}, 429
        await desk.rule("channel:hook")
        await desk.happen(desk.event())
        await eventually(lambda: inlet.requests)
        inlet.status, asked = 200, monotonic()
        await eventually(lambda: len(inlet.requests) == 2)
        assert monotonic() - asked > 0.7


async def test_a_message_that_is_never_taken_is_dead_and_can_be_sent_again(archive: Archive, tmp_path: Path) -> None:
    rhythm = replace(
        RHYTHM, lanes=replace(PACE, patience=replace(PATIENCE, max_attempts=3), breaker=Breaker(threshold=100))
    )
    async with http_server() as inlet, desk_on(archive, tmp_path, hook(inlet), rhythm=rhythm) as desk:
        inlet.status = 500
        await desk.rule("channel:hook")
        await desk.happen(desk.event())
        await eventually(lambda: desk.in_state("dead"))
        assert len(inlet.requests) == 3
        inlet.status = 200
        async with archive.begin() as transaction:
            (dead,) = (await outbox.page(transaction)).rows
            assert await outbox.send_again(transaction, [dead.message_id], datetime.now(UTC)) == 1
        desk.notifier.wake()
        await eventually(lambda: desk.in_state("sent"))
        assert len(set(inlet.ids)) == 1


async def test_a_new_file_is_taken_in_and_a_bad_one_is_told_and_changes_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    async with http_server() as old, http_server() as new, desk_on(archive, tmp_path, hook(old)) as desk:
        await desk.rule("channel:hook")
        desk.file.write_text("channels: [{name: hook, kind: pigeon}]")
        valid = lambda: desk.metrics.registry.get_sample_value("asynctask_notification_config_valid")  # noqa: E731
        await eventually(lambda: valid() == 0)
        await desk.happen(desk.event())
        await eventually(lambda: len(old.requests) == 1)
        desk.configure(hook(new))
        await eventually(lambda: valid() == 1)
        await desk.happen(desk.event())
        await eventually(lambda: len(new.requests) == 1)
        assert len(old.requests) == 1


async def test_a_subscription_tells_nothing_of_what_its_owner_may_not_see(archive: Archive, tmp_path: Path) -> None:
    async def may_see(rule: StoredRule, namespace: str) -> bool:
        return (rule.owner, namespace) == ("an", "nas")

    async with desk_on(archive, tmp_path, may_see=may_see) as desk:
        await desk.rule("user:an", owner="an")
        await desk.rule("user:eve", owner="eve")
        await desk.happen(desk.event(), desk.event(namespace="secret"))
        await eventually(desk.settled)
        async with archive.read() as connection:
            assert [await inbox.unread_count(connection, user) for user in ("an", "eve")] == [1, 0]


async def test_a_rule_of_a_namespace_is_for_its_events_alone(archive: Archive, tmp_path: Path) -> None:
    async with desk_on(archive, tmp_path) as desk:
        await desk.rule("user:an", namespace="other")
        await desk.happen(desk.event())
        await eventually(desk.settled)
        async with archive.read() as connection:
            assert await inbox.unread_count(connection, "an") == 0


async def test_the_built_in_rules_tell_those_who_must_act(archive: Archive, tmp_path: Path) -> None:
    async with desk_on(archive, tmp_path, builtInRules=True, administrators=["user:ops"]) as desk:
        wanted = desk.event(Kind.REVIEW_WANTED, params={"approvers": ["an"], "stage": "review"}, subject="s1")
        await desk.happen(desk.event(), desk.event(Kind.SUCCEEDED), wanted)
        await eventually(desk.settled)
        async with archive.read() as connection:
            assert [await inbox.unread_count(connection, user) for user in ("li", "ops", "an")] == [1, 1, 1]


async def test_a_group_that_is_asked_to_decide_is_told(archive: Archive, tmp_path: Path) -> None:
    groups = {"storage": ["user:an"]}
    async with desk_on(archive, tmp_path, builtInRules=True, administrators=["user:ops"], groups=groups) as desk:
        about = {"approvers": [], "approverGroups": ["storage"], "stage": "review"}
        await desk.happen(desk.event(Kind.REVIEW_WANTED, params=about, subject="s1"))
        await eventually(desk.settled)
        async with archive.read() as connection:
            assert [await inbox.unread_count(connection, user) for user in ("an", "ops")] == [1, 0]


async def test_a_database_that_goes_away_and_comes_back_costs_nothing(servers: Servers, tmp_path: Path) -> None:
    server = servers.start("postgresql")
    try:
        async with open_archive(server.create("notices")) as archive, http_server() as inlet:
            await archive.upgrade()
            async with desk_on(archive, tmp_path, hook(inlet)) as desk:
                await desk.rule("channel:hook")
                inlet.hang.set()
                await desk.happen(desk.event(), desk.event())
                await eventually(lambda: len(inlet.requests) == 2)
                server.kill()
                inlet.hang.clear()  # both are taken, and nobody can write it down
                await asyncio.sleep(1)
                server.start()
                await eventually(desk.settled, seconds=60)
                assert await desk.in_state("sent") == 2
                assert len(inlet.requests) == 2
    finally:
        server.kill()


CHILD = """
import asyncio, sys
from pathlib import Path
from asynctask.adapters.archive import open_archive
from asynctask.gateway.metrics import Metrics
from asynctask.gateway.notifier.notifier import Notifier, Rhythm
async def all_may(rule, namespace): return True
async def main():
    async with open_archive(sys.argv[1]) as archive:
        await archive.check()
        await Notifier(archive, Path(sys.argv[2]), Metrics(), all_may, rhythm=Rhythm(tell=0.05)).run()
asyncio.run(main())
"""


async def test_a_sender_killed_between_sending_and_marking_sends_again_under_the_same_id(
    database: Database, tmp_path: Path
) -> None:
    async with open_archive(database.url) as archive, http_server() as inlet:
        await archive.upgrade()
        quick = replace(RHYTHM, lanes=PACE)
        async with desk_on(archive, tmp_path, hook(inlet, timeoutSeconds=1), rhythm=quick) as desk:
            await desk.rule("channel:hook")
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, database.url, str(desk.file))
        inlet.on_request = lambda _: child.kill()  # it has arrived, and never will be marked
        await desk.happen(desk.event(), desk.event())
        try:
            await eventually(lambda: child.returncode is not None, seconds=60)
        finally:
            if child.returncode is None:
                child.kill()
        arrived = set(inlet.ids)
        assert arrived
        inlet.on_request = lambda _: None
        async with archive.begin() as transaction:  # the time for which it was the dead one's passes
            await transaction.exec_driver_sql("UPDATE notification_messages SET next_time = 0 WHERE state = 'sending'")
        async with desk_on(archive, tmp_path, hook(inlet), rhythm=quick) as desk:
            await eventually(lambda: desk.in_state("sent") if len(set(inlet.ids)) == 2 else 0)
            await eventually(desk.settled)
        assert len(set(inlet.ids)) == 2
        assert all(inlet.ids.count(each) == 2 for each in arrived)
