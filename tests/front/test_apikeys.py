"""API keys: shown once, narrowed, revocable, never more than their owner."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from front.world import EVERYTHING, Answer, Client, World

KEYS = "/api/v1/api-keys"
SESSION = "/api/v1/session"
AUDIT = "/api/v1/audit"


async def made(owner: Client, **scope: Any) -> dict[str, Any]:
    answer = await owner.post(KEYS, {"label": "nas", **scope})
    assert answer.status == 201, answer.body
    return dict(answer.body)


async def session(client: Client, key: dict[str, Any]) -> Answer:
    return await client.with_token(key["token"]).get(SESSION)


async def test_a_key_acts_for_its_owner_until_it_is_revoked(world: World, client: Client, namespace: str) -> None:
    owner = await world.someone(client, namespace, *EVERYTHING)
    key = await made(owner, namespaces=[namespace])
    answer = await session(client, key)
    assert (answer.status, answer.body["via"], answer.body["namespaces"]) == (200, "apikey", [namespace])
    assert answer.body["user"] == (await owner.get(SESSION)).body["user"]
    [listed] = (await owner.get(KEYS)).body["items"]
    assert "token" not in listed
    assert listed["id"] == key["id"]
    revoked = await owner.delete(f"{KEYS}/{key['id']}")
    assert revoked.body["revokeTime"]
    assert (await session(client, key)).refusal == "401 InvalidToken"
    assert (await owner.delete(f"{KEYS}/{key['id']}")).body["revokeTime"] == revoked.body["revokeTime"]


async def test_a_key_is_narrowed(world: World, client: Client) -> None:
    one, two = await world.namespace(), await world.namespace()
    person = await world.person(one, EVERYTHING, ((["asynctasks", "stages", "apikeys"][0], "*"), ("apikeys", "*")))
    owner = client.with_token(await world.token(one, person))
    assert (await owner.get(SESSION)).body.get("namespaces") is None
    narrow = await session(client, await made(owner, namespaces=[one, two], actions=["read"]))
    assert narrow.body["namespaces"] == sorted([one, two])
    assert {right["verb"] for right in narrow.body["rights"]} == {"list"}
    elsewhere = await session(client, await made(owner, namespaces=["nowhere-to-be-found"]))
    assert elsewhere.body["namespaces"] == ["nowhere-to-be-found"]  # its owner may everywhere, so it may where it names
    control = await session(client, await made(owner, actions=["control", "submit"]))
    assert {(right["resource"], right["verb"]) for right in control.body["rights"]} == {
        ("asynctasks", "create"), ("asynctasks", "patch")
    }  # fmt: skip


async def test_a_key_has_no_rights_that_its_owner_lost(world: World, client: Client, namespace: str) -> None:
    owner = await world.someone(client, namespace, ("apikeys", "create"))
    key = await made(owner, namespaces=[namespace])
    assert (await session(client, key)).body["namespaces"] == []


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, "label:Missing"),
        ({"label": ""}, "label:TooShort"),
        ({"label": "a", "namespaces": []}, "namespaces:TooShort"),
        ({"label": "a", "namespaces": ["../x"]}, "namespaces[0]:WrongFormat"),
        ({"label": "a", "actions": ["everything"]}, "actions[0]:NotAChoice"),
        ({"label": "a", "expireTime": "yesterday"}, "expireTime:InvalidTime"),
        ({"label": "a", "owner": "system:admin"}, "owner:UnknownField"),
    ],
)
async def test_a_wrong_key_is_refused_with_its_field(
    world: World, client: Client, namespace: str, body: dict[str, Any], refusal: str
) -> None:
    owner = await world.someone(client, namespace, *EVERYTHING)
    assert (await owner.post(KEYS, body)).refusal == f"400 InvalidField {refusal}"


async def test_keys_end(world: World, client: Client, namespace: str) -> None:
    owner = await world.someone(client, namespace, *EVERYTHING)
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    refused = await owner.post(KEYS, {"label": "a", "namespaces": [namespace], "expireTime": past})
    assert refused.refusal == "400 InvalidField expireTime:InvalidValue"


async def test_keys_take_a_right_and_make_no_keys(world: World, client: Client, namespace: str) -> None:
    poor = await world.someone(client, namespace, ("asynctasks", "*"))
    assert (await poor.post(KEYS, {"label": "a", "namespaces": [namespace]})).refusal == "404 NotFound"
    owner = await world.someone(client, namespace, *EVERYTHING)
    assert (await owner.post(KEYS, {"label": "a"})).refusal == "404 NotFound"  # in all namespaces
    key = await made(owner, namespaces=[namespace])
    with_key = client.with_token(key["token"])
    assert (await with_key.post(KEYS, {"label": "b", "namespaces": [namespace]})).refusal == "409 NotForApiKeys"
    assert (await with_key.delete(f"{KEYS}/{key['id']}")).refusal == "409 NotForApiKeys"
    assert (await client.post(SESSION, {"token": key["token"]})).refusal == "409 NotForApiKeys"


async def test_others_keys_are_not_there(world: World, client: Client, namespace: str) -> None:
    owner, other = [await world.someone(client, namespace, *EVERYTHING) for _ in range(2)]
    key = await made(owner, namespaces=[namespace])
    assert (await other.get(KEYS)).body["items"] == []
    assert (await other.get(KEYS, all="true")).refusal == "404 NotFound"
    mine = await other.delete(f"{KEYS}/{key['id']}")
    missing = await other.delete(f"{KEYS}/no-such-key")
    assert mine.refusal == missing.refusal == "404 NotFound"
    assert (await session(client, key)).status == 200


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.replace("atk_", "atk_0"), lambda t: "atk_"]
)
async def test_what_is_nearly_a_key_is_none(world: World, client: Client, namespace: str, change: Any) -> None:
    owner = await world.someone(client, namespace, *EVERYTHING)
    key = await made(owner, namespaces=[namespace])
    assert (await client.with_token(change(key["token"])).get(SESSION)).refusal == "401 InvalidToken"


async def test_only_a_digest_is_kept(world: World, client: Client, namespace: str) -> None:
    owner = await world.someone(client, namespace, *EVERYTHING)
    key = await made(owner, namespaces=[namespace])
    [record] = (await owner.get(AUDIT, namespace=namespace, kind="ApiKey")).body["items"] or [None]
    secret = key["token"].rpartition("_")[2].encode()
    kept = b"".join(path.read_bytes() for path in world.directory.glob("archive.db*"))
    assert key["id"].encode() in kept
    assert secret not in kept
    assert record is None or key["token"] not in str(record)
