"""The notifier from event to recipient: rules, people, grouping, limits."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.desk import desk_on, eventually, hook, mail
from support.patience import patient
from support.sinks import http_server, mail_server

from asynctask.adapters.archive import Archive, inbox, outbox
from asynctask.adapters.archive.notifyrules import StoredRule
from asynctask.core.notifications.events import Kind


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
    async def held() -> list[outbox.StoredMessage]:
        """What waits for the next hour."""
        async with archive.read() as connection:
            pending = (await outbox.page(connection, state="pending")).rows
        return [message for message in pending if message.next - datetime.now(UTC) > timedelta(minutes=50)]

    async def are_held(events: int) -> bool:
        return [message.event_count for message in await held()] == [events]

    with mail_server() as box:
        async with desk_on(archive, tmp_path, mail(box.port, concurrency=1)) as desk:
            await desk.rule("mail:ops@example.com", groupSeconds=1, maxPerHour=1)
            await desk.rule("mail:an@example.com")
            await desk.happen(desk.event())
            await eventually(lambda: len(box.mails) == 2)
            await desk.happen(desk.event())
            await eventually(lambda: len(box.mails) == 3)
            await eventually(lambda: are_held(1))
            await desk.happen(desk.event(), desk.event())
            await eventually(lambda: len(box.mails) == 5)
            await eventually(lambda: are_held(3))
            assert sorted(box.recipients) == ["an@example.com"] * 4 + ["ops@example.com"]
            assert [message.address for message in await held()] == ["ops@example.com"]


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
