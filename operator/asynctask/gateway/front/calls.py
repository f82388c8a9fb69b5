"""What a handler is given: who calls, what they sent, and what the gateway has to answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel

from asynctask.adapters.archive.access import digest
from asynctask.adapters.artifacts import ArtifactStore
from asynctask.adapters.cluster import Cluster
from asynctask.gateway.front.auth.scopes import EVERYTHING, Scope
from asynctask.gateway.front.problems import Forbidden, NotFound, OutOfScope
from asynctask.settings import GatewaySettings
from asynctask.texts import Language

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asynctask.adapters.archive import Archive
    from asynctask.gateway.archiver.writer import Writer
    from asynctask.gateway.estate import Estate
    from asynctask.gateway.front.auth.access import Access
    from asynctask.gateway.front.auth.gate import Gate
    from asynctask.gateway.front.operations import Operation
    from asynctask.gateway.front.stream.hub import Hub
    from asynctask.gateway.front.view import View

Via = Literal["kubernetes", "oidc", "session", "apikey", "development"]
READS = frozenset({"get", "list", "watch"})

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Caller:
    """Who calls, as Kubernetes knows them."""

    name: str
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the authenticator adds for authorizers."""
    uid: str = ""
    via: Via = "kubernetes"
    address: str = ""
    """Where the call came from."""
    scope: Scope = EVERYTHING
    """What an API key narrows its owner's rights to."""
    key: str = ""
    """Of an API key: its id."""


@dataclass
class Desk:
    """All that handlers work with, wired once at start. Parts that a gateway may lack are None."""

    settings: GatewaySettings
    cluster: Cluster
    artifacts: ArtifactStore
    access: "Access"
    now: "Callable[[], datetime]"
    view: "View"
    estate: "Estate"
    archive: "Archive | None" = None
    writer: "Writer | None" = None
    """Writes into the archive what is about to be deleted; there if and only if the archive is."""
    stream: "Hub | None" = None
    enter: "Callable[[web.Request, Operation], Awaitable[Caller]] | None" = None
    """Who sends a request; for what goes on after it has been answered."""
    parts: dict[str, Any] = field(default_factory=dict)
    """What modules of routes make of all this once, at their first call; each by a name of its own."""
    gate: "Gate | None" = None
    """For the routes of session and API keys."""


@dataclass(frozen=True)
class AuditEntry:
    """One change, for the audit."""

    action: str
    namespace: str
    kind: str
    name: str
    uid: str = ""
    before: Any = None
    after: Any = None


class Call:
    """One call of an operation, checked and authenticated."""

    __slots__ = (
        "_body",
        "_query",
        "audited",
        "caller",
        "desk",
        "idempotency_key",
        "language",
        "path",
        "repeats",
        "request",
        "request_digest",
        "request_id",
    )

    def __init__(
        self,
        desk: Desk,
        request: web.Request,
        caller: Caller,
        language: Language,
        path: Mapping[str, str],
        query: BaseModel | None,
        body: BaseModel | None,
    ) -> None:
        self.desk = desk
        self.request = request
        self.caller = caller
        self.language: Language = language
        self.path = path
        self._query = query
        self._body = body
        self.audited: list[AuditEntry] = []
        self.idempotency_key = ""
        self.request_id = ""
        self.request_digest = ""
        """Of what is asked for under the Idempotency-Key."""
        self.repeats = False
        """Whether it takes the place of a call whose replica was killed over it: what it finds done may be that one's,
        and nobody has audited it."""

    @property
    def query(self) -> Any:
        """The validated query, of the operation's `query` model."""
        return self._query

    @property
    def body(self) -> Any:
        """The validated body, of the operation's `body` model."""
        return self._body

    @property
    def once(self) -> str:
        """The name of a change that is made once: caller's and Idempotency-Key's; empty without a key."""
        if not self.idempotency_key:
            return ""
        return digest(f"{self.caller.name}/{self.caller.key}", self.idempotency_key)

    async def authorize(self, verb: str, resource: str, namespace: str, name: str = "") -> None:
        """Let pass only who may do this. An empty namespace asks for a cluster-wide resource, or all namespaces.

        A read that is denied raises NotFound; so does a write by who may not even read the object. Who may read it is
        told Forbidden. A scope that does not cover it is told OutOfScope, under the same condition.
        """
        access = self.desk.access
        if await access.allowed(self.caller, verb, resource, namespace, name):
            return
        if verb in READS or not await access.allowed(self.caller, "get", resource, namespace, name):
            raise NotFound
        if not self.caller.scope.covers(verb, resource, namespace):
            raise OutOfScope(action=verb, resource=resource)
        raise Forbidden(action=verb, resource=resource)

    async def missing(self, resource: str) -> NoReturn:
        """Raise NotFound for an object that is not there, after the same work as for one that may not be seen."""
        await self.desk.access.pretend(self.caller, resource)
        raise NotFound

    async def may(self, verb: str, resource: str, namespace: str, name: str = "") -> bool:
        """Whether `authorize` would let pass, for what is shown only to some."""
        return await self.desk.access.allowed(self.caller, verb, resource, namespace, name)

    async def namespaces(self, verb: str, resource: str) -> frozenset[str] | None:
        """The namespaces in which the caller may do this; None: all there are."""
        return await self.desk.access.namespaces(self.caller, verb, resource)

    def check_type(self, task_type: str) -> None:
        """Raise OutOfScope for a task type that the caller's API key is not for."""
        if not self.caller.scope.allows_type(task_type):
            raise OutOfScope(action="use", resource=f"tasktypes/{task_type}")

    def audit(
        self,
        action: str,
        *,
        namespace: str,
        kind: str,
        name: str,
        uid: str = "",
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Note a change of this call: it is written with its outcome before the call is answered."""
        self.audited.append(AuditEntry(action, namespace, kind, name, uid, before, after))
