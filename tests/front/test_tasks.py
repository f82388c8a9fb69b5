"""`/api/v1/tasks`: the same power, resource by resource."""

from typing import Any

import pytest
from front import estate
from front.test_nas import Shop, shop
from front.world import Client

from asynctask.adapters import cluster as api

TASKS = "/api/v1/tasks"
__all__ = ["shop"]


def wanted(shop: Shop, **spec: Any) -> dict[str, Any]:
    """A task to submit."""
    return {"namespace": shop.namespace, "spec": {"type": shop.type, "config": {"source_path": "/nas/photos"}, **spec}}


async def make(shop: Shop, **spec: Any) -> str:
    answer = await shop.client.post(TASKS, wanted(shop, **spec))
    assert answer.status == 201, answer.body
    return str(answer.body["taskId"])


async def seen(client: Client, count: int, **query: Any) -> list[dict[str, Any]]:
    """The list once it shows so many: the view is a moment behind the API server."""
    while True:
        found = (await client.get(TASKS, **query)).body["items"]
        if len(found) == count:
            return list(found)


async def test_a_task_is_made_and_shown_whole(shop: Shop) -> None:
    answer = await shop.client.post(TASKS, {**wanted(shop, priority=1), "name": "mine", "labels": {"team": "film"}})
    assert answer.status == 201
    task = (await shop.client.get(answer.headers["Location"])).body
    assert (task["name"], task["status"], task["phase"], task["priority"]) == ("mine", "queued", "Pending", 1)
    assert (task["owner"], task["labels"], task["config"]) == (
        shop.person, {"team": "film"}, {"source_path": "/nas/photos"}
    )  # fmt: skip
    assert (await shop.client.post(TASKS, {**wanted(shop), "name": "mine"})).refusal == "409 AlreadyThere"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"spec": {}}, "400 InvalidField spec:InvalidStages"),
        ({"spec": {"typ": "x"}}, "400 InvalidField spec.typ:UnknownField"),
        ({"name": "No Name"}, "400 InvalidField name:WrongFormat"),
        ({"labels": {"bad key": "x"}}, "400 InvalidField labels.bad key:WrongFormat"),
        ({"namespace": "../kube-system"}, "400 InvalidField namespace:WrongFormat"),
        ({"spec": {"type": "x", "stages": [{"name": "a", "job": {"image": "x"}}]}}, "400 InvalidField spec.type:UnknownType"),
        ({"spec": {"stages": [{"name": "a"}]}}, "400 InvalidField spec.stages[0]:InvalidValue"),
        ({"spec": {"stages": [{"name": "a", "needs": ["a"], "job": {"image": "x"}}]}}, "400 InvalidField spec.stages[0].needs:CycleInNeeds"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_field(shop: Shop, change: dict[str, Any], refusal: str) -> None:
    assert (await shop.client.post(TASKS, {**wanted(shop), **change})).refusal == refusal


async def test_lists_are_narrow_unless_more_is_asked_for(shop: Shop) -> None:
    await make(shop)
    [row] = await seen(shop.client, 1, type=shop.type)
    assert not {"config", "stages", "spec", "conditions"} & row.keys()
    [row] = await seen(shop.client, 1, type=shop.type, fields="name,config,stages")
    assert row.keys() == {"taskId", "name", "config", "stages"}
    assert (await shop.client.get(TASKS, fields="secrets")).refusal == "400 InvalidField fields[0]:NotAChoice"


async def test_filters_and_pages(shop: Shop) -> None:
    ids = [await make(shop, priority=1 + number % 2) for number in range(6)]
    await estate.say(shop.world, ids[0], shop.namespace, phase="Failed", message="disk full")
    assert {row["priority"] for row in await seen(shop.client, 3, type=shop.type, priority=2)} == {2}
    assert [row["taskId"] for row in await seen(shop.client, 1, namespace=shop.namespace, status="failed")] == ids[:1]
    assert [row["taskId"] for row in await seen(shop.client, 1, namespace=shop.namespace, text="DISK full")] == ids[:1]
    assert len(await seen(shop.client, 6, owner=shop.person)) == 6
    assert await seen(shop.client, 0, owner="nobody") == []
    assert await seen(shop.client, 0, namespace=shop.namespace, submittedUntil="2020-01-01T00:00:00Z") == []
    whole = await seen(shop.client, 6, namespace=shop.namespace)
    order = [(row["submitTime"], row["taskId"]) for row in whole]
    assert order == sorted(order, reverse=True)

    paged: list[str] = []
    cursor = ""
    while cursor or not paged:
        page = (await shop.client.get(TASKS, namespace=shop.namespace, limit=4, cursor=cursor)).body
        paged += [row["taskId"] for row in page["items"]]
        cursor = page.get("nextCursor", "")
    assert paged == [row["taskId"] for row in whole]


async def test_a_cursor_of_another_list_is_refused(shop: Shop) -> None:
    for _ in range(2):
        await make(shop)
    await seen(shop.client, 2, type=shop.type)
    cursor = (await shop.client.get(TASKS, type=shop.type, limit=1)).body["nextCursor"]
    assert (await shop.client.get(TASKS, limit=1, cursor=cursor)).refusal == "400 InvalidCursor"


async def test_times_need_an_offset(shop: Shop) -> None:
    assert (await shop.client.get(TASKS, submittedSince="2026-01-01T00:00:00")).status == 400


async def test_a_change_names_the_version_that_was_seen(shop: Shop) -> None:
    path = f"{TASKS}/{await make(shop)}"
    etag = (await shop.client.get(path)).headers["ETag"]
    answer = await shop.client.with_headers(If_Match=etag).call("PATCH", path, {"priority": 1, "suspend": True})
    assert (answer.status, answer.body["priority"], answer.body["spec"]["suspend"]) == (200, 1, True)
    late = await shop.client.with_headers(If_Match=etag).call("PATCH", path, {"priority": 5})
    assert late.refusal == "412 PreconditionFailed"
    assert (await shop.client.call("PATCH", path, {"priority": None})).body["spec"].get("priority") is None
    assert (await shop.client.call("PATCH", path, {})).refusal == "400 BadRequest"
    assert (await shop.client.call("PATCH", path, {"type": "x"})).refusal == "400 InvalidField type:UnknownField"


async def test_actions_say_what_has_changed(shop: Shop) -> None:
    path = f"{TASKS}/{await make(shop)}"
    assert (await shop.client.post(f"{path}/pause", {"reason": "later"})).body["changed"] is True
    assert (await shop.client.post(f"{path}/pause")).body["changed"] is False
    assert (await shop.client.get(path)).body["reason"] == "later"
    assert (await shop.client.post(f"{path}/restart")).body["changed"] is True
    task = (await shop.client.get(path)).body
    assert (task["run"], task["spec"]["suspend"]) == (2, False)
    assert (await shop.client.delete(path)).body["changed"] is True
    assert (await shop.client.post(f"{path}/explode")).refusal in {"404 NoSuchRoute", "405 MethodNotAllowed"}


async def test_bulk_counts_first_and_does_it_to_those_that_were_counted(shop: Shop) -> None:
    ids = {await make(shop) for _ in range(4)}
    await seen(shop.client, 4, namespace=shop.namespace)
    ask = {
        "action": "pause",
        "filter": {"namespace": [shop.namespace], "status": ["queued"], "priority": [3]},
        "reason": "upgrade",
    }
    counted = (await shop.client.post(f"{TASKS}/actions", ask)).body
    assert (counted["count"], counted["done"]) == (4, False)
    assert {row["taskId"] for row in counted["sample"]} == ids

    ids.add(await make(shop))
    await seen(shop.client, 5, namespace=shop.namespace)
    late = await shop.client.post(f"{TASKS}/actions", {**ask, "digest": counted["digest"]})
    assert late.refusal == "409 SelectionChanged"
    assert late.body["params"]["count"] == 5
    done = (await shop.client.post(f"{TASKS}/actions", {**ask, "digest": late.body["params"]["digest"]})).body
    assert (done["count"], done["done"], done["failures"]) == (5, True, [])
    for task_id in ids:
        assert (await estate.find(shop.world, task_id, shop.namespace))["spec"]["suspend"] is True


async def test_bulk_reaches_no_further_than_its_caller(shop: Shop) -> None:
    await make(shop)
    await seen(shop.client, 1, namespace=shop.namespace)
    ask: dict[str, Any] = {"action": "delete", "filter": {}}
    assert (await (await shop.stranger()).post(f"{TASKS}/actions", ask)).body["count"] == 0
    reader = await shop.world.someone(shop.anybody, shop.namespace, *estate.READER)
    assert (await reader.post(f"{TASKS}/actions", ask)).body["count"] == 0
    assert (await shop.client.post(f"{TASKS}/actions", {"action": "prioritize", "filter": {}})).refusal == (
        "400 InvalidField priority:Missing"
    )


async def test_anothers_task_is_as_if_it_were_not_there(shop: Shop) -> None:
    path, stranger = f"{TASKS}/{await make(shop)}", await shop.stranger()
    for answer in (
        await stranger.get(path),
        await stranger.get(f"{path}/runs"),
        await stranger.get(f"{path}/stages"),
        await stranger.get(f"{path}/waiting"),
        await stranger.call("PATCH", path, {"priority": 1}),
        await stranger.post(f"{path}/pause"),
        await stranger.delete(path),
    ):
        assert answer.refusal == "404 NotFound"
    assert (await stranger.get(TASKS)).body["items"] == []


async def test_a_task_is_checked_without_being_made(shop: Shop) -> None:
    good = (await shop.client.post(f"{TASKS}/validate", wanted(shop))).body
    assert (good["valid"], good["priority"], good["config"]["keep"]) == (True, 3, 3)
    window = {"timeZone": "Mars/Olympus", "ranges": [{"start": "01:00", "end": "02:00"}]}
    bad = (await shop.client.post(f"{TASKS}/validate", wanted(shop, config={"kep": 1}, window=window))).body
    assert not bad["valid"]
    assert {(error["field"], error["code"]) for error in bad["errors"]} == {
        ("spec.config.kep", "InvalidConfig"),
        ("spec.config.source_path", "InvalidConfig"),
        ("spec.window.timeZone", "InvalidWindow"),
    }
    assert await seen(shop.client, 0, namespace=shop.namespace) == []


async def test_graphs_are_checked(shop: Shop) -> None:
    check = "/api/v1/graphs/check"
    stages = [{"name": "a", "needs": ["b"]}, {"name": "b", "needs": ["c"]}, {"name": "c", "needs": ["a"]}]
    answer = (await shop.client.post(check, {"stages": stages})).body
    assert not answer["valid"]
    assert answer["cycle"][0] == answer["cycle"][-1]
    assert set(answer["cycle"]) == {"a", "b", "c"}
    assert (await shop.client.post(check, {"stages": [{"name": "x"}, {"name": "y"}]})).body["order"] == [
        "x",
        "y",
    ]
    await shop.client.post(TASKS, {**wanted(shop, dependsOn=[{"name": "last"}]), "name": "middle"})
    ask = {"namespace": shop.namespace, "name": "last", "dependsOn": ["middle"]}
    assert (await shop.client.post(check, ask)).body["cycle"] == ["last", "middle", "last"]
    assert (await shop.client.post(check, {**ask, "dependsOn": ["other"]})).body["valid"] is True
    assert (await shop.client.post(check, {})).refusal == "400 InvalidField stages:GiveOneOf"


async def test_why_a_task_waits_is_told_with_code_and_parameters(shop: Shop) -> None:
    task_id = await make(shop)
    waiting = {"reason": "QueueFull", "message": "2 of 2 run", "queue": "nas", "ahead": 3, "since": estate.stamp()}
    await estate.say(shop.world, task_id, shop.namespace, phase="Queued", waiting=waiting)
    answer = (await shop.client.with_headers(Accept_Language="zh").get(f"{TASKS}/{task_id}/waiting")).body
    assert (answer["waits"], answer["code"], answer["params"]["ahead"]) == (True, "QueueFull", 3)
    assert "nas" in answer["message"]
    assert "队列" in answer["message"]


async def test_runs_and_stages_are_told(shop: Shop) -> None:
    task_id = await make(shop)
    body = await estate.find(shop.world, task_id, shop.namespace)
    runs = [{"run": 1, "phase": "Failed", "message": "disk full", "startTime": estate.stamp()}]
    await estate.say(shop.world, task_id, shop.namespace, phase="Running", run=2, runs=runs)
    await shop.client.post(f"{TASKS}/{task_id}/restart")
    await estate.say(shop.world, task_id, shop.namespace, phase="Running", run=2, runs=runs)
    items = (await shop.client.get(f"{TASKS}/{task_id}/runs")).body["items"]
    assert [(run["run"], run["status"]) for run in items] == [(2, "running"), (1, "failed")]

    meta = body["metadata"]
    stage = {
        "apiVersion": body["apiVersion"],
        "kind": "Stage",
        "metadata": {"name": "scan-1", "namespace": shop.namespace},
        "spec": {
            "taskName": meta["name"], "taskUID": task_id, "run": 2,
            "template": {"name": "scan", "job": {"image": "x"}},
        },
    }  # fmt: skip
    await shop.world.cluster.create(api.STAGES, shop.namespace, stage)
    checkpoint = {"sequence": 4, "attempt": 1, "data": {"offset": 42}, "time": estate.stamp()}
    status = {"phase": "Running", "checkpoint": checkpoint}
    await shop.world.cluster.patch(api.STAGES, shop.namespace, "scan-1", {"status": status}, "status")
    while not (found := (await shop.client.get(f"{TASKS}/{task_id}/stages")).body["items"]):
        pass
    assert (found[0]["name"], found[0]["run"], found[0]["status"]) == ("scan", 2, "running")
    while (answer := await shop.client.get(f"{TASKS}/{task_id}/stages/scan/checkpoint")).status != 200:
        pass
    assert answer.body["data"] == {"offset": 42}
    assert (await shop.client.get(f"{TASKS}/{task_id}/stages/scan")).body["state"]["phase"] == "Running"
    assert (await shop.client.get(f"{TASKS}/{task_id}/stages/none")).refusal == "404 NotFound"
