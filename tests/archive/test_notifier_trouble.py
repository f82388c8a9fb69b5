"""Nothing told is lost, and none holds up another: recipients and channels that fail, hang or ask for peace, a database
that goes away, a sender that is killed.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from archive.desk import PACE, PATIENCE, RHYTHM, desk_on, eventually, hook, mail
from support.databases import Database, Servers
from support.sinks import http_server, mail_server

from asynctask.adapters.archive import Archive, notifyrules, open_archive, outbox
from asynctask.core.notifications.delivery import Breaker


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
