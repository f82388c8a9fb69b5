"""Queues, endpoints, types and schedules through the API; overview, calendar, bandwidth."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from front import estate
from front.world import Client, World
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.api import names

EVERYTHING = (("*", "*"),)


@pytest.fixture
async def admin(world: World, client: Client, namespace: str) -> Client:
    person = await world.person(namespace, (), EVERYTHING)
    return client.with_token(await world.token(namespace, person))


@pytest.fixture
async def task_type(world: World) -> AsyncIterator[str]:
    name = await estate.make_type(world)
    yield name
    await world.cluster.delete(api.TYPES, "", name)


async def test_a_queue_lives_its_life(admin: Client) -> None:
    name = f"queue-{secrets.token_hex(4)}"
    made = await admin.post("/api/v1/queues", {"name": name, "spec": {"maxRunning": 2}})
    assert (made.status, made.body["spec"]["maxRunning"]) == (201, 2)
    path = f"/api/v1/queues/{name}"
    assert name in [item["name"] for item in (await admin.get("/api/v1/queues", text=name)).body["items"]]

    change = {"spec": {"maxRunning": 3}}
    assert (await admin.put(path, change)).refusal == "428 PreconditionRequired"
    etag = made.headers["ETag"]
    assert (await admin.with_headers(If_Match=etag).put(path, change)).body["spec"]["maxRunning"] == 3
    assert (await admin.with_headers(If_Match=etag).put(path, change)).refusal == "412 PreconditionFailed"
    assert (await admin.with_headers(If_Match="nonsense").put(path, change)).refusal.startswith("400")

    held = (await admin.post(f"{path}/suspend", {"suspendRunning": True})).body["spec"]
    assert (held["suspend"], held["suspendRunning"]) == (True, True)
    assert (await admin.post(f"{path}/resume")).body["spec"]["suspend"] is False
    assert (await admin.delete(path)).status == 204
    assert (await admin.get(path)).refusal == "404 NotFound"


async def test_rules_of_the_api_server_are_told_by_field(admin: Client) -> None:
    spec = {"suspendRunning": True, "maxRunning": 1}
    answer = await admin.post("/api/v1/queues", {"name": f"q-{secrets.token_hex(4)}", "spec": spec})
    assert answer.refusal == "400 InvalidField spec.suspendRunning:InvalidValue"
    answer = await admin.post("/api/v1/queues", {"name": "x", "spec": {"maxRunnin": 1}})
    assert answer.refusal == "400 InvalidField spec.maxRunnin:UnknownField"


async def test_a_type_that_makes_no_sense_is_refused(admin: Client) -> None:
    spec: dict[str, Any] = {
        "configSchema": {"type": "objekt"},
        "stages": [{"name": "a", "when": "(", "job": {"image": "x"}}],
    }
    answer = await admin.post("/api/v1/types", {"name": f"t-{secrets.token_hex(4)}", "spec": spec})
    assert answer.status == 400
    assert {error["code"] for error in answer.body["errors"]} == {"InvalidType", "InvalidExpression"}


async def test_endpoints_are_listed_by_namespace_and_checked(world: World, admin: Client, namespace: str) -> None:
    body = {"namespace": namespace, "name": "nas", "spec": {"path": "/nas/a", "volume": {"claimName": "a"}}}
    assert (await admin.post("/api/v1/endpoints", body)).status == 201
    twin = {**body, "name": "twin"}
    assert (await admin.post("/api/v1/endpoints", twin)).refusal == "400 InvalidField spec.path:InvalidLocation"
    found = (await admin.get("/api/v1/endpoints", namespace=namespace)).body["items"]
    assert [item["name"] for item in found] == ["nas"]
    assert (await admin.get(f"/api/v1/namespaces/{namespace}/endpoints/nas")).status == 200


async def test_lists_of_objects_have_pages(world: World, admin: Client, namespace: str) -> None:
    for number in range(5):
        await estate.make_endpoint(world, namespace, f"nas-{number}")
    names: list[str] = []
    cursor = ""
    while len(names) < 5 or cursor:
        page = (await admin.get("/api/v1/endpoints", namespace=namespace, limit=2, cursor=cursor)).body
        names += [item["name"] for item in page["items"]]
        cursor = page.get("nextCursor", "")
        if not cursor and len(names) < 5:
            names = []  # the view is a moment behind
    assert names == [f"nas-{number}" for number in range(5)]
    assert (await admin.get("/api/v1/endpoints", cursor="x")).refusal == "400 InvalidCursor"


async def test_a_schedule_is_made_previewed_run_and_shown_in_the_calendar(
    world: World, admin: Client, namespace: str, task_type: str
) -> None:
    await estate.make_endpoint(world, namespace)
    template = {"spec": {"type": task_type, "config": {"source_path": "/nas/photos"}}}
    spec = {"schedule": "30 2 * * *", "timeZone": "Asia/Taipei", "taskTemplate": template}
    body = {"namespace": namespace, "name": "nightly", "spec": spec}

    wrong = {**body, "spec": {**spec, "schedule": "61 2 * * *", "taskTemplate": {"spec": {"type": task_type}}}}
    assert (await admin.post("/api/v1/schedules", wrong)).refusal == (
        "400 InvalidField spec.schedule:InvalidSchedule spec.taskTemplate.spec.config.source_path:InvalidConfig"
    )
    assert (await admin.post("/api/v1/schedules", body)).status == 201
    path = f"/api/v1/namespaces/{namespace}/schedules/nightly"
    assert (await admin.post(f"{path}/run")).body["spec"]["runNow"] == 1
    assert (await admin.post(f"{path}/suspend")).body["spec"]["suspend"] is True

    times = {"since": "2030-01-01T00:00:00Z", "until": "2030-01-04T00:00:00Z", "namespace": namespace}
    entries = (await admin.get("/api/v1/schedules/calendar", **times)).body["items"]
    assert [entry["time"] for entry in entries] == [f"2030-01-0{day}T18:30:00Z" for day in (1, 2, 3)]
    assert all(entry["suspended"] for entry in entries)
    preview = await admin.get(
        "/api/v1/schedules/preview", schedule="0 6 * * 1", timeZone="UTC", count=2, after="2030-01-01T00:00:00Z"
    )
    assert preview.body["times"] == ["2030-01-07T06:00:00Z", "2030-01-14T06:00:00Z"]
    assert (await admin.get("/api/v1/schedules/preview", schedule="99 6 * * 1")).refusal == (
        "400 InvalidField schedule:InvalidSchedule"
    )
    late = {**times, "until": "2031-01-01T00:00:00Z"}
    assert (await admin.get("/api/v1/schedules/calendar", **late)).refusal == "400 InvalidField until:InvalidRange"


async def test_the_overview_says_what_needs_somebody(
    world: World, admin: Client, namespace: str, task_type: str
) -> None:
    task = await world.task(namespace, "lost", type=task_type)
    uid = task["metadata"]["uid"]
    await estate.say(world, uid, namespace, phase="Failed", message="disk full", completionTime=estate.stamp())
    while not (found := (await admin.get("/api/v1/overview", namespace=namespace)).body)["needs"]:
        pass
    assert found["counts"] == {"failed": 1}
    assert [(need["kind"], need["name"], need["message"]) for need in found["needs"]] == [
        ("Failed", "lost", "disk full")
    ]
    assert found["dataAgeSeconds"] == 0


async def test_the_overview_says_what_runs_and_how_fresh_the_last_good_result_is(
    world: World, admin: Client, namespace: str, task_type: str
) -> None:
    task = await world.task(namespace, "busy", type=task_type)
    await estate.say(world, task["metadata"]["uid"], namespace, phase="Running", startTime=estate.stamp())
    plan = {"schedule": "0 3 * * *", "freshness": {"maxAgeSeconds": 60}, "taskTemplate": {"spec": {"type": task_type}}}
    for name, status, reason in (
        ("good", "True", "Fresh"),
        ("old", "False", "Stale"),
        ("soon", "True", "MissPredicted"),
    ):
        body = {"apiVersion": names.API_VERSION, "kind": "TaskSchedule", "metadata": {"name": name}, "spec": plan}
        await world.cluster.create(api.SCHEDULES, namespace, body)
        since = estate.stamp()
        told = {"type": "Fresh", "status": status, "reason": reason, "message": name, "lastTransitionTime": since}
        await world.cluster.patch(api.SCHEDULES, namespace, name, {"status": {"conditions": [told]}}, "status")
    expected = {"good": "Fresh", "old": "Stale", "soon": "AtRisk"}
    async with asyncio.timeout(patient(20)):
        while True:
            found = (await admin.get("/api/v1/overview", namespace=namespace)).body
            states = {each["name"]: each["state"] for each in found["freshness"]}
            if states == expected and found["running"]:
                break
            await asyncio.sleep(0.02)
    assert [line["name"] for line in found["running"]] == ["busy"]
    assert {need["name"]: need["kind"] for need in found["needs"]} == {"old": "Stale", "soon": "AtRisk"}
    assert found["needCounts"] == {"Stale": 1, "AtRisk": 1}


async def test_bandwidth_is_told_against_the_limit(world: World, admin: Client, namespace: str) -> None:
    await estate.make_endpoint(world, namespace, limits={"megabytesPerSecond": 50, "streams": 2})
    while not (items := (await admin.get("/api/v1/bandwidth", namespace=namespace)).body["items"]):
        pass
    assert (items[0]["limitBytesPerSecond"], items[0]["usedBytesPerSecond"], items[0]["streamLimit"]) == (
        50_000_000,
        0,
        2,
    )


async def test_who_may_not_list_them_sees_none(world: World, client: Client, admin: Client, namespace: str) -> None:
    nobody = await world.someone(client, namespace)
    assert (await nobody.get("/api/v1/endpoints")).body["items"] == []
    assert (await nobody.get("/api/v1/queues")).refusal == "404 NotFound"
    reader = await world.someone(client, namespace, ("storageendpoints", "get,list"))
    body = {"namespace": namespace, "name": "nas", "spec": {"path": "/nas/a", "volume": {"claimName": "a"}}}
    assert (await reader.post("/api/v1/endpoints", body)).refusal == "403 Forbidden"
    assert (await nobody.post("/api/v1/endpoints", body)).refusal == "404 NotFound"


async def test_shares_are_looked_into_one_level_at_a_time(world: World, client: Client, namespace: str) -> None:
    await estate.make_endpoint(world, namespace, "photos")
    await estate.make_endpoint(world, namespace, "music")
    top = world.directory / "locations" / namespace / "photos"
    (top / "2020").mkdir(parents=True)
    (top / "note.txt").write_text("hello")
    (top / "out").symlink_to("/etc")
    person = await world.person(namespace, (*estate.TASKS, *EVERYTHING))
    reader = await world.person(namespace, (("storageendpoints", "get,list"), ("asynctasks", "get,list")))
    async with world.gateway(locations_directory=str(world.directory / "locations")) as gateway:
        mine = gateway.with_token(await world.token(namespace, person))
        look = f"/api/v1/locations?namespace={namespace}&path="
        while (answer := await mine.get(f"{look}/nas/photos")).status == 400:
            assert answer.body["errors"][0]["code"] == "EndpointNotFound"  # the view is a moment behind
        assert [(item["name"], item["kind"]) for item in answer.body["items"]] == [
            ("2020", "Directory"), ("note.txt", "File"), ("out", "Link")
        ]  # fmt: skip
        for path, refusal in (
            ("/nas/photos/out", "409 LocationNotADirectory"),
            ("/nas/photos/none", "404 LocationNotThere"),
            ("/nas/photos/../music", "400 InvalidField path:InvalidLocation"),
            ("/etc", "400 InvalidField path:EndpointNotFound"),
            ("/nas/music", "409 LocationNotVisible"),
        ):
            assert (await mine.get(look + path)).refusal == refusal
        found = (await mine.get(look.replace("?", "/check?") + "/nas/photos/2020")).body
        assert (found["exists"], found["endpoint"]) == (True, "photos")
        assert found["freeBytes"] > 0
        looker = gateway.with_token(await world.token(namespace, reader))
        assert (await looker.get(f"{look}/nas/photos")).refusal == "403 Forbidden"
