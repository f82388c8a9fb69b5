"""Each trigger of a rule, each recipient and each channel, from the event to what arrives."""

import json
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from archive.desk import Desk, desk_on, eventually, hook, mail
from support.sinks import Inlet, http_server, mail_server

from asynctask.adapters.archive import Archive, inbox
from asynctask.adapters.notify.webhook import key_of, signature
from asynctask.core.notifications.events import Event, Kind

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
BAD = {"events": ["Failed"]}


def history(desk: Desk) -> list[Event]:
    """What happens to several tasks and a schedule, in this order."""
    start = datetime.now(UTC)
    told: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.SUCCEEDED, {"series": "nightly", "task_type": "nas-sync", "priority": 3, "name": "good"}),
        (Kind.FAILED, {"series": "nightly", "task_type": "nas-sync", "priority": 3, "name": "first"}),
        (Kind.FAILED, {"series": "nightly", "task_type": "nas-sync", "priority": 3, "name": "second"}),
        (Kind.SUCCEEDED, {"series": "nightly", "task_type": "nas-sync", "priority": 3, "name": "again"}),
        (Kind.PARTIALLY_SUCCEEDED, {"task_type": "file-backup", "priority": 1, "name": "urgent"}),
        (Kind.CANCELLED, {"task_type": "file-backup", "priority": 5, "name": "stopped"}),
        (Kind.DEADLINE_AT_RISK, {"task_type": "file-backup", "priority": 5, "name": "late"}),
        (Kind.REVIEW_WANTED, {"task_type": "expired-cleanup", "priority": 3, "name": "clean"}),
        (Kind.REVIEW_EXPIRING, {"task_type": "expired-cleanup", "priority": 3, "name": "clean-soon"}),
        (Kind.INVALID, {"task_type": "no-such", "priority": 3, "name": "wrong"}),
        (Kind.MISS_PREDICTED, {"name": "weekly"}),
    ]
    return [
        desk.event(kind, time=start + timedelta(milliseconds=number), **values)
        for number, (kind, values) in enumerate(told)
    ]


TRIGGERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "by type": ({"types": ["nas-sync"]}, {"good", "first", "second", "again"}),
    "by priority": ({"priorities": [1, 5]}, {"urgent", "stopped", "late"}),
    "by outcome: failed": (BAD, {"first", "second"}),
    "by outcome: succeeded": ({"events": ["Succeeded"]}, {"good", "again"}),
    "by outcome: in part": ({"events": ["PartiallySucceeded"]}, {"urgent"}),
    "by outcome: cancelled": ({"events": ["Cancelled"]}, {"stopped"}),
    "by outcome: invalid": ({"events": ["Invalid"]}, {"wrong"}),
    "first failure after success": ({"events": ["FirstFailure"]}, {"first"}),
    "recovered": ({"events": ["Recovered"]}, {"again"}),
    "review wanted": ({"events": ["ReviewWanted"]}, {"clean"}),
    "review about to expire": ({"events": ["ReviewExpiring"]}, {"clean-soon"}),
    "about to miss its deadline": ({"events": ["DeadlineAtRisk"]}, {"late"}),
    "a schedule about to miss": ({"events": ["MissPredicted"]}, {"weekly"}),
    "several at once": ({"types": ["nas-sync"], "events": ["Failed", "Recovered"]}, {"first", "second", "again"}),
}


async def test_each_trigger_tells_of_what_it_is_for_and_of_nothing_else(archive: Archive, tmp_path: Path) -> None:
    async with desk_on(archive, tmp_path) as desk:
        for number, (match, _) in enumerate(TRIGGERS.values()):
            await desk.rule(f"user:u{number}", match=match)
        await desk.happen(*history(desk))
        await eventually(desk.settled)
        async with archive.read() as connection:
            for number, (name, (_, expected)) in enumerate(TRIGGERS.items()):
                entries = (await inbox.page(connection, f"u{number}", limit=50)).rows
                assert Counter(entry.event.name for entry in entries) == Counter(expected), name


async def test_initiator_administrators_and_subscribers_are_told(archive: Archive, tmp_path: Path) -> None:
    with mail_server() as box:
        people = ["user:ops", "mail:oncall@example.com"]
        async with desk_on(archive, tmp_path, mail(box.port), administrators=people) as desk:
            for name in ("li", "an", "ops", "eve"):
                await desk.person(name, mail=f"{name}@example.com")
            await desk.rule("initiator", "administrators", match=BAD)
            await desk.rule("user:an", owner="an", match={"events": ["Cancelled"]})
            await desk.happen(desk.event(), desk.event(Kind.CANCELLED), desk.event(Kind.SUCCEEDED))
            await eventually(lambda: len(box.recipients) == 4)
            await eventually(desk.settled)
            expected = ["an@example.com", "li@example.com", "oncall@example.com", "ops@example.com"]
            assert sorted(box.recipients) == expected
            async with archive.read() as connection:
                counts = [await inbox.unread_count(connection, user) for user in ("li", "an", "ops", "eve")]
            assert counts == [1, 1, 1, 0]


async def test_one_failure_goes_out_by_every_channel_there_is(archive: Archive, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        box = stack.enter_context(mail_server())
        program, phones, chat = [await stack.enter_async_context(http_server()) for _ in range(3)]
        phones.text = '{"status": "queued"}'
        (tmp_path / "hook").write_text(SECRET)
        (tmp_path / "token").write_text("t0p")
        (tmp_path / "chat").write_text(f"json://127.0.0.1:{chat.url.rpartition(':')[2]}/")
        sms = {
            "name": "sms", "kind": "sms", "url": f"{phones.url}/send", "allowedNetworks": ["127.0.0.0/8"],
            "headers": {"X-Token": "{secret.token}"}, "secretFiles": {"token": str(tmp_path / "token")},
            "body": '{"to": "{phone}", "text": "{message}"}', "accepted": '"queued"',
        }  # fmt: skip
        channels = (
            mail(box.port),
            hook(program, secretFile=str(tmp_path / "hook")),
            sms,
            {"name": "chat", "kind": "apprise", "urlFile": str(tmp_path / "chat")},
        )
        desk = await stack.enter_async_context(desk_on(archive, tmp_path, *channels))
        await desk.rule("user:li", "mail:ops@example.com", "sms:+4912345", "channel:hook", "channel:chat", match=BAD)
        await desk.happen(desk.event(name="nightly"))
        await eventually(lambda: box.mails and program.requests and phones.requests and chat.requests, seconds=60)
        await eventually(desk.settled, seconds=60)
        assert box.subjects == ["Task nightly failed, for the first time"]
        _is_signed(program)
        (text,) = phones.requests
        assert (text.path, text.headers["X-Token"]) == ("/send", "t0p")
        assert json.loads(text.body)["to"] == "+4912345"
        assert "nightly" in json.loads(text.body)["text"]
        (said,) = chat.requests
        assert json.loads(said.body)["title"] == "Task nightly failed, for the first time"
        async with archive.read() as connection:
            (entry,) = (await inbox.page(connection, "li", limit=5)).rows
        assert entry.event.name == "nightly"
        assert await desk.in_state("sent") == 4


@pytest.mark.parametrize("kind", ["sms", "apprise"])
async def test_other_channels_try_again_too(archive: Archive, tmp_path: Path, kind: str) -> None:
    async with http_server() as inlet:
        (tmp_path / "chat").write_text(f"json://127.0.0.1:{inlet.url.rpartition(':')[2]}/")
        inlet.answers += [503, 503]
        settings = {
            "sms": {"url": f"{inlet.url}/send", "allowedNetworks": ["127.0.0.0/8"], "body": "{phone}"},
            "apprise": {"urlFile": str(tmp_path / "chat")},
        }
        channel = {"name": "it", "kind": kind, "maxPerMinute": 600, **settings[kind]}
        async with desk_on(archive, tmp_path, channel) as desk:
            await desk.rule("sms:+4912345" if kind == "sms" else "channel:it")
            await desk.happen(desk.event())
            await eventually(lambda: len(inlet.requests) == 3, seconds=60)
            await eventually(desk.settled)
            assert await desk.in_state("sent") == 1


def _is_signed(inlet: Inlet) -> None:
    (request,) = inlet.requests
    headers = request.headers
    expected = signature(key_of(SECRET), headers["webhook-id"], headers["webhook-timestamp"], request.body)
    assert headers["webhook-signature"] == expected
