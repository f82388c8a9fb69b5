"""Sessions of browsers: a cookie that says nothing, of which only a digest is kept.

A page proves with X-CSRF-Token that a change comes from it: a value that only who may read our answers knows. It is
made from the cookie's secret, so it needs no keeping and ends with the session.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from http.cookies import SimpleCookie
from time import monotonic

from aiohttp import web

from asynctask.adapters.archive import Archive, ArchiveError, access
from asynctask.adapters.archive.access import StoredSession, digest
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.caching import Cache
from asynctask.gateway.front.auth.identities import restored, stored
from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.problems import Refusal, Unauthenticated

COOKIE = "asynctask_session"
CSRF_HEADER = "X-CSRF-Token"
SECONDS = 8 * 3600
"""A session ends after so long, or with the token that it was opened with."""
BELIEVED_SECONDS = 10.0
"""A session that was ended through another replica ends here within this time."""
IN_MEMORY = 10_000


class Sessions:
    """In the archive, or without one in memory: then a session holds for one replica, until it restarts."""

    def __init__(
        self, archive: Archive | None, now: Callable[[], datetime], clock: Callable[[], float] = monotonic
    ) -> None:
        self._archive = archive
        self._now = now
        self._memory: OrderedDict[str, StoredSession] = OrderedDict()
        self._read = Cache[str, StoredSession](BELIEVED_SECONDS, refusal=Refusal, clock=clock)

    async def open(self, caller: Caller, ends: float) -> tuple[str, int]:
        """A new session until a time (seconds since 1970) at most; gives the cookie's value and its seconds."""
        secret = secrets.token_urlsafe(32)
        now = micros(self._now())
        expires = min(now + SECONDS * 1_000_000, int(ends * 1_000_000))
        session = StoredSession(digest(secret), caller.name, stored(caller), caller.via, now, expires)
        if self._archive:
            async with self._archive.begin() as transaction:
                await access.add_session(transaction, session)
        else:
            self._memory[session.digest] = session
            while len(self._memory) > IN_MEMORY:
                self._memory.popitem(last=False)
        return secret, (expires - now) // 1_000_000

    async def caller(self, secret: str, address: str) -> Caller:
        """Whose session it is. Raises Unauthenticated."""
        session = await self._read.get(digest(secret), lambda old: self._load(digest(secret), old))
        if session.expire_time <= micros(self._now()):
            raise Unauthenticated
        return restored(session.user, session.identity, "session", address)

    def knows(self, secret: str) -> bool:
        """Whether it was found a moment ago."""
        return self._read.has(digest(secret))

    async def end(self, secret: str) -> None:
        """Sign out."""
        self._read.forget(digest(secret))
        self._memory.pop(digest(secret), None)
        if self._archive:
            async with self._archive.begin() as transaction:
                await access.end_session(transaction, digest(secret))

    async def _load(self, key: str, old: StoredSession | None) -> StoredSession:
        found = self._memory.get(key)
        if self._archive:
            try:
                async with self._archive.read() as connection:
                    found = await access.session(connection, key)
            except ArchiveError:
                if not old:
                    raise
                found = old  # known a moment ago: the database's trouble need not be the user's
        if not found:
            raise Unauthenticated
        return found


def csrf_token(secret: str) -> str:
    """What a page must send with a change."""
    return hmac.new(secret.encode(), b"asynctask csrf", sha256).hexdigest()


def cookie_name(*, secure: bool) -> str:
    """With the prefix that browsers keep other sites and plain HTTP from setting."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def read_cookie(request: web.Request, *, secure: bool) -> str:
    """The session's secret, empty if there is none."""
    value = request.cookies.get(cookie_name(secure=secure), "")
    return value if value.isascii() and len(value) <= 100 else ""


def set_cookie(name: str, value: str, *, seconds: int, secure: bool, path: str = "/") -> str:
    """A Set-Cookie header's value; `seconds` 0 takes the cookie away."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[name] = value
    morsel = cookie[name]
    morsel["path"], morsel["max-age"] = path, seconds
    morsel["httponly"], morsel["samesite"] = True, "Lax"
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()
