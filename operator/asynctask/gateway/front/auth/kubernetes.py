"""Tokens of the cluster: reviewed by the API server, remembered by digest for a short while."""

import asyncio
import binascii
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.caching import Cache
from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.problems import InvalidToken, Refusal

SECONDS = 20.0
"""For so long a token is believed: one that expires or whose pod is deleted ends within this time."""
REFUSAL_SECONDS = 5.0
MAX_REVIEWS = 16
"""Reviews under way at once: a flood of bad tokens must not become one on the API server."""
MAX_TOKEN = 16_384


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose token it is."""

    name: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]]
    uid: str


class Tokens:
    """Finds out whose a token is, at the cost of one review in 20 s."""

    def __init__(
        self, cluster: api.Cluster, *, accept_cluster_audience: bool, clock: Callable[[], float] = monotonic
    ) -> None:
        self._cluster = cluster
        self._accept_cluster_audience = accept_cluster_audience
        self._reviews = asyncio.Semaphore(MAX_REVIEWS)
        self._bearers = Cache[bytes, Bearer](SECONDS, refusal_seconds=REFUSAL_SECONDS, refusal=Refusal, clock=clock)

    async def caller(self, token: str, address: str) -> Caller:
        """Whose it is. Raises InvalidToken."""
        bearer = await self._bearers.get(_digest(token), lambda _: self._review(token))
        return Caller(bearer.name, bearer.groups, bearer.extra, bearer.uid, "kubernetes", address)

    def knows(self, token: str) -> bool:
        """Whether it was found good a moment ago."""
        return self._bearers.has(_digest(token))

    async def _review(self, token: str) -> Bearer:
        """Ask with the audience that the token says it is for, so that one made for something else never passes."""
        claimed = audiences(token)
        if names.GATEWAY_AUDIENCE in claimed:
            raise InvalidToken  # of a stage; what its pod may do is the stage API's business alone
        spec: dict[str, Any] = {"token": token}
        if names.API_AUDIENCE in claimed:
            spec["audiences"] = [names.API_AUDIENCE]
        elif not self._accept_cluster_audience or not token.isascii() or len(token) > MAX_TOKEN:
            raise InvalidToken
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        async with self._reviews:
            review = await self._cluster.create(api.TOKEN_REVIEWS, "", body)
        status, user = review.get("status", {}), review.get("status", {}).get("user", {})
        granted = status.get("audiences", ())
        if not status.get("authenticated") or ("audiences" in spec and names.API_AUDIENCE not in granted):
            raise InvalidToken
        extra = {name: tuple(values) for name, values in user.get("extra", {}).items()}
        return Bearer(user["username"], tuple(user.get("groups", ())), extra, user.get("uid", ""))


def _digest(token: str) -> bytes:
    """The cache holds no token."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def audiences(token: str) -> frozenset[str]:
    """Whom a token says it is for; nothing of one that is no JWT. Proves nothing."""
    return frozenset(_texts(claims(token).get("aud")))


def claims(token: str) -> Mapping[str, Any]:
    """What a JWT claims; empty for anything else. Proves nothing."""
    try:
        _, middle, _ = token.split(".")
        found = orjson.loads(urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
