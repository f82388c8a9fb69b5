"""The database goes away under a gateway at work: tasks are taken all the same, and in the end nothing is lost or twice.

What users may expect meanwhile: submits, pauses, decisions of reviews go on, for the cluster has them; lists show the
cluster and say that history is away; what only history knows is refused with 503 and when to ask again, and so is a
deletion, whose record would be lost. ASYNCTASK_DATABASE_AWAY_SECONDS lengthens the outage.
"""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from front import estate
from front.reviews import Made
from front.reviews import make as make_review
from front.world import EVERYTHING, Answer, Client, World
from support.databases import Servers
from support.patience import patient
from support.smalldisk import IS_ROOT, small_disk

from asynctask.adapters import cluster as api
from asynctask.gateway.archiver import archiver
from servers import Server

AWAY_SECONDS = float(os.environ.get("ASYNCTASK_DATABASE_AWAY_SECONDS", "3"))
BACK_SECONDS = 60.0
PAGE_SECONDS = 15.0
"""In which a call is answered while the database is away, whatever the answer."""
TASKS, AUDIT, KEYS, SESSION = "/api/v1/tasks", "/api/v1/audit", "/api/v1/api-keys", "/api/v1/session"
NEWS = "/api/v1/notifications"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver, "RETRY_MAX_SECONDS", 1.0)


@dataclass
class Scene:
    """A gateway, somebody who may do everything, and what was there before the outage."""

    world: World
    client: Client
    namespace: str
    type: str
    submitted: dict[str, str] = field(default_factory=dict)
    """Ids of tasks by the keys under which they were asked for."""

    async def submit(self, key: str) -> str:
        """Must be taken."""
        body = {"task_type": self.type, "task_config": {"source_path": "/nas/photos"}, "namespace": self.namespace}
        begun = monotonic()
        answer = await self.client.with_headers(Idempotency_Key=key).post("/submit_task", body)
        assert answer.status == 200, answer.body
        assert monotonic() - begun < patient(PAGE_SECONDS)
        assert self.submitted.setdefault(key, answer.body["task_id"]) == answer.body["task_id"]
        return str(answer.body["task_id"])

    async def ended(self, task_id: str, phase: str, message: str = "") -> None:
        """As the operator would say."""
        told = {"type": "Succeeded", "status": "False", "reason": "StageFailed", "message": message}
        told["lastTransitionTime"] = estate.stamp()
        conditions = [told] if phase == "Failed" else []
        status = {"phase": phase, "message": message, "completionTime": estate.stamp(), "conditions": conditions}
        await estate.say(self.world, task_id, self.namespace, **status)

    async def list(self) -> Any:
        """The first page of the namespace's tasks."""
        answer = await self.client.get(TASKS, namespace=self.namespace, limit=500)
        assert answer.status == 200, answer.body
        return answer.body

    async def until(self, is_so: Callable[[Any], bool]) -> Any:
        """The list once it is so."""
        async with asyncio.timeout(patient(BACK_SECONDS)):
            while not is_so(page := await self.list()):
                await asyncio.sleep(0.05)
            return page


@pytest.fixture
async def server(servers: Servers) -> AsyncIterator[Server]:
    server = servers.start("postgresql")
    server.create("archive")
    yield server
    server.kill()


async def make_scene(world: World, client: Client) -> Scene:
    namespace, task_type = await world.namespace(), await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    person = await world.person(namespace, EVERYTHING, EVERYTHING)
    return Scene(world, client.with_token(await world.token(namespace, person)), namespace, task_type)


def is_later(answer: Answer) -> bool:
    """Refused for now, with when to ask again."""
    assert answer.status == 503, (answer.status, answer.body)
    return int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("how", ["killed", "ended", "frozen"])
async def test_the_database_is_away_and_comes_back(world: World, server: Server, how: str, tmp_path: Path) -> None:
    rules = tmp_path / "notifications.yaml"
    rules.write_text("channels: []\n")
    async with world.gateway(archive_url=server.url("archive"), notifications_file=str(rules)) as client:
        scene = await make_scene(world, client)
        gone = await scene.submit("gone")
        await scene.ended(gone, "Succeeded")
        assert (await scene.client.delete(f"{TASKS}/{gone}")).status == 200
        live, failing = await scene.submit("live"), await scene.submit("failing")
        await scene.until(
            lambda page: Counter(row.get("archived", False) for row in page["items"]) == {True: 1, False: 2}
        )
        review = await make_review(world, scene.namespace)
        key = client.with_token((await scene.client.post(KEYS, {"label": "nas"})).body["token"])
        assert (await key.get(SESSION)).status == 200
        cookie = (await client.post(SESSION, {"token": token_of(scene.client)})).headers["Set-Cookie"].partition(";")[0]
        browser = client.with_headers(Cookie=cookie)
        assert (await browser.get(SESSION)).status == 200
        {"killed": server.kill, "ended": server.stop, "frozen": server.freeze}[how]()
        try:
            await away(scene, gone, live, review, key, browser)
            await scene.ended(failing, "Failed", "no route to the NAS")
        finally:
            (server.thaw if how == "frozen" else server.start)()
        await back(scene, gone, live, failing, key, browser)
        await world.cluster.delete(api.TYPES, "", scene.type)


async def away(scene: Scene, gone: str, live: str, review: Made, key: Client, browser: Client) -> None:
    """All that is asked while there is no database."""
    page = await scene.list()
    assert page["archive"] == "Unavailable", "and it says so"
    assert gone not in {row["taskId"] for row in page["items"]}
    assert live in {row["taskId"] for row in page["items"]}
    history_only = (f"{TASKS}/{gone}", f"{TASKS}/{gone}/runs", AUDIT, f"{NEWS}/unread", KEYS)
    begun = monotonic()
    for answer in await asyncio.gather(*(scene.client.get(path) for path in history_only)):
        assert is_later(answer)
    assert monotonic() - begun < patient(PAGE_SECONDS)
    assert is_later(await scene.client.delete(f"{TASKS}/{live}"))
    assert (await estate.find(scene.world, live, scene.namespace))["metadata"]["uid"] == live, "it is still there"
    assert is_later(await scene.client.post(KEYS, {"label": "another"}))
    assert (await scene.client.get(f"{TASKS}/{live}")).status == 200
    assert (await scene.client.put("/pause_task", {"task_id": live})).status == 200
    assert (await scene.client.post(f"{review.url}/approve", {"message": "go on"})).status == 200
    assert [one["decision"] for one in (await review.status())["reviews"]] == ["Approved"]
    for caller in (key, browser):
        assert (await caller.get(SESSION)).status == 200, "who was known before is still known"
    ends = monotonic() + AWAY_SECONDS
    for number in itertools.count():
        task_id = await scene.submit(f"order-{number}")
        assert task_id == await scene.submit(f"order-{number}"), "sent once more it is the same"
        await asyncio.sleep(min(1.0, AWAY_SECONDS / 10))
        if monotonic() > ends:
            break


async def back(scene: Scene, gone: str, live: str, failing: str, key: Client, browser: Client) -> None:
    """All is there once, and what could not be done can."""
    expected = set(scene.submitted.values())
    page = await scene.until(lambda page: page["archive"] == "Available")
    ids = [row["taskId"] for row in page["items"] if row["type"] == scene.type]
    assert sorted(ids) == sorted(expected)
    assert (await scene.client.get(f"{TASKS}/{gone}")).body["archived"]
    for task_id in (live, *(uid for name, uid in scene.submitted.items() if name.startswith("order"))):
        await estate.say(scene.world, task_id, scene.namespace, phase="Succeeded", completionTime=estate.stamp())
        assert (await scene.client.delete(f"{TASKS}/{task_id}")).status == 200
    page = await scene.until(lambda page: sum(row.get("archived", False) for row in page["items"]) >= len(expected) - 1)
    assert sorted(row["taskId"] for row in page["items"] if row["type"] == scene.type) == sorted(expected)
    for caller in (key, browser):
        assert (await caller.get(SESSION)).status == 200
    async with asyncio.timeout(patient(BACK_SECONDS)):
        while (told := Counter(await audited(scene)))["submit"] < len(expected):
            await asyncio.sleep(0.1)
        while not (news := (await scene.client.get(NEWS)).body["items"]):
            await asyncio.sleep(0.1)
    assert told["pause"] == 1
    assert told["approveReview"] == 1
    assert [entry["taskId"] for entry in news] == [failing], "told once"


async def audited(scene: Scene) -> list[str]:
    """Actions of this namespace that succeeded; each object's submit but once."""
    found, cursor = [], ""
    while True:
        page = (await scene.client.get(AUDIT, namespace=scene.namespace, limit=200, cursor=cursor)).body
        found += [one for one in page["items"] if one["status"] < 300]
        if not (cursor := page.get("next", "")):
            break
    ids = [one["id"] for one in found]
    assert len(ids) == len(set(ids))
    return [one["action"] for one in found]


@pytest.mark.skipif(not IS_ROOT, reason="mounting a small disk needs root")
async def test_the_databases_disk_is_full(world: World, servers: Servers) -> None:
    with small_disk(servers.directory(), 160) as disk:
        server = servers.start("postgresql", disk.path, ())
        try:
            async with world.gateway(archive_url=server.create("archive")) as client:
                scene = await make_scene(world, client)
                first = await scene.submit("before")
                disk.fill()
                for number in range(20):
                    await scene.submit(f"full-{number}")
                    assert (await scene.client.get(TASKS, namespace=scene.namespace)).status == 200
                refused = await scene.client.delete(f"{TASKS}/{first}")
                assert refused.status == 200 or is_later(refused)
                disk.free()
                if server.process and server.process.poll() is not None:
                    server.start()
                page = await scene.until(lambda page: page["archive"] == "Available" and len(page["items"]) == 21)
                assert sorted(row["taskId"] for row in page["items"]) == sorted(scene.submitted.values())
                async with asyncio.timeout(patient(BACK_SECONDS)):
                    while Counter(await audited(scene))["submit"] < 21:
                        await asyncio.sleep(0.1)
                await world.cluster.delete(api.TYPES, "", scene.type)
        finally:
            server.kill()


def token_of(client: Client) -> str:
    """Its token."""
    return client.headers["Authorization"].removeprefix("Bearer ")
