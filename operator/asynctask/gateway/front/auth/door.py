"""The door: from a request's credentials to a caller. Bearer tokens of three kinds, or a session's cookie."""

import hmac
from collections.abc import Callable
from time import monotonic
from urllib.parse import urlsplit

from aiohttp import web

from asynctask.gateway.front.auth import addresses, kubernetes, sessions
from asynctask.gateway.front.auth.apikeys import PREFIX, ApiKeys
from asynctask.gateway.front.auth.kubernetes import Tokens
from asynctask.gateway.front.auth.oidc import Provider
from asynctask.gateway.front.auth.sessions import Sessions
from asynctask.gateway.front.calls import Caller, Desk
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import CsrfCheckFailed, InvalidToken, TooManyRequests, Unauthenticated
from asynctask.gateway.limits import Buckets

ANYBODY = Caller("system:anonymous", ("system:unauthenticated",))
FAILURES_PER_SECOND = 0.5
FAILURES_AT_ONCE = 20.0
"""Of one address. Then its tokens are not looked at any more unless they are known to be good."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Door:
    """Lets in who can say who they are, and not too often."""

    def __init__(
        self,
        desk: Desk,
        sessions: Sessions,
        keys: ApiKeys,
        provider: Provider | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        settings = desk.settings
        self._settings = settings
        self._trusted = addresses.networks(settings.api_trusted_proxies)
        self._sessions = sessions
        self._keys = keys
        self._provider = provider
        self._tokens = Tokens(desk.cluster, accept_cluster_audience=settings.api_accept_cluster_tokens, clock=clock)
        self._calls = Buckets(settings.api_calls_per_second, 2 * settings.api_calls_per_second, clock=clock)
        self._failures = Buckets(FAILURES_PER_SECOND, FAILURES_AT_ONCE, clock=clock)

    async def enter(self, request: web.Request, operation: Operation) -> Caller:
        """Who calls. Raises Unauthenticated, CsrfCheckFailed and TooManyRequests."""
        address = addresses.client(request, self._trusted)
        caller = await self._known(request, operation, address)
        key = caller.key or (caller.name if caller.name != ANYBODY.name else f"address {address}")
        if wait := self._calls.take(key):
            raise TooManyRequests(retry_after=wait)
        return caller

    async def bearer(self, token: str, address: str) -> Caller:
        """Whose a bearer token is. Raises InvalidToken, TooManyRequests, and Unavailable."""
        wait = self._failures.wait(address)
        if wait and not self._knows(token):
            raise TooManyRequests(retry_after=wait)
        try:
            if token.startswith(PREFIX):
                return await self._keys.caller(token, address)
            if self._provider and kubernetes.claims(token).get("iss") == self._settings.oidc_issuer:
                return (await self._provider.verify(token, address)).caller
            return await self._tokens.caller(token, address)
        except InvalidToken:
            self._failures.take(address)
            raise

    def _knows(self, token: str) -> bool:
        provider = self._provider
        return self._keys.knows(token) or self._tokens.knows(token) or (provider is not None and provider.knows(token))

    async def _known(self, request: web.Request, operation: Operation, address: str) -> Caller:
        if authorization := request.headers.get("Authorization", ""):
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated
            return await self.bearer(token.strip(), address)
        if operation.public:
            self._check_origin(request)
            return Caller(ANYBODY.name, ANYBODY.groups, address=address)
        if secret := sessions.read_cookie(request, secure=not self._settings.api_development):
            caller = await self._of_session(secret, address)
            if operation.is_change:
                self._check_origin(request)
                sent = request.headers.get(sessions.CSRF_HEADER, "")
                if not hmac.compare_digest(sent.encode(), sessions.csrf_token(secret).encode()):
                    raise CsrfCheckFailed
            return caller
        if self._settings.api_development:
            self._check_loopback(request)
            return Caller("development", ("system:masters", "system:authenticated"), via="development", address=address)
        raise Unauthenticated

    async def _of_session(self, secret: str, address: str) -> Caller:
        if (wait := self._failures.wait(address)) and not self._sessions.knows(secret):
            raise TooManyRequests(retry_after=wait)
        try:
            return await self._sessions.caller(secret, address)
        except Unauthenticated:
            self._failures.take(address)
            raise

    def _check_origin(self, request: web.Request) -> None:
        """A browser says from which page a change comes; it must be one of ours."""
        origin = request.headers.get("Origin", "")
        if not origin:
            return
        if origin == _origin(self._settings.api_external_url):
            return
        if not self._settings.api_external_url and urlsplit(origin).netloc == request.headers.get("Host", ""):
            return
        raise CsrfCheckFailed

    def _check_loopback(self, request: web.Request) -> None:
        """Where nobody needs to sign in, a page from elsewhere must not get in by a name that leads to this machine."""
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        origin = request.headers.get("Origin", "")
        if host not in LOOPBACK_HOSTS or (origin and urlsplit(origin).hostname not in LOOPBACK_HOSTS):
            raise CsrfCheckFailed


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""
