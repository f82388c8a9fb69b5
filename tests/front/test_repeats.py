"""A replica is killed over a change, and who asked for it asks another under the same Idempotency-Key: it is usable
within seconds, and nothing is done twice.
"""

import asyncio
import signal
from contextlib import suppress
from time import monotonic

import aiohttp
import pytest
from front import estate
from front.reviews import make
from front.test_audit import AUDIT
from front.test_deaths import Pair, pair
from front.world import EVERYTHING, Answer, Client, Object, World, eventually
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.gateway.front import idempotency
from asynctask.gateway.front.idempotency import Keys
from asynctask.gateway.front.tasks.managing import Managing

__all__ = ["pair"]

TASKS, RULES = "/api/v1/tasks", "/api/v1/notifications/subscriptions"
RESTARTS = 24
Asked = tuple[str, str, object, str]
"""Method, path, body and If-Match of a change."""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(idempotency, "DEAD_SECONDS", 1.5)
    monkeypatch.setattr(idempotency, "LOOK_SECONDS", 0.05)


def share(name: str) -> Object:
    """The spec of an endpoint."""
    return {"path": f"/nas/{name}", "volume": {"claimName": name}}


async def actions(caller: Client, namespace: str, task_id: str) -> list[str]:
    """What was done to a task once it was there, as the audit has it."""
    records = (await caller.get(AUDIT, namespace=namespace, objectId=task_id)).body["items"]
    return [record["action"] for record in records if record["action"] != "submit"]


async def _never(*_: object) -> None:
    """What a dead process does."""


@pytest.mark.usefixtures("hasty")
async def test_what_the_dead_one_did_is_done_once_and_can_be_asked_for_at_once(
    world: World, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_type = await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    token = await world.token(namespace, await world.person(namespace, EVERYTHING))
    review = await make(world, namespace, [{"path": f"f{number}", "size": 1, "mtime": 1} for number in range(6)])
    schedule = f"/api/v1/namespaces/{namespace}/schedules/nightly"
    answers: list[list[Answer]] = []
    changes: list[Asked] = []

    async def all_of(client: Client) -> list[Answer]:
        caller = client.with_token(token)

        async def one(number: int) -> Answer:
            method, path, body, version = changes[number]
            headers = {"Idempotency_Key": f"change-{number}", **({"If_Match": version} if version else {})}
            return await caller.with_headers(**headers).call(method, path, body)

        return list(await asyncio.gather(*(one(number) for number in range(len(changes)))))

    async with world.gateway() as first:
        mine = first.with_token(token)
        tasks = [await estate.submit(mine, namespace, task_type) for _ in range(5)]
        ended, paused, failed, other, deleted = tasks
        for task_id in (ended, failed, deleted):
            await estate.say(world, task_id, namespace, phase="Failed", completionTime=estate.stamp())
        template = {"spec": {"type": task_type, "config": {"source_path": "/nas/photos"}}}
        spec = {"schedule": "30 2 * * *", "timeZone": "UTC", "taskTemplate": template}
        body = {"namespace": namespace, "name": "nightly", "spec": spec}
        assert (await mine.post("/api/v1/schedules", body)).status == 201
        for row in (1, 3, 5):
            struck = await mine.post(f"{review.url}/selections", {"action": "strike", "ids": [row]})
            assert struck.status == 200, struck.body
        made = await mine.post("/api/v1/endpoints", {"namespace": namespace, "name": "seen", "spec": share("seen")})
        endpoint, seen = f"/api/v1/namespaces/{namespace}/endpoints", made.headers["ETag"]
        urgent = (await mine.get(f"{TASKS}/{other}")).headers["ETag"]
        changes += [
            ("POST", f"{TASKS}/{ended}/restart", None, ""),
            ("PUT", f"/restart_task?task_id={failed}", None, ""),
            ("POST", f"{TASKS}/{paused}/pause", {"reason": "lunch"}, ""),
            ("PATCH", f"{TASKS}/{other}", {"priority": 1}, urgent),
            ("DELETE", f"{TASKS}/{deleted}", None, ""),
            ("POST", f"{schedule}/run", None, ""),
            ("POST", f"{review.url}/undo", None, ""),
            ("POST", RULES, {"namespace": namespace, "name": "bad", "rule": {"match": {"events": ["Failed"]}}}, ""),
            ("POST", "/api/v1/endpoints", {"namespace": namespace, "name": "new", "spec": share("new")}, ""),
            ("PUT", f"{endpoint}/seen", {"spec": {**share("seen"), "limits": {"streams": 3}}}, seen),
        ]
        with monkeypatch.context() as dying:
            dying.setattr(Keys, "_settle", _never)
            answers.append(await all_of(first))
    begun = monotonic()
    async with world.gateway() as second:
        answers.append(await all_of(second))
        assert monotonic() - begun < patient(15)
        answers.append(await all_of(second))
        for number, (killed, again, kept) in enumerate(zip(*answers, strict=True)):
            assert killed.status in {200, 201}, (changes[number], killed.body)
            assert again.status == killed.status, (changes[number], again.body)
            assert "Idempotency-Replayed" not in again.headers
            assert kept.headers["Idempotency-Replayed"] == "true"
            assert kept.body == again.body
        caller = second.with_token(token)
        for task_id in (ended, failed):
            assert (await estate.find(world, task_id, namespace))["spec"]["run"] == 2
        assert (await estate.find(world, paused, namespace))["spec"]["suspend"] is True
        assert (await world.cluster.get(api.SCHEDULES, namespace, "nightly"))["spec"]["runNow"] == 1
        assert (await estate.find(world, other, namespace))["spec"]["priority"] == 1
        assert (await world.cluster.get(api.ENDPOINTS, namespace, "seen"))["spec"]["limits"] == {"streams": 3}
        assert (await caller.get(f"{TASKS}/{deleted}")).body["archived"] is True
        items = (await caller.get(f"{review.url}/items")).body["items"]
        assert [item["id"] for item in items if item["decision"] == "strike"] == [1, 3]
        assert len((await caller.get(RULES)).body["items"]) == 1
        for task_id in (ended, failed, paused):  # the dead one may have died before it could say so
            async with asyncio.timeout(patient(20)):
                while await actions(caller, namespace, task_id) not in (["restart"] * 2, ["pause"] * 2):
                    await asyncio.sleep(0.05)
        onward = caller.with_headers(Idempotency_Key="another")
        await estate.say(world, ended, namespace, phase="Failed", completionTime=estate.stamp())
        assert (await onward.post(f"{TASKS}/{ended}/restart")).status == 200
        assert (await estate.find(world, ended, namespace))["spec"]["run"] == 3
    await world.cluster.delete(api.TYPES, "", task_type)


@pytest.mark.usefixtures("hasty")
async def test_a_request_that_is_worked_on_for_long_keeps_its_key(
    world: World, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_type = await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    token = await world.token(namespace, await world.person(namespace, EVERYTHING))
    begun, go_on, act_on, acts = asyncio.Event(), asyncio.Event(), Managing.act_on, []

    async def slow(self: Managing, *given: object) -> object:
        acts.append(given)
        begun.set()
        await go_on.wait()
        return await act_on(self, *given)  # type: ignore[arg-type]

    async with world.gateway() as one, world.gateway() as two:
        task_id = await estate.submit(one.with_token(token), namespace, task_type)
        monkeypatch.setattr(Managing, "act_on", slow)
        path = f"{TASKS}/{task_id}/pause"
        first, second = (client.with_token(token).with_headers(Idempotency_Key="k") for client in (one, two))
        working = asyncio.create_task(first.post(path))
        await begun.wait()
        for _ in range(3):  # together longer than a dead one's claim would last
            assert (await second.post(path)).refusal == "409 IdempotencyKeyInUse"
        assert (await first.post(path)).refusal == "409 IdempotencyKeyInUse"
        waiting = asyncio.create_task(second.post(path))
        go_on.set()
        assert (await working).status == 200
        late = await waiting
        if late.status != 200:
            assert late.refusal == "409 IdempotencyKeyInUse"
        assert (await second.post(path)).headers["Idempotency-Replayed"] == "true"
        assert len(acts) == 1
    await world.cluster.delete(api.TYPES, "", task_type)


async def test_restarts_at_a_replica_that_is_killed_are_made_once(world: World, pair: Pair) -> None:
    """Many at once; each client asks the other one until there is an answer."""
    tasks = [await estate.submit(pair.client, pair.namespace, pair.type) for _ in range(RESTARTS)]
    for task_id in tasks:
        await estate.say(world, task_id, pair.namespace, phase="Failed", completionTime=estate.stamp())
    answered: list[str] = []

    async def restart(task_id: str) -> None:
        for client in (pair.at(pair.one), *[pair.at(pair.two)] * 60):
            with suppress(aiohttp.ClientError, OSError):
                answer = await client.with_headers(Idempotency_Key=task_id).post(f"{TASKS}/{task_id}/restart")
                if answer.status == 200:
                    answered.append(task_id)
                    return
                assert answer.status in {409, 503}, answer.body
                assert answer.status == 503 or answer.body["code"] == "IdempotencyKeyInUse", answer.body
            await asyncio.sleep(0.1)
        pytest.fail("no answer came")

    work = asyncio.gather(*(restart(task_id) for task_id in tasks))
    await eventually(lambda: len(answered) >= RESTARTS // 6, patient(60))
    await pair.one.end(signal.SIGKILL)
    killed = monotonic()
    await work
    assert monotonic() - killed < patient(30)
    assert sorted(answered) == sorted(tasks)
    for task_id in tasks:
        assert (await estate.find(world, task_id, pair.namespace))["spec"]["run"] == 2
