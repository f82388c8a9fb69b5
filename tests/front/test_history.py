"""Cluster and archive as one list; what a replica's death and an archive that is away do to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import orjson
import pytest
from front import estate
from front.test_nas import Shop, shop
from front.test_tasks import TASKS, make, seen
from front.world import World
from gateway import world as stages

from asynctask.adapters import cluster as api

__all__ = ["shop"]


async def archived(shop: Shop, count: int) -> list[str]:
    """Tasks that were deleted, once the list shows them as history."""
    ids = [await make(shop) for _ in range(count)]
    for task_id in ids:
        await estate.say(shop.world, task_id, shop.namespace, phase="Succeeded", completionTime=estate.stamp())
        assert (await shop.client.delete(f"{TASKS}/{task_id}")).status == 200
    while True:
        rows = (await shop.client.get(TASKS, namespace=shop.namespace)).body["items"]
        if sum(row.get("archived", False) for row in rows) == count:
            return ids


async def test_a_deleted_task_is_history_and_never_vanishes(shop: Shop) -> None:
    task_id = await make(shop, priority=2)
    await estate.say(shop.world, task_id, shop.namespace, phase="Succeeded", completionTime=estate.stamp())
    assert (await shop.client.delete(f"{TASKS}/{task_id}")).status == 200
    while True:  # at no moment is it in neither
        row = (await shop.client.get(TASKS, namespace=shop.namespace)).body["items"]
        assert [each["taskId"] for each in row] == [task_id]
        if row[0].get("archived"):
            break
    task = (await shop.client.get(f"{TASKS}/{task_id}")).body
    assert (task["status"], task["archived"], task["config"]) == ("completed", True, {"source_path": "/nas/photos"})
    report = (await shop.client.get("/query_task", task_id=task_id)).body
    assert (report["archived"], report["status"], report["priority"]) == (True, "completed", 2)
    assert [run["run"] for run in (await shop.client.get(f"{TASKS}/{task_id}/runs")).body["items"]] == [1]
    assert (await shop.client.post(f"{TASKS}/{task_id}/pause")).refusal == "409 TaskArchived"
    assert (await shop.client.delete(f"{TASKS}/{task_id}")).refusal == "409 TaskArchived"
    stranger = await shop.stranger()
    assert (await stranger.get(f"{TASKS}/{task_id}")).refusal == "404 NotFound"
    assert (await stranger.get(TASKS)).body["items"] == []


@pytest.mark.parametrize("archive_url", ["sqlite", "postgresql"], indirect=True)
async def test_stages_and_their_checkpoints_are_history_too(shop: Shop, world: World) -> None:
    task_id = await make(shop)
    task = await estate.find(world, task_id, shop.namespace)
    stage = await stages.World(world.cluster, shop.namespace, world.directory, world.session).stage(task)
    saved = {"sequence": 7, "attempt": 2, "time": estate.stamp(), "data": {"file": "照片/7", "offset": 2**40}}
    status = {"phase": "Failed", "attempt": 2, "checkpoint": saved, "completionTime": estate.stamp()}
    await world.cluster.patch(api.STAGES, shop.namespace, stage["metadata"]["name"], {"status": status}, "status")
    whole = f"{TASKS}/{task_id}/stages/{stage['spec']['template']['name']}"
    path = f"{whole}/checkpoint"
    async with asyncio.timeout(60):
        while (live := await shop.client.get(path)).status != 200:
            await asyncio.sleep(0.05)
        before = await shop.client.get(whole)
        await estate.say(world, task_id, shop.namespace, phase="Failed", completionTime=estate.stamp())
        assert (await shop.client.delete(f"{TASKS}/{task_id}")).status == 200
        while not (await shop.client.get(f"{TASKS}/{task_id}")).body.get("archived"):
            await asyncio.sleep(0.05)
        with suppress(api.NotFound):  # the garbage collector may have been faster
            await world.cluster.delete(api.STAGES, shop.namespace, stage["metadata"]["name"])
        while [
            (line["name"], line.get("archived"))
            for line in (await shop.client.get(f"{TASKS}/{task_id}/stages")).body["items"]
        ] != [("copy", True)]:
            await asyncio.sleep(0.05)
    kept = await shop.client.get(path)
    assert kept.status == 200
    assert kept.body == live.body
    assert kept.body["data"] == saved["data"]
    after = await shop.client.get(whole)
    assert after.status == 200
    assert after.body.pop("archived") is True
    assert after.body == before.body
    assert after.body["status"] == "failed"
    assert after.body["spec"]["template"] == stage["spec"]["template"]
    stranger = await shop.stranger()
    for asked in (path, whole):
        assert (await shop.client.get(asked, run=2)).refusal == "404 NotFound"
        assert (await shop.client.get(asked.replace("/copy", "/paste"))).refusal == "404 NotFound"
        assert (await stranger.get(asked)).refusal == "404 NotFound"


async def test_pages_walk_through_both(shop: Shop) -> None:
    gone, live = await archived(shop, 3), [await make(shop) for _ in range(3)]
    await seen(shop.client, 6, namespace=shop.namespace)
    paged: list[str] = []
    cursor = ""
    while cursor or not paged:
        page = (await shop.client.get(TASKS, namespace=shop.namespace, limit=2, cursor=cursor, fields="config")).body
        assert all(row["config"] for row in page["items"])
        paged += [row["taskId"] for row in page["items"]]
        cursor = page.get("nextCursor", "")
    assert sorted(paged) == sorted([*gone, *live])
    assert len(await seen(shop.client, 3, namespace=shop.namespace, status="completed")) == 3


async def test_while_the_archive_is_away_the_list_says_so_and_leaves_no_silent_gap(
    shop: Shop, world: World, tmp_path: Path
) -> None:
    for _ in range(3):
        await make(shop)
    await seen(shop.client, 3, namespace=shop.namespace)
    cursor = (await shop.client.get(TASKS, namespace=shop.namespace, limit=1)).body["nextCursor"]
    nowhere = f"sqlite:///{tmp_path / 'no' / 'such' / 'place' / 'archive.db'}"
    (tmp_path / "no").write_text("in the way")
    async with world.gateway(archive_url=nowhere, wait=False) as other:
        client = other.with_headers(Authorization=shop.client.headers["Authorization"])
        page = (await client.get(TASKS, namespace=shop.namespace, limit=1)).body
        while not page["items"]:
            page = (await client.get(TASKS, namespace=shop.namespace, limit=1)).body
        assert page["archive"] == "Unavailable"
        walk = [page["items"][0]["taskId"]]
        while token := page.get("nextCursor"):
            page = (await client.get(TASKS, namespace=shop.namespace, limit=1, cursor=token)).body
            walk += [row["taskId"] for row in page["items"]]
        assert len(walk) == 3
        begun_with_history = await client.get(TASKS, namespace=shop.namespace, limit=1, cursor=cursor)
        assert begun_with_history.refusal == "503 ArchiveAway"
        assert int(begun_with_history.headers["Retry-After"]) > 0
        live = walk[0]
        assert (await client.get(f"{TASKS}/{live}")).status == 200
        assert (await client.delete(f"{TASKS}/{live}")).refusal == "503 ArchiveAway"
        assert (await estate.find(world, live, shop.namespace))["metadata"]["uid"] == live


async def test_without_an_archive_the_list_is_the_cluster(shop: Shop, world: World) -> None:
    task_id = await make(shop)
    async with world.gateway(archive_url="") as other:
        client = other.with_headers(Authorization=shop.client.headers["Authorization"])
        while not (page := (await client.get(TASKS, namespace=shop.namespace)).body)["items"]:
            pass
        assert page["archive"] == "None"
        assert (await client.delete(f"{TASKS}/{task_id}")).status == 200


async def test_what_one_replica_takes_the_other_knows_at_once(shop: Shop, world: World) -> None:
    async with world.gateway() as other:
        client = other.with_headers(Authorization=shop.client.headers["Authorization"])
        for _ in range(10):
            task_id = await make(shop)
            assert (await client.get(f"{TASKS}/{task_id}")).status == 200


async def test_clients_go_on_at_the_other_replica_and_nothing_is_made_twice(shop: Shop, world: World) -> None:
    """One replica ends in the middle of many submits; each client repeats its request at the other."""
    keys = [f"order-{number}" for number in range(60)]
    body = {"task_type": shop.type, "task_config": {"source_path": "/nas/photos"}, "namespace": shop.namespace}
    begun = asyncio.Event()
    answers: dict[str, str] = {}

    async with world.gateway() as doomed:
        dying = doomed.with_headers(Authorization=shop.client.headers["Authorization"])

        async def order(key: str) -> None:
            if len(answers) > 10:
                begun.set()
            for client in (dying, shop.client, shop.client, shop.client):
                try:
                    answer = await client.with_headers(Idempotency_Key=key).post("/submit_task", body)
                except (OSError, TimeoutError, aiohttp.ClientError):
                    continue
                if answer.status == 200:
                    answers[key] = answer.body["task_id"]
                    return
            pytest.fail(f"{key} was not taken")

        gate = asyncio.Semaphore(4)

        async def limited(key: str) -> None:
            async with gate:
                await order(key)

        orders = asyncio.gather(*(limited(key) for key in keys))
        await begun.wait()
    await orders
    assert len(set(answers.values())) == len(keys)
    found = [item async for item in _uids(shop)]
    assert sorted(found) == sorted(answers.values())


async def _uids(shop: Shop) -> AsyncIterator[str]:
    async for raw, _ in shop.world.cluster.pages(api.TASKS, shop.namespace):
        for item in orjson.loads(raw)["items"]:
            yield item["metadata"]["uid"]
