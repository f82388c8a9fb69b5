"""Inboxes, subscriptions, rules, channels and dead letters over the API, each for whom it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from front.world import Client, World, user
from support.sinks import http_server

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import Archive, inbox, open_archive, outbox
from asynctask.api import names
from asynctask.core.notifications.events import Event, Kind

ROOT = "/api/v1/notifications"
RULE = {"match": {"events": ["Failed"]}, "to": ["administrators"]}


@dataclass
class Office:
    """A gateway with an archive, and people."""

    world: World
    anybody: Client
    archive: Archive
    namespace: str
    li: Client
    li_name: str
    admin: Client

    async def deliver(self, name: str, *kinds: Kind) -> None:
        """Put something into an inbox."""
        events = [
            Event(
                f"task/{number}/end/1",
                kind,
                datetime.now(UTC),
                self.namespace,
                f"u{number}",
                f"task-{number}",
                task_id=f"u{number}",
            )
            for number, kind in enumerate(kinds)
        ]
        async with self.archive.begin() as transaction:
            await inbox.deliver(transaction, [(name, event) for event in events], datetime.now(UTC))


@pytest.fixture
async def office(world: World, namespace: str, tmp_path: Path) -> AsyncIterator[Office]:
    file = tmp_path / "notifications.yaml"
    file.write_text(
        "channels: [{name: mail, kind: smtp, host: 127.0.0.1, port: 9, security: none, sender: a@example.com}, {name: hook, kind: webhook, url: 'http://127.0.0.1:9/t0ken'}]"
    )
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    async with world.gateway(archive_url=url, notifications_file=str(file)) as client, open_archive(url) as archive:
        await archive.upgrade()
        person = await world.person(namespace, (("asynctasks", "get,list"),))
        admin = await world.person(namespace, cluster_rules=(("notificationrules", "*"),))
        li = client.with_token(await world.token(namespace, person))
        yield Office(
            world,
            client,
            archive,
            namespace,
            li,
            user(namespace, person),
            client.with_token(await world.token(namespace, admin)),
        )


async def test_an_inbox_is_read_page_by_page_in_the_readers_language(office: Office) -> None:
    await office.deliver(office.li_name, *[Kind.FAILED] * 5)
    await office.deliver("somebody", Kind.SUCCEEDED)
    assert (await office.li.get(f"{ROOT}/unread")).body == {"unread": 5, "isMore": False}
    seen, cursor = [], ""
    while True:
        answer = await office.li.with_headers(Accept_Language="zh").get(ROOT, limit=2, cursor=cursor)
        assert answer.status == 200
        seen += answer.body["items"]
        if not (cursor := answer.body.get("nextCursor", "")):
            break
    assert len({entry["id"] for entry in seen}) == 5
    assert {entry["title"][:2] for entry in seen} == {"任务"}


async def test_entries_are_marked_by_id_or_up_to_a_time(office: Office) -> None:
    await office.deliver(office.li_name, *[Kind.FAILED] * 3)
    first = (await office.li.get(ROOT)).body["items"][0]["id"]
    assert (await office.li.post(f"{ROOT}/marks", {"ids": [first]})).body == {"changed": 1}
    assert (await office.admin.post(f"{ROOT}/marks", {"ids": [first], "isRead": False})).body == {"changed": 0}
    assert len((await office.li.get(ROOT, unread="true")).body["items"]) == 2
    until = datetime.now(UTC).isoformat()
    assert (await office.li.post(f"{ROOT}/marks", {"until": until})).body == {"changed": 2}
    assert (await office.li.post(f"{ROOT}/marks", {"ids": [first], "isRead": False})).body == {"changed": 1}


async def test_a_contact_is_kept_and_checked(office: Office) -> None:
    contact = {
        "mail": "li@example.com",
        "phone": "+49123",
        "language": "zh",
        "timeZone": "Asia/Shanghai",
        "muted": ["sms"],
    }
    assert (await office.li.put(f"{ROOT}/contact", contact)).status == 200
    assert (await office.li.get(f"{ROOT}/contact")).body == contact
    assert (await office.admin.get(f"{ROOT}/contact")).body.get("mail", "") == ""


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"mail": "li"}, "400 InvalidField mail:WrongFormat"),
        ({"mail": "a@b.c, d@e.f"}, "400 InvalidField mail:WrongFormat"),
        ({"phone": "call me"}, "400 InvalidField phone:WrongFormat"),
        ({"timeZone": "../../etc"}, "400 InvalidField timeZone:InvalidValue"),
        ({"language": "fr"}, "400 InvalidField language:NotAChoice"),
        ({"pager": "1"}, "400 InvalidField pager:UnknownField"),
    ],
)
async def test_a_contact_that_is_none_is_refused(office: Office, change: dict[str, Any], refusal: str) -> None:
    assert (await office.li.put(f"{ROOT}/contact", change)).refusal == refusal


async def test_a_subscription_is_its_owners_alone(office: Office) -> None:
    body = {"name": "failures", "namespace": office.namespace, "rule": {"match": {"events": ["Failed"]}}}
    made = await office.li.post(f"{ROOT}/subscriptions", body)
    assert made.status == 201
    one = f"{ROOT}/subscriptions/{made.body['id']}"
    assert [each["name"] for each in (await office.li.get(f"{ROOT}/subscriptions")).body["items"]] == ["failures"]
    assert (await office.admin.get(f"{ROOT}/subscriptions")).body == {"items": []}
    for method in ("GET", "DELETE"):
        assert (await office.admin.call(method, one)).refusal == "404 NotFound"
    changed = await office.li.put(one, {**body, "name": "all", "rule": {}})
    assert (changed.body["name"], changed.body["version"]) == ("all", "2")
    assert (await office.li.with_headers(If_Match='"1"').put(one, body)).refusal == "412 PreconditionFailed"
    assert (await office.li.delete(one)).status == 204
    assert (await office.li.get(one)).refusal == "404 NotFound"


async def test_nobody_subscribes_to_where_he_may_see_nothing_or_for_others(office: Office) -> None:
    elsewhere = await office.world.namespace()
    assert (
        await office.li.post(f"{ROOT}/subscriptions", {"name": "spy", "namespace": elsewhere})
    ).refusal == "404 NotFound"
    wish = {"name": "spam", "rule": {"to": ["mail:victim@example.com"]}}
    assert (await office.li.post(f"{ROOT}/subscriptions", wish)).refusal == "400 InvalidField rule.to:UnknownField"


async def test_rules_are_for_administrators(office: Office) -> None:
    body = {"name": "night shift", "rule": RULE}
    assert (await office.li.post(f"{ROOT}/rules", body)).refusal in {"404 NotFound", "403 Forbidden"}
    made = await office.admin.post(f"{ROOT}/rules", body)
    assert made.status == 201
    one = f"{ROOT}/rules/{made.body['id']}"
    assert (await office.li.get(one)).refusal == "404 NotFound"
    assert (await office.li.get(f"{ROOT}/rules")).body == {"items": []}
    assert (await office.admin.get(one)).body["rule"]["to"] == ["administrators"]
    assert (await office.admin.delete(one)).status == 204


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        ({"to": []}, "400 InvalidField rule.to:TooShort"),
        ({"to": ["everybody"]}, "400 InvalidField rule.to[0]:WrongFormat"),
        ({**RULE, "match": {"events": ["Sneezed"]}}, "400 InvalidField rule.match.events[0]:NotAChoice"),
        ({**RULE, "groupSeconds": -1}, "400 InvalidField rule.groupSeconds:TooSmall"),
        ({**RULE, "match": {"priorities": [9]}}, "400 InvalidField rule.match.priorities[0]:TooGreat"),
        ({**RULE, "colour": "red"}, "400 InvalidField rule.colour:UnknownField"),
    ],
)
async def test_a_rule_that_is_none_is_refused_with_its_field(
    office: Office, rule: dict[str, Any], refusal: str
) -> None:
    assert (await office.admin.post(f"{ROOT}/rules", {"name": "r", "rule": rule})).refusal.startswith(refusal)


async def test_channels_are_named_and_nothing_of_their_settings_is_shown(office: Office) -> None:
    answer = await office.li.get(f"{ROOT}/channels")
    assert [(each["name"], each["kind"]) for each in answer.body["items"]] == [("mail", "smtp"), ("hook", "webhook")]
    assert b"t0ken" not in answer.raw
    assert b"127.0.0.1" not in answer.raw


async def test_a_test_message_goes_the_way_of_all_messages(office: Office) -> None:
    sent = await office.admin.post(f"{ROOT}/channels/mail/tests", {"to": "mail:li@example.com"})
    assert (sent.status, sent.body["recipient"]) == (202, "li@example.com")
    one = (await office.admin.get(f"{ROOT}/deliveries/{sent.body['id']}")).body
    assert (one["channel"], one["titles"]) == ("mail", ["Test message of AsyncTask"])
    assert (await office.admin.post(f"{ROOT}/channels/hook/tests")).status == 202
    assert (await office.admin.post(f"{ROOT}/channels/mail/tests")).refusal == "400 InvalidField to:InvalidValue"
    assert (await office.admin.post(f"{ROOT}/channels/none/tests")).refusal == "404 NotFound"
    assert (await office.li.post(f"{ROOT}/channels/hook/tests")).refusal in {"404 NotFound", "403 Forbidden"}


async def test_dead_letters_are_listed_and_sent_again_by_administrators(office: Office) -> None:
    sent = await office.admin.post(f"{ROOT}/channels/hook/tests")
    one = f"{ROOT}/deliveries/{sent.body['id']}"
    async with office.archive.begin() as transaction:
        await transaction.exec_driver_sql(
            "UPDATE notification_messages SET state = 'dead', is_open = 0, ended_time = 1, error = 'answered 500'"
        )
    (dead,) = (await office.admin.get(f"{ROOT}/deliveries")).body["items"]
    assert (dead["id"], dead["error"]) == (sent.body["id"], "answered 500")
    assert (await office.li.get(f"{ROOT}/deliveries")).refusal == "404 NotFound"
    assert (await office.admin.post(f"{one}/redelivery")).status == 202
    again = await office.admin.post(f"{ROOT}/redeliveries", {"ids": [sent.body["id"]]})
    assert (again.status, again.body) == (202, {"changed": 0})
    async with office.archive.read() as connection:
        assert await outbox.find(connection, sent.body["id"])


@pytest.mark.parametrize("cursor", ["x", "MTIz", "LTEueA", "%00", "9" * 190])
async def test_a_cursor_that_is_none_is_refused(office: Office, cursor: str) -> None:
    assert (await office.li.get(ROOT, cursor=cursor)).refusal == "400 InvalidField cursor:InvalidValue"


async def test_without_an_archive_there_are_no_notifications(world: World, namespace: str) -> None:
    async with world.gateway(archive_url="") as client:
        someone = await world.someone(client, namespace)
        assert (await someone.get(ROOT)).refusal == "404 NoArchive"


async def test_what_happens_in_the_cluster_reaches_people_and_programs(
    world: World, namespace: str, tmp_path: Path
) -> None:
    async with http_server() as inlet:
        file = tmp_path / "notifications.yaml"
        channel = {"name": "hook", "kind": "webhook", "url": inlet.url, "allowedNetworks": ["127.0.0.0/8"]}
        file.write_text(json.dumps({"channels": [channel], "administrators": ["channel:hook"]}))
        person = await world.person(namespace)
        name = user(namespace, person)
        settings = {
            "archive_url": f"sqlite:///{tmp_path / 'archive.db'}",
            "notifications_file": str(file),
            "namespace": namespace,
        }
        async with world.gateway(**settings) as client:
            li = client.with_token(await world.token(namespace, person))
            wish = {"on": ["Failed", "ReviewWanted"], "to": [f"user:{name}"]}
            task = await world.task(namespace, notify=[wish])
            ended = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            summary = {
                "type": "Succeeded",
                "status": "False",
                "reason": "StageFailed",
                "message": "no route",
                "lastTransitionTime": ended,
            }
            status = {
                "phase": "Failed",
                "run": 1,
                "completionTime": ended,
                "message": "no route to the NAS",
                "conditions": [summary],
            }
            await world.cluster.patch(api.TASKS, namespace, task["metadata"]["name"], {"status": status}, "status")
            async with asyncio.timeout(60):
                await inlet.arrived.wait()
                while not (entries := (await li.get(ROOT)).body["items"]):
                    await asyncio.sleep(0.1)
            assert entries[0]["kind"] == "FirstFailure"
            assert "no route to the NAS" in entries[0]["text"]
            assert json.loads(inlet.requests[0].body)["data"]["taskId"] == task["metadata"]["uid"]


async def test_reviews_and_schedules_of_the_cluster_are_told_of(world: World, namespace: str, tmp_path: Path) -> None:
    async with http_server() as inlet:
        file = tmp_path / "notifications.yaml"
        channel = {"name": "hook", "kind": "webhook", "url": inlet.url, "allowedNetworks": ["127.0.0.0/8"]}
        file.write_text(json.dumps({"channels": [channel], "administrators": ["channel:hook"]}))
        person = await world.person(namespace)
        name = user(namespace, person)
        settings = {
            "archive_url": f"sqlite:///{tmp_path / 'archive.db'}",
            "notifications_file": str(file),
            "namespace": namespace,
        }
        async with world.gateway(**settings) as client, asyncio.timeout(90):
            li = client.with_token(await world.token(namespace, person))
            while (await li.get(f"{ROOT}/unread")).status != 200:
                await asyncio.sleep(0.1)
            task = (await world.task(namespace))["metadata"]
            approval = {"approvers": {"users": [name]}, "expiresAfterSeconds": 3600, "message": {"en": "delete these?"}}
            owner = {
                "apiVersion": names.API_VERSION,
                "kind": "AsyncTask",
                "name": task["name"],
                "uid": task["uid"],
                "controller": True,
            }
            spec = {
                "taskName": task["name"],
                "taskUID": task["uid"],
                "run": 1,
                "template": {"name": "review", "approval": approval},
            }
            stage = {
                "apiVersion": names.API_VERSION,
                "kind": "Stage",
                "metadata": {"name": "clean-review", "ownerReferences": [owner]},
                "spec": spec,
            }
            await world.cluster.create(api.STAGES, namespace, stage)
            template = {"spec": {"type": "file-backup"}}
            plan = {"schedule": "0 3 * * *", "freshness": {"maxAgeSeconds": 60}, "taskTemplate": template}
            schedule = {
                "apiVersion": names.API_VERSION,
                "kind": "TaskSchedule",
                "metadata": {"name": "nightly"},
                "spec": plan,
            }
            await world.cluster.create(api.SCHEDULES, namespace, schedule)
            since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            stale = {
                "type": "Fresh",
                "status": "False",
                "reason": "Stale",
                "message": "too old",
                "lastTransitionTime": since,
            }
            await world.cluster.patch(
                api.SCHEDULES, namespace, "nightly", {"status": {"conditions": [stale]}}, "status"
            )
            while not (entries := (await li.get(ROOT)).body["items"]):
                await asyncio.sleep(0.1)
            assert [entry["kind"] for entry in entries] == ["ReviewWanted"]
            assert "delete these?" in entries[0]["text"]
            await inlet.arrived.wait()
            assert [json.loads(request.body)["type"] for request in inlet.requests] == ["asynctask.ScheduleStale"]


async def test_what_comes_into_an_inbox_comes_on_its_owners_stream_alone(office: Office) -> None:
    headers = {**office.li.headers, "Accept": "text/event-stream"}
    async with (
        asyncio.timeout(60),
        office.li.session.get(
            f"{office.li.url}/api/v1/stream", params={"topics": "notifications"}, headers=headers
        ) as stream,
    ):
        assert await told(stream) == {"topic": "notifications", "unread": 0}
        await office.deliver("somebody", Kind.FAILED)
        await office.deliver(office.li_name, Kind.CANCELLED)
        seen = [await told(stream)]
        while not any("entry" in one for one in seen) or not any(one.get("unread") == 1 for one in seen):
            seen.append(await told(stream))
        (entry,) = [one["entry"] for one in seen if "entry" in one]
        assert (entry["kind"], entry["title"]["en"], entry["title"]["zh"]) == (
            "Cancelled",
            "Task task-0 was cancelled",
            "任务 task-0 已取消",
        )


async def told(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    """The next notification of a stream."""
    is_ours = False
    async for line in stream.content:
        if line.startswith(b"event:"):
            is_ours = line.split(b":", 1)[1].strip() == b"notification"
        elif is_ours and line.startswith(b"data:"):
            found: dict[str, Any] = json.loads(line.removeprefix(b"data:"))
            return found
    raise AssertionError("the stream ended")
