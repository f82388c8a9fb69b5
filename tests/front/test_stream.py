"""One stream of events a client: what comes, what is never told, and what is made up for."""

import asyncio
import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from front.streams import STREAM, follow
from front.world import EVERYTHING, Client, World
from front.world import user as name_of_user

from asynctask.adapters import cluster as api
from asynctask.adapters.archive import inbox, open_archive
from asynctask.api import names
from asynctask.core.notifications.events import Event, Kind
from asynctask.gateway.front.auth import kubernetes
from asynctask.gateway.front.stream import hub, inboxes

READ = (("asynctasks", "get,list"),)


@pytest.fixture
async def user(world: World, client: Client, namespace: str) -> Client:
    user = await world.someone(client, namespace, *READ)
    await ready(user)
    return user


async def ready(user: Client) -> None:
    """Wait until the gateway has listed the cluster: before that it opens no streams."""
    async with asyncio.timeout(30):
        while (await user.get(STREAM, topics="x")).status == 503:
            await asyncio.sleep(0.05)


async def set_status(world: World, task: Any, **status: Any) -> None:
    meta = task["metadata"]
    await world.cluster.patch(api.TASKS, meta["namespace"], meta["name"], {"status": status}, "status")


async def make_stage(world: World, task: Any, name: str = "copy") -> Any:
    meta = task["metadata"]
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Stage",
        "metadata": {"name": names.child_name(meta["name"], meta["uid"], name, 1)},
        "spec": {
            "taskName": meta["name"],
            "taskUID": meta["uid"],
            "run": 1,
            "template": {"name": name, "job": {"image": "example/copy:1"}},
        },
    }
    return await world.cluster.create(api.STAGES, meta["namespace"], body)


async def test_a_list_is_followed(world: World, user: Client, namespace: str) -> None:
    async with follow(user, "tasks") as stream:
        task = await world.task(namespace, priority=2)
        uid = task["metadata"]["uid"]
        line = (await stream.next("task")).data
        assert line["topic"] == "tasks"
        assert line["task"] == line["task"] | {
            "taskId": uid, "namespace": namespace, "name": task["metadata"]["name"], "type": "file-backup",
            "status": "queued", "priority": 2, "run": 1,
        }  # fmt: skip
        await set_status(world, task, phase="Running", run=1, progress={"bytesDone": 5, "bytesTotal": 10})
        line = (await stream.next("task")).data["task"]
        assert (line["status"], line["percent"]) == ("running", 50)
        await world.cluster.delete(api.TASKS, namespace, task["metadata"]["name"])
        assert (await stream.next("gone")).data["taskId"] == uid


async def test_a_filter_takes_tasks_in_and_lets_them_go(world: World, user: Client, namespace: str) -> None:
    async with follow(user, "tasks?status=running&priority=1,2") as stream:
        await world.task(namespace, priority=3)
        task = await world.task(namespace, priority=2)
        await set_status(world, task, phase="Running", run=1)
        assert (await stream.next("task", "gone")).data["task"]["name"] == task["metadata"]["name"]
        await set_status(world, task, phase="Succeeded", run=1)
        assert (await stream.next("task", "gone")).data["taskId"] == task["metadata"]["uid"]


async def test_one_task_is_followed_with_its_stages(world: World, user: Client, namespace: str) -> None:
    task = await world.task(namespace)
    uid = task["metadata"]["uid"]
    async with follow(user, f"task:{uid}") as stream:
        first = await stream.next("task", "end")
        assert first.data["task"]["taskId"] == uid
        stage = await make_stage(world, task)
        assert (await stream.next("stage")).data["stage"]["name"] == "copy"
        progress = {"bytesDone": 1, "bytesTotal": 4}
        await world.cluster.patch(
            api.STAGES, namespace, stage["metadata"]["name"], {"status": {"progress": progress}}, "status"
        )
        assert (await stream.next("stage")).data["stage"]["progress"] == progress
    async with follow(user, f"task:{uid}") as stream:  # who comes later is told how it is
        assert (await stream.next("stage")).data["stage"]["percent"] == 25


async def test_topics_change_while_the_stream_is_open(world: World, user: Client, namespace: str) -> None:
    task = await world.task(namespace)
    uid = task["metadata"]["uid"]
    async with follow(user) as stream:
        path = f"{STREAM}/{stream.id}/topics"
        answer = await user.post(path, {"topics": ["tasks", f"task:{uid}"]})
        assert answer.body == {"stream": stream.id, "topics": ["tasks", f"task:{uid}"]}
        await stream.next("task", where=lambda data: data["topic"] == f"task:{uid}")
        assert (await user.post(path, {"topics": ["tasks"]})).body["topics"] == ["tasks"]
        await set_status(world, task, phase="Running", run=1)
        await stream.next("task", where=lambda data: data["topic"] == "tasks")
        await world.task(namespace)
        await stream.next("task")
        assert {event.data["topic"] for event in stream.events[-2:]} == {"tasks"}
        stranger = await world.someone(Client(user.url, user.session), namespace, *EVERYTHING)
        assert (await stranger.post(path, {"topics": ["tasks"]})).refusal == "404 NotFound"


async def test_nothing_of_other_tenants_is_told(world: World, user: Client, namespace: str) -> None:
    elsewhere = await world.namespace()
    secret = await world.task(elsewhere)
    uid = secret["metadata"]["uid"]
    missing = "00000000-0000-0000-0000-000000000000"
    topics = ("tasks", f"tasks?namespace={elsewhere}", f"task:{uid}", f"task:{missing}", f"logs:{uid}", "overview")
    async with follow(user, *topics) as stream:
        ends = [(await stream.next("end")).data for _ in range(4)]
        assert ends == [{"topic": topic.partition("?")[0], "code": "NotFound"} for topic in topics[1:5]]
        await set_status(world, secret, phase="Running", run=1)
        await world.cluster.delete(api.TASKS, elsewhere, secret["metadata"]["name"])
        own = await world.task(namespace)
        await stream.next("task", where=lambda data: data["task"]["taskId"] == own["metadata"]["uid"])
        counted = await stream.next("overview")
        assert counted.data["tasks"] == {"queued": 1}
        told = str([event.data for event in stream.events if event.name != "end"])
        assert elsewhere not in told
        assert uid not in told


async def test_who_comes_back_misses_nothing(world: World, user: Client, namespace: str) -> None:
    async with follow(user, "tasks") as stream:
        task = await world.task(namespace)
        position = (await stream.next("task")).id
    await set_status(world, task, phase="Running", run=1)
    await set_status(world, task, phase="Succeeded", run=1)
    other = await world.task(namespace)
    async with follow(user, "tasks", last_id=position) as stream:
        seen: dict[str, str] = {}
        while len(seen) < 2 or seen.get(task["metadata"]["uid"]) != "completed":
            line = (await stream.next("task", "reset")).data
            seen[line["task"]["taskId"]] = line["task"]["status"]
        assert set(seen) == {task["metadata"]["uid"], other["metadata"]["uid"]}
        assert not any(event.name == "reset" for event in stream.events)


async def test_another_replica_says_reset_and_goes_on(world: World, user: Client, namespace: str) -> None:
    async with follow(user, "tasks") as stream:
        task = await world.task(namespace)
        position = (await stream.next("task")).id
    async with world.gateway() as other:
        there = other.with_headers(**user.headers)
        await ready(there)
        async with follow(there, "tasks", f"task:{task['metadata']['uid']}", last_id=position) as stream:
            reset = await stream.next("reset")
            assert reset.data["topics"] == ["tasks", f"task:{task['metadata']['uid']}"]
            await stream.next("task")  # how it is now, of the one task
            await set_status(world, task, phase="Succeeded", run=1)
            await stream.next("task", where=lambda data: data["task"]["status"] == "completed")


async def test_a_gateway_that_ends_ends_its_streams_and_clients_go_on(
    world: World, user: Client, namespace: str
) -> None:
    task = await world.task(namespace)
    async with world.gateway() as first:
        there = first.with_headers(**user.headers)
        await ready(there)
        opened = follow(there, "tasks")
        stream = await opened.__aenter__()
        await set_status(world, task, phase="Running", run=1)
        await stream.next("task")
    await stream.ended()
    await opened.__aexit__(None, None, None)
    await set_status(world, task, phase="Succeeded", run=1)
    async with follow(user, f"task:{task['metadata']['uid']}", last_id=stream.last_id) as stream:
        await stream.next("task", where=lambda data: data["task"]["status"] == "completed")


async def test_a_right_that_is_taken_away_ends_the_topic(
    world: World, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RECHECK_SECONDS", 0.5)
    person = await world.person(namespace)
    subject = {"kind": "ServiceAccount", "name": person, "namespace": namespace}
    await world.grant(subject, namespace, READ)
    user = client.with_token(await world.token(namespace, person))
    task = await world.task(namespace)
    await ready(user)
    async with follow(user, "tasks", f"task:{task['metadata']['uid']}") as stream:
        bindings = api.Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
        pages = [json.loads(raw) async for raw, _ in world.cluster.pages(bindings, namespace)]
        for found in pages[0]["items"]:
            await world.cluster.delete(bindings, namespace, found["metadata"]["name"])
        ended = {(await stream.next("end")).data["topic"] for _ in range(2)}
        assert ended == {"tasks", f"task:{task['metadata']['uid']}"}


async def test_who_can_no_longer_sign_in_is_shown_out(
    world: World, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RECHECK_SECONDS", 0.5)
    monkeypatch.setattr(kubernetes, "SECONDS", 1.0)
    person = await world.person(namespace, READ)
    async with world.gateway() as client:
        user = client.with_token(await world.token(namespace, person))
        await ready(user)
        async with follow(user, "tasks") as stream:
            accounts = api.Resource("", "v1", "serviceaccounts")
            await world.cluster.delete(accounts, namespace, person)
            await stream.ended()
            assert stream.events[-1].data == {"code": "Unauthenticated"}


@pytest.mark.parametrize(
    "topic",
    ["nonsense", "task:x", "task:", "tasks:1", "tasks?status=great", "tasks?colour=red", "tasks?priority=high",
     "logs:00000000-0000-0000-0000-000000000000/../x", "queues?a=b", "tasks?status", "logs:00000000-0000-0000-0000-000000000000?tail=-1"],
)  # fmt: skip
async def test_what_is_no_topic_is_refused(user: Client, topic: str) -> None:
    assert (await user.get(STREAM, topics=["queues", topic])).refusal == "400 InvalidField topics[1]:NotATopic"


async def test_a_slow_reader_is_reset_and_holds_up_nobody(world: World, user: Client, namespace: str) -> None:
    tasks = [await world.task(namespace) for _ in range(20)]
    port = int(user.url.rpartition(":")[2])
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=4096)
    request = f"GET {STREAM}?topics=tasks HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n\r\n"
    writer.write(request.encode())
    await reader.readuntil(b"event: hello")  # and then it reads no more
    async with follow(user, "tasks") as quick:
        for number in range(40):
            message = f"{number} " + "长" * 1000
            await asyncio.gather(*(set_status(world, task, phase="Running", run=1, message=message) for task in tasks))
            await quick.next("task", where=lambda data, now=message: data["task"].get("message") == now)
        await set_status(world, tasks[0], phase="Succeeded", run=1, message="after all")
        await quick.next("task", where=lambda data: data["task"]["status"] == "completed")
        assert not any(event.name == "reset" for event in quick.events)
    read = b""
    async with asyncio.timeout(20):
        while b"after all" not in read:
            read += await reader.read(65536)
    assert read.count(b"event: reset") >= 1
    assert len(read) < 600_000, "of more than two megabytes"
    writer.close()


async def test_a_user_is_told_of_notifications_of_their_own_and_of_no_others(
    world: World, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "PERIOD_SECONDS", 0.2)
    database = f"sqlite:///{world.directory}/archive.db"
    async with world.gateway(archive_url=database) as client, open_archive(database) as archive:
        person = await world.person(namespace, READ)
        user = client.with_token(await world.token(namespace, person))
        await ready(user)
        async with follow(user, "notifications") as stream:
            assert (await stream.next("notification")).data == {"topic": "notifications", "unread": 0}
            await archive.check()
            event = Event("one", Kind.FAILED, datetime.now(UTC), namespace, "uid", "nightly")
            async with archive.begin() as transaction:
                await inbox.deliver(transaction, [("somebody else", event)], datetime.now(UTC))
            async with archive.begin() as transaction:
                await inbox.deliver(transaction, [(name_of_user(namespace, person), event)], datetime.now(UTC))
            assert (await stream.next("notification")).data["unread"] == 1
