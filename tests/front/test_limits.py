"""How much anybody may send, how often, and what happens when what the API rests on is away."""

import asyncio
from typing import Any

import aiohttp
from front.world import EVERYTHING, Client, World, user
from support.ports import free_port

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import Connection

PREFERENCES = "/api/v1/preferences"
SESSION = "/api/v1/session"
KEYS = "/api/v1/api-keys"


async def test_too_much_is_refused(world: World, client: Client, namespace: str) -> None:
    someone = await world.someone(client, namespace)
    deep = b'{"values": ' + b'{"a": ' * 40 + b"1" + b"}" * 40 + b"}"
    many = b'{"values": {"a": [' + b"0," * 60_000 + b"0]}}"
    for data, refusal in (
        (b'{"values": {"a": "' + b"x" * (1 << 20) + b'"}}', "413 TooLarge"),
        (b'{"values": {"a": "' + b"x" * 20_000 + b'"}}', "413 TooLarge"),
        (deep, "400 NestedTooDeeply"),
        (many, "400 TooManyValues"),
        (b"[" * 100_000, "400 InvalidJson"),
        (b'{"values": {"a": "\xff"}}', "400 InvalidJson"),
        (b'{"values": {}, "values": {}}', "400 InvalidField values:DuplicateField"),
        (b'{"values": {}, "other": 1}', "400 InvalidField other:UnknownField"),
    ):
        assert (await someone.call("PUT", PREFERENCES, data=data)).refusal == refusal
    form = someone.with_headers(Content_Type="text/plain")
    assert (await form.call("PUT", PREFERENCES, data=b"{}")).refusal == "415 UnsupportedMedia"
    packed = someone.with_headers(Content_Encoding="gzip")
    assert (await packed.call("PUT", PREFERENCES, data=b"{}")).status in {400, 415}


async def test_who_calls_too_often_is_slowed_down_alone(world: World, namespace: str) -> None:
    async with world.gateway(api_calls_per_second=5) as client:
        wild, calm = await world.someone(client, namespace), await world.someone(client, namespace)
        answers = await asyncio.gather(*(wild.get(PREFERENCES) for _ in range(40)))
        refused = [answer for answer in answers if answer.status == 429]
        assert 15 <= len(refused) <= 30
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert (await calm.get(PREFERENCES)).status == 200


async def test_who_guesses_tokens_is_held_up_but_not_who_has_one(world: World, client: Client, namespace: str) -> None:
    known = await world.someone(client, namespace)
    assert (await known.get(PREFERENCES)).status == 200
    answers = [await client.with_token(f"atk_guess{n}").get(SESSION) for n in range(30)]
    assert {answer.status for answer in answers} == {401, 429}
    assert answers[-1].refusal == "429 TooManyRequests"
    assert (await known.get(PREFERENCES)).status == 200


async def test_without_the_api_server_the_answer_is_later_not_yes(
    world: World, connection: Connection, namespace: str
) -> None:
    token = await world.token(namespace, await world.person(namespace, EVERYTHING))
    away = Connection(f"http://127.0.0.1:{free_port()}", ssl=False)
    async with api.Cluster(away) as nowhere, world.gateway(cluster=nowhere) as client:
        answer = await client.with_token(token).get(SESSION)
        assert answer.refusal == "503 Unavailable"
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_change_sent_twice_under_one_key_is_made_once(world: World, client: Client, namespace: str) -> None:
    someone = (await world.someone(client, namespace)).with_headers(Idempotency_Key="one")
    first = await someone.put(PREFERENCES, {"values": {"a": 1}})
    again = await someone.put(PREFERENCES, {"values": {"a": 1}})
    assert (first.status, again.status, first.body) == (200, 200, again.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await someone.put(PREFERENCES, {"values": {"a": 2}})
    assert other.refusal == "422 IdempotencyKeyReused"
    neighbour = (await world.someone(client, namespace)).with_headers(Idempotency_Key="one")
    assert (await neighbour.put(PREFERENCES, {"values": {"a": 3}})).status == 200
    spoilt = someone.with_headers(Idempotency_Key="x" * 300)
    assert (await spoilt.put(PREFERENCES, {"values": {}})).refusal == "400 InvalidField Idempotency-Key:TooLong"


async def test_a_key_holds_over_a_restart(world: World, namespace: str) -> None:
    token = await world.token(namespace, await world.person(namespace))
    for replayed in (None, "true"):
        async with world.gateway() as client:
            someone = client.with_token(token).with_headers(Idempotency_Key="one")
            answer = await someone.put(PREFERENCES, {"values": {"a": 1}})
            assert (answer.status, answer.headers.get("Idempotency-Replayed")) == (200, replayed)


async def test_a_session_with_a_token_of_the_cluster(world: World, namespace: str) -> None:
    person = await world.person(namespace, EVERYTHING)
    async with world.gateway() as client:
        begun = await client.post(SESSION, {"token": await world.token(namespace, person)})
        assert begun.status == 200
        assert 0 < begun.body["seconds"] <= 3600
        cookie = begun.headers["Set-Cookie"].partition(";")[0]
        browser = client.with_headers(Cookie=cookie)
        session = (await browser.get(SESSION)).body
        assert (session["user"], session["csrfToken"]) == (user(namespace, person), begun.body["csrfToken"])
        kept = b"".join(path.read_bytes() for path in world.directory.glob("archive.db*"))
        assert cookie.partition("=")[2].encode() not in kept
        assert (await client.post(SESSION, {"token": "x.y.z"})).refusal == "401 InvalidToken"


async def test_another_tenants_object_and_none_are_told_alike(world: World, client: Client, namespace: str) -> None:
    task: dict[str, Any] = await world.task(namespace)
    stranger = await world.someone(client, await world.namespace(), *EVERYTHING)
    theirs = await stranger.get(f"/api/v1/tasks/{task['metadata']['uid']}")
    none = await stranger.get("/api/v1/tasks/00000000-0000-4000-8000-000000000000")
    assert theirs.refusal == none.refusal == "404 NotFound"
    same = {name: value for name, value in theirs.body.items() if name != "instance"}
    assert same == {name: value for name, value in none.body.items() if name != "instance"}


async def test_a_body_that_breaks_off_harms_nobody(client: Client, world: World, namespace: str) -> None:
    token = await world.token(namespace, await world.person(namespace))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
    head = f"PUT {PREFERENCES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n"
    writer.write(f"{head}Authorization: Bearer {token}\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    async with aiohttp.ClientSession() as session, session.get(client.url + "/api/v1/openapi.json") as answer:
        assert answer.status == 200
