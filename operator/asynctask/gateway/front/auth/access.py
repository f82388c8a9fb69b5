"""May they? Kubernetes says: one SubjectAccessReview per question, remembered for seconds, asked once for all who wait.

What is denied for one object is not remembered, and a missing object is asked about under a made-up name, so that both
take one review: who measures how long a refusal takes learns nothing about what exists.
"""

import asyncio
import secrets
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from asynctask.adapters import cluster as api
from asynctask.api.names import GROUP
from asynctask.gateway.caching import Cache

if TYPE_CHECKING:
    from asynctask.gateway.front.calls import Caller

SECONDS = 10.0
"""For so long a right is believed; a right taken away ends within this time."""
NAMESPACES_SECONDS = 10.0
MAX_REVIEWS = 16
"""Reviews under way at once."""

Question = tuple[str, tuple[str, ...], str, str, str, str]


class _Denied(Exception):
    """Not allowed; never seen outside."""


class _Item(msgspec.Struct):
    metadata: "_Meta"


class _Meta(msgspec.Struct):
    name: str


class _Items(msgspec.Struct):
    items: list[_Item]


class Access:
    """Asks the API server what a caller may do."""

    def __init__(
        self, cluster: api.Cluster, watched: tuple[str, ...] = (), clock: Callable[[], float] = monotonic
    ) -> None:
        self._cluster = cluster
        self._watched = watched
        self._reviews = asyncio.Semaphore(MAX_REVIEWS)
        self._answers = Cache[Question, bool](SECONDS, refusal=_Denied, size=50_000, clock=clock)
        self._namespaces = Cache[str, frozenset[str]](NAMESPACES_SECONDS, refusal=_Denied, clock=clock)
        self._reach = Cache[Question, frozenset[str] | None](SECONDS, refusal=_Denied, clock=clock)

    async def allowed(self, caller: "Caller", verb: str, resource: str, namespace: str, name: str = "") -> bool:
        """Whether the caller may, by RBAC and within the API key's scope. `resource` is one of group asynctask.io."""
        permitted = await self._ask(caller, verb, resource, namespace, name)
        return permitted and caller.scope.covers(verb, resource, namespace)

    async def namespaces(self, caller: "Caller", verb: str, resource: str) -> frozenset[str] | None:
        """Where the caller may; None: in every namespace there is."""
        key = (caller.name, caller.groups, verb, resource, "", "")
        permitted = await self._reach.get(key, lambda _: self._where(caller, verb, resource))
        return self._within_scope(caller, verb, resource, permitted)

    async def pretend(self, caller: "Caller", resource: str) -> None:
        """Do the work of a denial."""
        await self._ask(caller, "get", resource, f"none-{secrets.token_hex(4)}", "")

    def _within_scope(
        self, caller: "Caller", verb: str, resource: str, permitted: frozenset[str] | None
    ) -> frozenset[str] | None:
        scope = caller.scope
        if scope.namespaces is None:
            return permitted if scope.covers(verb, resource, "") else frozenset()
        inside = frozenset(name for name in scope.namespaces if scope.covers(verb, resource, name))
        return inside if permitted is None else permitted & inside

    async def _where(self, caller: "Caller", verb: str, resource: str) -> frozenset[str] | None:
        """One question when they may everywhere; else one for each namespace."""
        if await self._ask(caller, verb, resource, "", "") and not self._watched:
            return None
        names = sorted(await self._known_namespaces())
        answers = await asyncio.gather(*(self._ask(caller, verb, resource, name, "") for name in names))
        return frozenset(name for name, permitted in zip(names, answers, strict=True) if permitted)

    async def _known_namespaces(self) -> frozenset[str]:
        if self._watched:
            return frozenset(self._watched)
        return await self._namespaces.get("", lambda _: self._list_namespaces())

    async def _list_namespaces(self) -> frozenset[str]:
        found: set[str] = set()
        async for raw, _ in self._cluster.pages(api.NAMESPACES):
            found |= {item.metadata.name for item in msgspec.json.decode(raw, type=_Items).items}
        return frozenset(found)

    async def _ask(self, caller: "Caller", verb: str, resource: str, namespace: str, name: str) -> bool:
        key = (caller.name, caller.groups, verb, resource, namespace, name)
        try:
            return await self._answers.get(key, lambda _: self._review(caller, verb, resource, namespace, name))
        except _Denied:
            return False

    async def _review(self, caller: "Caller", verb: str, resource: str, namespace: str, name: str) -> bool:
        attributes: dict[str, Any] = {"group": GROUP, "verb": verb, "resource": resource}
        attributes |= {"namespace": namespace} if namespace else {}
        attributes |= {"name": name} if name else {}
        spec: dict[str, Any] = {"user": caller.name, "groups": caller.groups, "resourceAttributes": attributes}
        spec |= {"uid": caller.uid} if caller.uid else {}
        spec |= {"extra": caller.extra} if caller.extra else {}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with self._reviews:
            review = await self._cluster.create(api.ACCESS_REVIEWS, "", body)
        if not review.get("status", {}).get("allowed"):
            raise _Denied
        return True
