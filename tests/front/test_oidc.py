"""Tokens of an OpenID Connect provider, and signing in through it."""

import asyncio
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest
from front.conftest import Provider
from front.world import Answer, Client, World

SESSION = "/api/v1/session"


@pytest.fixture
async def client(world: World, provider: Provider) -> AsyncIterator[Client]:
    async with world.gateway(**provider.settings) as client:
        yield client


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_token_of_the_provider_is_taken(
    world: World, client: Client, provider: Provider, namespace: str, algorithm: str
) -> None:
    subject = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "oidc:nas-admins"}
    await world.grant(subject, namespace, (("asynctasks", "list"),))
    token = await provider.token(algorithm=algorithm, sub="maria", groups=["nas-admins", "", 5])
    answer = await client.with_token(token).get(SESSION)
    assert (answer.status, answer.body["user"], answer.body["via"]) == (200, "oidc:maria", "oidc")
    assert answer.body["groups"] == ["oidc:nas-admins", "system:authenticated"]
    assert namespace in answer.body["namespaces"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": -3600}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"nbf": 3600}, {"iat": 3600},
        {"aud": "another"}, {"aud": None}, {"aud": ["another"]}, {"sub": None}, {"sub": ""}, {"sub": 5},
        {"sub": "m" * 300}, {"algorithm": "none"}, {"algorithm": "HS256"}, {"kid": "shared"}, {"kid": "rsa-7"},
    ],
    ids=str,  # so no moment may be in them: workers of pytest-xdist must find the same tests
)  # fmt: skip
async def test_a_token_that_is_not_as_it_should_be_is_refused(
    client: Client, provider: Provider, wrong: dict[str, object]
) -> None:
    claims = {
        name: value + int(time.time()) if name in {"exp", "nbf", "iat"} and type(value) is int else value
        for name, value in wrong.items()
    }
    token = await provider.token(**{"sub": "maria", **claims})
    assert (await client.with_token(token).get(SESSION)).refusal == "401 InvalidToken"
    assert (await client.with_token(await provider.token(sub="maria")).get(SESSION)).status == 200


async def test_nobody_becomes_one_of_the_clusters_own(world: World, provider: Provider) -> None:
    async with world.gateway(**provider.settings, oidc_username_prefix="", oidc_groups_prefix="") as client:
        for claims in ({"sub": "system:admin"}, {"sub": "maria", "groups": ["system:masters"]}):
            answer = await client.with_token(await provider.token(**claims)).get(SESSION)
            assert answer.refusal == "401 InvalidToken"
        assert (await client.with_token(await provider.token(sub="maria")).get(SESSION)).body["user"] == "maria"


async def test_an_address_counts_only_when_verified(world: World, provider: Provider) -> None:
    async with world.gateway(**provider.settings, oidc_username_claim="email") as client:
        for verified, status in ((True, 200), (False, 401), (None, 401), ("true", 401)):
            token = await provider.token(sub="m", email="m@example.com", email_verified=verified)
            assert (await client.with_token(token).get(SESSION)).status == status


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "maria@example.com", "email_verified": True}, "maria@example.com"),
        ({"email": "maria@example.com", "email_verified": False}, None),
        ({"email": "maria@example.com"}, None),
        ({"email": "maria@example.com, x@evil.example.com", "email_verified": True}, None),
        ({"email": ["maria@example.com"], "email_verified": True}, None),
    ],
    ids=str,
)
async def test_an_address_that_the_provider_verified_is_where_its_user_is_reached(
    world: World, provider: Provider, claims: dict[str, object], expected: str | None
) -> None:
    database = f"sqlite:///{world.directory}/archive.db"
    async with world.gateway(**provider.settings, archive_url=database) as client:
        user = client.with_token(await provider.token(sub="maria", **claims))
        while (await user.get("/api/v1/notifications/unread")).status == 503:
            await asyncio.sleep(0.05)
        assert (await user.get("/api/v1/notifications/contact")).body.get("signInMail") == expected
        # noted for the notifier, which has no token to ask
        again = client.with_token(await provider.token(sub="maria"))
        assert (await again.get("/api/v1/notifications/contact")).body.get("signInMail") == expected
        other = client.with_token(await provider.token(sub="paul"))
        assert (await other.get("/api/v1/notifications/contact")).body.get("signInMail") is None


async def test_keys_rotate_and_the_provider_may_be_away(client: Client, provider: Provider) -> None:
    before = await provider.token(sub="maria")
    assert (await client.with_token(before).get(SESSION)).status == 200
    await provider.do("away", away=True)
    other = await provider.token(sub="paul")
    assert (await client.with_token(other).get(SESSION)).status == 200


async def test_without_keys_the_answer_is_later_not_no(client: Client, provider: Provider) -> None:
    await provider.do("away", away=True)
    answer = await client.with_token(await provider.token(sub="maria")).get(SESSION)
    assert answer.refusal == "503 Unavailable"
    assert int(answer.headers["Retry-After"]) >= 1


async def test_new_keys_are_found_without_a_restart(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asynctask.gateway.front.auth.oidc.KEYS_RETRY_SECONDS", 0.0)
    old = await provider.token(sub="maria")
    assert (await client.with_token(old).get(SESSION)).status == 200
    await provider.do("rotate")
    assert (await client.with_token(await provider.token(sub="paul")).get(SESSION)).status == 200
    retired = await client.with_token(old + "").get(SESSION)
    assert retired.status == 200  # believed for a minute: its end is checked, its signature was


def cookies(answer: Answer) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for value in answer.headers.getall("Set-Cookie", []):  # type: ignore[attr-defined]
        jar.load(value)
    return {name: morsel.value for name, morsel in jar.items()}


async def arrive(client: Client, provider: Provider, **changed: str) -> tuple[Answer, dict[str, str]]:
    """A login from end to end; `changed` spoils the way back."""
    left = await client.get(f"{SESSION}/login", back="/tasks?status=running")
    assert left.status == 302
    target = left.headers["Location"]
    assert target.startswith(provider.url)
    async with client.session.get(target, allow_redirects=False) as answer:
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
    query = {name: values[0] for name, values in back.items()} | changed
    jar = cookies(left)
    browser = client.with_headers(Cookie="; ".join(f"{name}={value}" for name, value in jar.items()))
    return await browser.get(f"{SESSION}/callback", **query), jar


async def test_a_browser_signs_in_and_changes_need_its_token(client: Client, provider: Provider) -> None:
    answer, _ = await arrive(client, provider)
    assert (answer.status, answer.headers["Location"]) == (302, "/tasks?status=running")
    [set_cookie] = [value for value in answer.headers.getall("Set-Cookie") if "session=" in value]  # type: ignore[attr-defined]
    assert set_cookie.startswith("__Host-asynctask_session=")
    for part in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
        assert part in set_cookie
    browser = client.with_headers(Cookie=f"__Host-asynctask_session={cookies(answer)['__Host-asynctask_session']}")
    session = (await browser.get(SESSION)).body
    assert (session["user"], session["via"]) == ("oidc:maria", "session")
    change = f"{SESSION.removesuffix('session')}preferences"
    body = {"values": {"a": 1}}
    token = session["csrfToken"]
    assert (await browser.put(change, body)).refusal == "403 CsrfCheckFailed"
    assert (await browser.with_headers(X_CSRF_Token=token[:-1] + "x").put(change, body)).status == 403
    trusted = browser.with_headers(X_CSRF_Token=token)
    assert (await trusted.with_headers(Origin="https://evil.example.com").put(change, body)).status == 403
    assert (await trusted.with_headers(Origin="null").put(change, body)).status == 403
    assert (await trusted.with_headers(Origin="https://tasks.example.com").put(change, body)).status == 200
    assert (await browser.get(change)).body == body
    assert (await trusted.delete(SESSION)).status == 204
    assert (await browser.get(SESSION)).refusal == "401 Unauthenticated"


async def test_a_login_ends_only_in_the_browser_that_began_it(client: Client, provider: Provider) -> None:
    for changed in ({"state": "x"}, {"code": "x"}, {"code": ""}, {"state": ""}):
        answer, _ = await arrive(client, provider, **changed)
        assert answer.refusal == "400 LoginFailed"
    assert (await client.get(f"{SESSION}/callback", code="x", state="y")).refusal == "400 LoginFailed"


@pytest.mark.parametrize("back", ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "x", "/a b"])
async def test_a_login_leads_nowhere_else(client: Client, back: str) -> None:
    assert (await client.get(f"{SESSION}/login", back=back)).refusal == "400 InvalidField back:WrongFormat"


async def test_without_a_provider_there_is_no_such_login(world: World) -> None:
    async with world.gateway() as client:
        assert (await client.get(f"{SESSION}/login")).refusal == "404 NoLogin"
