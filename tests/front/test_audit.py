"""Every change has a record, whatever becomes of the database; what was refused has one too."""

from typing import Any

from front.world import EVERYTHING, Client, World, user

AUDIT = "/api/v1/audit"
KEYS = "/api/v1/api-keys"


async def administrator(world: World, client: Client, namespace: str) -> tuple[Client, str]:
    person = await world.person(namespace, EVERYTHING, EVERYTHING)
    return client.with_token(await world.token(namespace, person)), user(namespace, person)


async def records(admin: Client, **query: Any) -> list[dict[str, Any]]:
    answer = await admin.get(AUDIT, **query)
    assert answer.status == 200, answer.body
    return list(answer.body["items"])


async def test_a_change_is_recorded_with_who_what_and_from_where(world: World, client: Client, namespace: str) -> None:
    admin, name = await administrator(world, client, namespace)
    key = (await admin.post(KEYS, {"label": "nas", "actions": ["read"]})).body
    [record] = await records(admin, objectId=key["id"])
    assert (record["caller"], record["via"], record["address"]) == (name, "kubernetes", "127.0.0.1")
    assert (record["action"], record["kind"], record["name"], record["status"]) == (
        "createApiKey",
        "ApiKey",
        "nas",
        201,
    )
    assert record["after"]["actions"] == ["read"]
    assert key["token"] not in str(record)
    await admin.delete(f"{KEYS}/{key['id']}")
    assert [record["action"] for record in await records(admin, objectId=key["id"])] == ["revokeApiKey", "createApiKey"]


async def test_a_change_is_recorded_with_what_was_before_and_what_is_after(
    world: World, client: Client, namespace: str
) -> None:
    admin, name = await administrator(world, client, namespace)
    uid = (await world.task(namespace, priority=4))["metadata"]["uid"]
    assert (await admin.call("PATCH", f"/api/v1/tasks/{uid}", {"priority": 2})).status == 200
    [record] = await records(admin, objectId=uid)
    assert (record["caller"], record["kind"], record["namespace"]) == (name, "AsyncTask", namespace)
    assert (record["before"]["priority"], record["after"]["priority"]) == (4, 2)


async def test_a_change_that_was_refused_is_recorded_too(world: World, client: Client, namespace: str) -> None:
    admin, _ = await administrator(world, client, namespace)
    person = await world.person(namespace)
    poor = client.with_token(await world.token(namespace, person))
    await poor.post(KEYS, {"label": "nas"})
    [record] = await records(admin, caller=user(namespace, person))
    assert (record["action"], record["status"], record["code"]) == ("createApiKey", 404, "NotFound")


async def test_pages_and_filters(world: World, client: Client, namespace: str) -> None:
    admin, name = await administrator(world, client, namespace)
    for number in range(5):
        await admin.post(KEYS, {"label": f"nas-{number}"})
    first = (await admin.get(AUDIT, caller=name, limit=3)).body
    second = (await admin.get(AUDIT, caller=name, limit=3, cursor=first["next"])).body
    assert [item["name"] for item in first["items"] + second["items"]] == [f"nas-{n}" for n in (4, 3, 2, 1, 0)]
    assert "next" not in second
    assert await records(admin, caller=name, end=first["items"][-1]["time"]) == second["items"]
    for cursor in ("x", "WzEsMl0", "bnVsbA", "[]", "é", "W10=", "WyJhIiwiYiJd"):
        assert (await admin.get(AUDIT, cursor=cursor)).refusal == "400 InvalidField cursor:InvalidValue"


async def test_the_audit_takes_a_right_by_namespace(world: World, client: Client, namespace: str) -> None:
    nobody = await world.someone(client, namespace)
    assert (await nobody.get(AUDIT)).refusal == "404 NotFound"
    auditor = await world.someone(client, namespace, ("auditrecords", "list"))
    assert (await auditor.get(AUDIT)).status == 200
    assert (await auditor.get(AUDIT, namespace="kube-system")).refusal == "404 NotFound"
    assert (await auditor.get(AUDIT, namespace=namespace)).body == {"items": []}


async def test_a_gateway_without_an_archive_serves_the_rest(world: World, namespace: str) -> None:
    async with world.gateway(archive_url="") as client:
        admin, _ = await administrator(world, client, namespace)
        assert (await admin.get(AUDIT)).refusal == "404 NoArchive"
        assert (await admin.post(KEYS, {"label": "a"})).refusal == "404 NoArchive"
        assert (await admin.get("/api/v1/session")).status == 200
