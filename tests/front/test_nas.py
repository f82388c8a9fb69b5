"""The interface that existing NAS applications call."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from front import estate
from front.world import Client, World, user

from asynctask.adapters import cluster as api
from asynctask.api import names


@dataclass
class Shop:
    """A type, a namespace with an endpoint, and somebody who may do everything there."""

    world: World
    anybody: Client
    client: Client
    namespace: str
    type: str
    person: str

    async def submit(self, **more: Any) -> str:
        return await estate.submit(self.client, self.namespace, self.type, **more)

    async def stranger(self) -> Client:
        """Somebody with rights elsewhere alone."""
        return await self.world.someone(self.anybody, await self.world.namespace(), *estate.TASKS)


@pytest.fixture
async def shop(world: World, client: Client, namespace: str) -> AsyncIterator[Shop]:
    task_type = await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    person = await world.person(namespace, estate.TASKS)
    mine = client.with_token(await world.token(namespace, person))
    yield Shop(world, client, mine, namespace, task_type, user(namespace, person))
    await world.cluster.delete(api.TYPES, "", task_type)


async def test_a_task_is_handed_over_and_asked_after(shop: Shop) -> None:
    task_id = await shop.submit(priority=2)
    body = await estate.find(shop.world, task_id, shop.namespace)
    assert body["spec"]["config"] == {"source_path": "/nas/photos"}
    assert body["metadata"]["annotations"][names.ANNOTATION_SUBMITTED_BY] == shop.person

    answer = await shop.client.get("/query_task", task_id=task_id)
    assert answer.status == 200
    report = answer.body
    assert (report["status"], report["priority"], report["task_type"]) == ("queued", 2, shop.type)
    assert (report["task_config"], report["stages"]) == ({"source_path": "/nas/photos"}, [])


async def test_the_config_may_be_json_in_a_string(shop: Shop) -> None:
    task_id = await shop.submit(task_config=json.dumps({"source_path": "/nas/photos/2020", "keep": 7}))
    report = (await shop.client.get("/query_task", task_id=task_id)).body
    assert report["task_config"] == {"source_path": "/nas/photos/2020", "keep": 7}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"task_type": "nothing-of-the-kind"}, "400 InvalidField task_type:UnknownType"),
        ({"task_type": None}, "400 InvalidField task_type:WrongType"),
        ({"task_type": "Not A Name"}, "400 InvalidField task_type:WrongFormat"),
        ({"task_config": {}}, "400 InvalidField task_config.source_path:InvalidConfig"),
        ({"task_config": {"source_path": "/nas/photos", "keep": 0}}, "400 InvalidField task_config.keep:InvalidConfig"),
        ({"task_config": {"source_path": "/nas/photos", "kep": 1}}, "400 InvalidField task_config.kep:InvalidConfig"),
        ({"task_config": {"source_path": "/usb/x"}}, "400 InvalidField task_config.source_path:EndpointNotFound"),
        ({"task_config": {"source_path": "/nas/photos/../x"}}, "400 InvalidField task_config.source_path:InvalidLocation"),
        ({"task_config": "{"}, "400 InvalidField task_config:InvalidJson"),
        ({"task_config": "[1]"}, "400 InvalidField task_config:WrongType"),
        ({"task_config": '{"a": 1, "a": 2}'}, "400 InvalidField task_config.a:DuplicateField"),
        ({"task_config": '{"a": ' * 40 + "1" + "}" * 40}, "400 InvalidField task_config:NestedTooDeeply"),
        ({"task_config": 7}, "400 InvalidField task_config:WrongType"),
        ({"priority": 0}, "400 InvalidField priority:TooSmall"),
        ({"priority": 6}, "400 InvalidField priority:TooGreat"),
        ({"priority": "2"}, "400 InvalidField priority:WrongType"),
        ({"priority": 2.5}, "400 InvalidField priority:WrongType"),
        ({"queue": "no-such-queue"}, "400 InvalidField queue:UnknownQueue"),
        ({"colour": "red"}, "400 InvalidField colour:UnknownField"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_field_and_nothing_is_made(
    shop: Shop, change: dict[str, Any], refusal: str
) -> None:
    body = {
        "task_type": shop.type, "task_config": {"source_path": "/nas/photos"}, "namespace": shop.namespace, **change
    }  # fmt: skip
    answer = await shop.client.post("/submit_task", body)
    assert answer.refusal == refusal
    assert all(error["message"] and "{" not in error["message"] for error in answer.body["errors"])
    assert (await shop.client.get("/query_task", namespace=shop.namespace)).body["tasks"] == []


async def test_reasons_are_told_in_chinese_too(shop: Shop) -> None:
    answer = await shop.client.with_headers(Accept_Language="zh").post(
        "/submit_task", {"task_type": "none", "namespace": shop.namespace}
    )
    assert answer.body["errors"][0]["message"].startswith("任务类型不存在")


async def test_who_may_not_submit_there_is_not_told_that_it_is_there(shop: Shop) -> None:
    stranger = await shop.stranger()
    body = {"task_type": shop.type, "task_config": {"source_path": "/nas/photos"}, "namespace": shop.namespace}
    assert (await stranger.post("/submit_task", body)).refusal == "404 NotFound"
    reader = await shop.world.someone(shop.anybody, shop.namespace, *estate.READER)
    assert (await reader.post("/submit_task", body)).refusal == "403 Forbidden"


async def test_an_administrator_who_names_no_namespace_that_exists_is_told_so(shop: Shop) -> None:
    person = await shop.world.person(shop.namespace, (), (("*", "*"),))
    admin = shop.anybody.with_token(await shop.world.token(shop.namespace, person))
    answer = await admin.post("/submit_task", {"task_type": shop.type, "task_config": {}, "namespace": "no-such"})
    assert answer.status == 400


async def test_the_same_request_with_the_same_key_makes_one_task(shop: Shop) -> None:
    body = {"task_type": shop.type, "task_config": {"source_path": "/nas/photos"}, "namespace": shop.namespace}
    client = shop.client.with_headers(Idempotency_Key="order-1")
    first, again = await client.post("/submit_task", body), await client.post("/submit_task", body)
    assert first.status == again.status == 200
    assert first.body == again.body
    assert len((await shop.client.get("/query_task", namespace=shop.namespace)).body["tasks"]) == 1
    other = await client.post("/submit_task", {**body, "priority": 1})
    assert other.status in {409, 422}
    assert other.body["code"] == "IdempotencyKeyReused"


async def test_a_task_is_paused_resumed_and_cancelled(shop: Shop) -> None:
    task_id = await shop.submit()
    answer = await shop.client.put("/pause_task", {"task_id": task_id, "reason": "the night is over"})
    assert answer.status == 200
    assert "pauses" in answer.body["message"]
    body = await estate.find(shop.world, task_id, shop.namespace)
    assert body["spec"]["suspend"] is True
    assert body["metadata"]["annotations"][names.ANNOTATION_ACTION_REASON] == "the night is over"

    again = await shop.client.put("/pause_task", task_id=task_id)
    assert (again.status, "already" in again.body["message"]) == (200, True)
    assert (await shop.client.put("/resume_task", {"task_id": task_id})).status == 200
    assert (await estate.find(shop.world, task_id, shop.namespace))["spec"]["suspend"] is False
    assert (await shop.client.put("/cancel_task", {"task_id": task_id})).status == 200
    assert (await estate.find(shop.world, task_id, shop.namespace))["spec"]["cancel"] is True


async def test_a_task_that_has_ended_is_restarted_from_the_start_or_from_a_stage_again_and_again(shop: Shop) -> None:
    task_id = await shop.submit()
    stages = [{"name": "scan", "phase": "Succeeded"}, {"name": "copy", "phase": "Failed"}]
    for run, stage in ((2, None), (3, "copy"), (4, "copy"), (5, None)):
        await estate.say(
            shop.world, task_id, shop.namespace, phase="Failed", stages=stages, completionTime=estate.stamp()
        )
        order = {"task_id": task_id, **({"stage": stage} if stage else {})}
        answer = await shop.client.put("/restart_task", order)
        assert answer.status == 200, answer.body
        spec = (await estate.find(shop.world, task_id, shop.namespace))["spec"]
        assert (spec["run"], spec.get("restartFrom")) == (run, stage)
    assert (await shop.client.put("/restart_task", {"task_id": task_id, "stage": "none"})).refusal == (
        "400 InvalidField stage:UnknownStage"
    )


async def test_what_has_ended_is_not_paused(shop: Shop) -> None:
    task_id = await shop.submit()
    await estate.say(shop.world, task_id, shop.namespace, phase="Succeeded", completionTime=estate.stamp())
    for action in ("pause", "resume", "cancel"):
        answer = await shop.client.put(f"/{action}_task", {"task_id": task_id})
        assert answer.refusal == "409 TaskEnded"
        assert answer.body["params"]["status"] == "completed"
    report = (await shop.client.get("/query_task", task_id=task_id)).body
    assert (report["status"], report["progress"]["percent"]) == ("completed", 100)


async def test_priority_is_changed(shop: Shop) -> None:
    task_id = await shop.submit()
    assert (await shop.client.put("/change_priority", {"task_id": task_id, "priority": 1})).status == 200
    assert (await shop.client.get("/query_task", task_id=task_id)).body["priority"] == 1
    assert (await shop.client.put("/change_priority", {"task_id": task_id, "priority": 9})).status == 400


async def test_a_deleted_task_leaves_the_cluster(shop: Shop) -> None:
    task_id = await shop.submit()
    answer = await shop.client.delete("/delete_task", task_id=task_id)
    assert answer.status == 200
    with pytest.raises(AssertionError):
        await estate.find(shop.world, task_id, shop.namespace)


async def test_orders_name_a_task(shop: Shop) -> None:
    assert (await shop.client.put("/pause_task")).refusal == "400 InvalidField task_id:Missing"
    assert (await shop.client.put("/pause_task", {"task_id": "x"}, task_id="y")).status == 400
    assert (await shop.client.put("/pause_task", {"task_id": "not-an-id"})).refusal == "404 NotFound"
    missing = "00000000-0000-4000-8000-000000000000"
    assert (await shop.client.put("/pause_task", {"task_id": missing})).refusal == "404 NotFound"
    assert (await shop.client.get("/query_task", task_id=missing)).refusal == "404 NotFound"


async def test_anothers_task_is_as_if_it_were_not_there(shop: Shop) -> None:
    task_id, stranger = await shop.submit(), await shop.stranger()
    assert (await stranger.get("/query_task", task_id=task_id)).refusal == "404 NotFound"
    assert (await stranger.get("/query_task")).body["tasks"] == []
    assert (await stranger.get("/query_task", namespace=shop.namespace)).body["tasks"] == []
    for action in ("pause", "resume", "cancel", "restart"):
        assert (await stranger.put(f"/{action}_task", {"task_id": task_id})).refusal == "404 NotFound"
    assert (await stranger.delete("/delete_task", task_id=task_id)).refusal == "404 NotFound"
    reader = await shop.world.someone(shop.anybody, shop.namespace, *estate.READER)
    assert (await reader.put("/pause_task", {"task_id": task_id})).refusal == "403 Forbidden"
    assert (await reader.get("/query_task", task_id=task_id)).status == 200


async def test_tasks_are_found_by_type_time_and_state_in_pages(shop: Shop) -> None:
    mine = {await shop.submit() for _ in range(5)}
    done = next(iter(mine))
    await estate.say(shop.world, done, shop.namespace, phase="Succeeded", completionTime=estate.stamp())
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await shop.client.get("/query_task", task_type=shop.type, page_size=2, cursor=cursor)).body
        assert all(task["task_config"] == {"source_path": "/nas/photos"} for task in page["tasks"])
        seen += [task["task_id"] for task in page["tasks"]]
        cursor = page.get("next_cursor", "")
        if not cursor:
            break
    assert sorted(seen) == sorted(mine)

    async def until_completed() -> list[str]:
        while True:
            found = (await shop.client.get("/query_task", task_type=shop.type, status="completed")).body["tasks"]
            if found:
                return [task["task_id"] for task in found]

    assert await until_completed() == [done]
    assert (await shop.client.get("/query_task", task_type=shop.type, submit_time_end="2020-01-01 00:00:00")).body[
        "tasks"
    ] == []
    since = (await shop.client.get("/query_task", task_type=shop.type, submit_time_start="2020-01-01T00:00:00Z")).body
    assert len(since["tasks"]) == 5


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"status": "done"}, "400 InvalidField status[0]:NotAChoice"),
        ({"submit_time_start": "yesterday"}, "400 InvalidField submit_time_start:InvalidTime"),
        ({"page_size": 0}, "400 InvalidField page_size:TooSmall"),
        ({"page_size": 101}, "400 InvalidField page_size:TooGreat"),
        ({"cursor": "x' OR 1=1"}, "400 InvalidCursor"),
        ({"color": "red"}, "400 InvalidField color:UnknownField"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(shop: Shop, query: dict[str, Any], refusal: str) -> None:
    assert (await shop.client.get("/query_task", **query)).refusal == refusal
