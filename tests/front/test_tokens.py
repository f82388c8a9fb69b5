"""Tokens of the cluster: whose they are, and which are refused."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from time import time

import orjson
import pytest
from front.world import Client, World, user
from joserfc import jwt
from joserfc.jwk import RSAKey
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.api import names

SESSION = "/api/v1/session"


async def test_a_token_says_who_calls_and_rbac_what_they_may(world: World, client: Client, namespace: str) -> None:
    person = await world.person(namespace, (("asynctasks", "get,list,create"),), (("tasktypes", "list"),))
    answer = await client.with_token(await world.token(namespace, person)).get(SESSION)
    assert answer.status == 200
    assert answer.body["user"] == user(namespace, person)
    assert f"system:serviceaccounts:{namespace}" in answer.body["groups"]
    assert answer.body["namespaces"] == [namespace]
    assert {(right["resource"], right["verb"]) for right in answer.body["rights"]} == {
        ("asynctasks", "list"), ("asynctasks", "create"), ("tasktypes", "list")
    }  # fmt: skip


async def test_without_a_token_nobody_is_let_in(client: Client) -> None:
    answer = await client.get(SESSION)
    assert answer.refusal == "401 Unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("audience", ["asynctask-gateway", "somebody-else", ""])
async def test_a_token_for_something_else_is_refused(
    world: World, client: Client, namespace: str, audience: str
) -> None:
    token = await world.token(namespace, await world.person(namespace), audience=audience)
    assert (await client.with_token(token).get(SESSION)).refusal == "401 InvalidToken"


async def test_the_clusters_own_tokens_are_taken_where_a_setting_says_so(world: World, namespace: str) -> None:
    person = await world.person(namespace)
    async with world.gateway(api_accept_cluster_tokens=True) as client:
        own = await world.token(namespace, person, audience="")
        stage = await world.token(namespace, person, audience="asynctask-gateway")
        assert (await client.with_token(own).get(SESSION)).status == 200
        assert (await client.with_token(stage).get(SESSION)).refusal == "401 InvalidToken"


async def test_a_token_ends_with_its_pod(world: World, client: Client, namespace: str) -> None:
    person = await world.person(namespace)
    spec = {"serviceAccountName": person, "containers": [{"name": "main", "image": "x"}]}
    body = {"metadata": {"name": "pod"}, "spec": spec}
    pod = await world.cluster.create(api.PODS, namespace, body)
    token = await world.token(namespace, person, pod=pod)
    await world.cluster.delete(api.PODS, namespace, "pod")
    again = await world.cluster.create(api.PODS, namespace, body)
    async with asyncio.timeout(patient(30)):  # the API server goes by its own watch of pods, which may be a moment late
        while await passes(world, token):
            await asyncio.sleep(0.02)
    assert (await client.with_token(token).get(SESSION)).refusal == "401 InvalidToken"
    assert (await client.with_token(await world.token(namespace, person, pod=again)).get(SESSION)).status == 200


async def test_a_token_that_has_expired_is_refused(
    world: World, client: Client, namespace: str, kubeconfig: Path
) -> None:
    """Signed with the cluster's own key, since it gives out none for less than ten minutes."""
    person = await world.person(namespace)
    token = await world.token(namespace, person)
    (file,) = kubeconfig.parent.rglob("service-accounts.key")
    key = RSAKey.import_key(file.read_text())
    header, claims = (orjson.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    for ago, refusal in ((-600, ""), (60, "401 InvalidToken")):
        now = int(time())
        signed = jwt.encode(header, claims | {"nbf": now - 900, "iat": now - 900, "exp": now - ago}, key)
        answer = await client.with_token(signed).get(SESSION)
        assert (answer.refusal if answer.status != 200 else "") == refusal


async def passes(world: World, token: str) -> bool:
    """Whether the API server itself takes a token."""
    spec = {"token": token, "audiences": [names.API_AUDIENCE]}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    answer = await world.cluster.create(api.TOKEN_REVIEWS, "", review)
    return bool(answer["status"].get("authenticated"))


async def test_forged_tokens_are_refused(world: World, client: Client, namespace: str) -> None:
    token = await world.token(namespace, await world.person(namespace))
    head, middle, signature = token.split(".")
    unsigned = urlsafe_b64encode(orjson.dumps({"alg": "none", "typ": "JWT"})).decode().rstrip("=")
    other = urlsafe_b64encode(orjson.dumps({"aud": [names.API_AUDIENCE], "sub": "system:admin"})).decode().rstrip("=")
    flipped = signature[:-5] + ("A" if signature[-5] != "A" else "B") + signature[-4:]
    for forged in (
        f"{unsigned}.{middle}.", f"{unsigned}.{middle}.{signature}", f"{head}.{other}.{signature}",
        f"{head}.{middle}.{flipped}", f"{head}.{middle}.", "x", "a.b.c", "é", "..",
    ):  # fmt: skip
        assert (await client.with_token(forged).get(SESSION)).refusal == "401 InvalidToken", forged
    assert (await client.with_headers(Authorization="Basic eDp5").get(SESSION)).refusal == "401 Unauthenticated"


async def test_the_document_is_served_to_anybody(client: Client) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.body["openapi"] == "3.1.0"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_problems_are_told_in_the_callers_language(client: Client) -> None:
    answer = await client.with_headers(Accept_Language="zh-CN").get("/api/v1/nothing")
    assert answer.refusal == "404 NoSuchRoute"
    assert answer.body["title"] == "未找到"
    answer = await client.call("PATCH", SESSION)
    assert answer.refusal == "405 MethodNotAllowed"
    assert answer.body["params"] == {"allowed": "DELETE, GET, POST"}


async def test_a_gateway_for_development_asks_nobody_who_they_are_and_listens_on_loopback_only(world: World) -> None:
    async with world.gateway(api_development=True) as client:
        answer = await client.get(SESSION)
        assert (answer.status, answer.body["via"]) == (200, "development")
