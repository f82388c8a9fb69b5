"""Tokens of an OpenID Connect provider, checked here with the keys that it publishes.

Only signatures of key pairs are taken: with `none` or a shared secret anybody could have made the token.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import Any, Self
from urllib.parse import quote_plus, urlsplit

import aiohttp
import orjson
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from asynctask.api import names
from asynctask.core.notifications.rules import is_mail
from asynctask.gateway.caching import Cache
from asynctask.gateway.front.auth.identities import MAX_NAME
from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.problems import InvalidToken, Unavailable
from asynctask.settings import GatewaySettings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
LEEWAY_SECONDS = 30
"""How far the provider's clock may be from ours."""
KEYS_SECONDS = 600.0
"""Published keys are read again after this time, and when a token names one that is not among them."""
KEYS_RETRY_SECONDS = 5.0
KEYS_KEPT_SECONDS = 86_400.0
"""While the provider is away its last keys serve for so long."""
DISCOVERY_SECONDS = 3600.0
ANSWER_BYTES = 1 << 20
SECONDS = 10.0
BELIEVED_SECONDS = 60.0
"""A token's signature is not checked again for so long; its end is."""
REFUSAL_SECONDS = 5.0

log = structlog.get_logger("api")


@dataclass(frozen=True)
class Claims:
    """What the provider says of a person."""

    caller: Caller
    expires: float
    nonce: str


class Provider:
    """One provider, the one of the settings. Use it as an async context manager."""

    def __init__(
        self, settings: GatewaySettings, clock: Callable[[], float] = monotonic, now: Callable[[], float] = time
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._discovery: tuple[float, Mapping[str, Any]] | None = None
        self._keys: KeySet | None = None
        self._keys_read = self._keys_tried = float("-inf")
        self._lock = asyncio.Lock()
        self._verified = Cache[bytes, Claims](
            BELIEVED_SECONDS, refusal_seconds=REFUSAL_SECONDS, refusal=InvalidToken, clock=clock
        )

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=self._settings.oidc_ca_file or None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            headers={"User-Agent": "asynctask-gateway", "Accept": "application/json"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def endpoint(self, name: str) -> str:
        """An endpoint from the discovery document. Raises Unavailable."""
        return str((await self._discovered()).get(name, ""))

    async def verify(self, token: str, address: str) -> Claims:
        """Who the token is of. Raises InvalidToken, and Unavailable when no keys can be had."""
        found = await self._verified.get(_digest(token), lambda _: self._verify(token))
        if found.expires <= self._now() - LEEWAY_SECONDS:
            raise InvalidToken
        return replace(found, caller=replace(found.caller, address=address))

    async def _verify(self, token: str) -> Claims:
        try:
            claims = await self._decoded(token)
            caller, expires = self._checked(claims)
        except (JoseError, ValueError, TypeError, KeyError, UnicodeError) as error:
            log.info("a token of the provider was refused", error=type(error).__name__)
            raise InvalidToken from None
        return Claims(caller, expires, str(claims.get("nonce", "")))

    def knows(self, token: str) -> bool:
        """Whether it was found good a moment ago."""
        return self._verified.has(_digest(token))

    async def redeem(self, code: str, verifier: str, redirect: str) -> str:
        """The ID token for the code of a login. Raises InvalidToken and Unavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
            "client_id": self._settings.oidc_client_id,
        }
        secret = self._secret()
        headers = _basic(self._settings.oidc_client_id, secret) if secret else {}
        status, answer = await self._ask("POST", await self.endpoint("token_endpoint"), data=form, headers=headers)
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            log.warning("the provider gave no token for a login", status=status, error=str(answer.get("error"))[:100])
            raise InvalidToken
        return token

    def _secret(self) -> str:
        path = self._settings.oidc_client_secret_file
        return Path(path).read_text().strip() if path else ""

    async def _decoded(self, token: str) -> Mapping[str, Any]:
        keys = await self._key_set(fresh=False)
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            # by a key that was published since? joserfc says so in several ways
            renewed = await self._key_set(fresh=True)
            if renewed is keys:
                raise
            return jwt.decode(token, renewed, algorithms=ALGORITHMS).claims

    def _checked(self, claims: Mapping[str, Any]) -> tuple[Caller, float]:
        settings, now = self._settings, self._now()
        audience = claims.get("aud")
        expected = settings.oidc_audience or settings.oidc_client_id
        if claims.get("iss") != settings.oidc_issuer:
            raise ValueError("another issuer")
        if expected not in (audience if isinstance(audience, list) else [audience]):
            raise ValueError("another audience")
        if not _number(claims["exp"]) > now - LEEWAY_SECONDS:
            raise ValueError("expired")
        if _number(claims.get("nbf", 0)) > now + LEEWAY_SECONDS or _number(claims.get("iat", 0)) > now + LEEWAY_SECONDS:
            raise ValueError("not valid yet")
        name = claims[settings.oidc_username_claim]
        if settings.oidc_username_claim == "email" and claims.get("email_verified") is not True:
            raise ValueError("an address that nobody verified")
        if not isinstance(name, str) or not name:
            raise ValueError("no user name")
        user = settings.oidc_username_prefix + name
        groups = tuple(settings.oidc_groups_prefix + group for group in _texts(claims.get(settings.oidc_groups_claim)))
        if user.startswith("system:") or any(group.startswith("system:") for group in groups):
            raise ValueError("names of the cluster's own")  # no provider makes anybody an administrator of it
        if len(user) > MAX_NAME or "\0" in user:
            raise ValueError("an unusable name")
        extra = {names.EXTRA_MAIL: (mail,)} if (mail := _mail(claims)) else {}
        return Caller(user, (*groups, "system:authenticated"), extra, via="oidc"), _number(claims["exp"])

    async def _key_set(self, *, fresh: bool) -> KeySet:
        async with self._lock:
            age = self._clock() - self._keys_read
            tried = self._clock() - self._keys_tried
            wanted = tried >= KEYS_RETRY_SECONDS if fresh or age >= KEYS_SECONDS else False
            if self._keys is not None and not wanted:
                return self._keys
            self._keys_tried = self._clock()
            try:
                _, answer = await self._ask("GET", await self.endpoint("jwks_uri"))
                self._keys = KeySet.import_key_set({"keys": _asymmetric(answer.get("keys"))})
                self._keys_read = self._clock()
            except (Unavailable, JoseError, ValueError, TypeError, KeyError) as error:
                log.warning("the provider's keys can't be read", error=repr(error)[:200])
                if self._keys is None or age > KEYS_KEPT_SECONDS:
                    raise Unavailable(retry_after=5) from None
            return self._keys

    async def _discovered(self) -> Mapping[str, Any]:
        if self._discovery and self._clock() - self._discovery[0] < DISCOVERY_SECONDS:
            return self._discovery[1]
        try:
            self._discovery = (self._clock(), await self._discover())
        except Unavailable:
            if not self._discovery:
                raise
        return self._discovery[1]

    async def _discover(self) -> Mapping[str, Any]:
        issuer = self._settings.oidc_issuer
        status, found = await self._ask("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
        if status != 200 or found.get("issuer") != issuer:
            log.warning("the provider's discovery document is of another issuer", status=status)
            raise Unavailable(retry_after=5)
        return found

    async def _ask(self, method: str, url: str, **options: Any) -> tuple[int, Mapping[str, Any]]:
        """One request; the answer must be a JSON object. Raises Unavailable."""
        if urlsplit(url).scheme not in {"http", "https"} or self._session is None:
            raise Unavailable(retry_after=10)
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                answer = orjson.loads(await _bounded(response))
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            log.warning("the provider can't be reached", error=type(error).__name__)
            raise Unavailable(retry_after=5) from None
        if response.status >= 500 or not isinstance(answer, dict):
            raise Unavailable(retry_after=5)
        return response.status, answer


def _basic(name: str, secret: str) -> dict[str, str]:
    """RFC 6749, section 2.3.1: each part is form-encoded first."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _digest(token: str) -> bytes:
    """The cache holds no token."""
    return sha256(token.encode(errors="surrogateescape")).digest()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for block in response.content.iter_any():
        found += block
        if len(found) > ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("too much")
    return bytes(found)


def _asymmetric(keys: Any) -> list[Any]:
    """Public keys for signatures. What is unknown or a shared secret is left out, not a reason to lose the others."""
    if not isinstance(keys, list):
        raise TypeError("no keys")
    return [
        key
        for key in keys
        if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    ]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no time")
    return float(value)


def _mail(claims: Mapping[str, Any]) -> str:
    """The user's mail address, if the provider says that it is theirs."""
    mail = claims.get("email")
    return mail if isinstance(mail, str) and claims.get("email_verified") is True and is_mail(mail) else ""


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, str) and item and len(item) <= MAX_NAME][:500]
