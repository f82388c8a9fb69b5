"""API keys: for NAS applications that can neither sign in nor fetch tokens. Shown once; only a digest is kept.

A key acts for its owner, within its scope. The owner's name and groups are those of the time it was made; what they
may do is asked of the API server at every call, so a right taken from the owner is taken from the key.
"""

import asyncio
import hmac
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, access
from asynctask.adapters.archive.access import ApiKey, digest
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.caching import Cache
from asynctask.gateway.front.auth.identities import restored, scope_restored
from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.problems import InvalidToken, Refusal

PREFIX = "atk_"
SECONDS = 5.0
"""A key that was revoked through another replica ends here within this time."""
USE_SECONDS = 600.0
"""The time of the last use is written at most this often."""

_TOKEN = re.compile(PREFIX + r"([0-9a-f]{32})_[A-Za-z0-9_-]{43}")

log = structlog.get_logger("api")


class ApiKeys:
    """Finds out whose a key is."""

    def __init__(
        self, archive: Archive | None, now: Callable[[], datetime], clock: Callable[[], float] = monotonic
    ) -> None:
        self._archive = archive
        self._now = now
        self._clock = clock
        self._read = Cache[str, ApiKey](SECONDS, refusal_seconds=SECONDS, refusal=Refusal, clock=clock)
        self._used: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def caller(self, token: str, address: str) -> Caller:
        """The owner, narrowed to the key's scope. Raises InvalidToken."""
        match = _TOKEN.fullmatch(token)
        if not match or not self._archive:
            raise InvalidToken
        key_id = str(uuid.UUID(match[1]))
        key = await self._read.get(key_id, lambda old: self._load(key_id, old))
        now = micros(self._now())
        if not hmac.compare_digest(key.digest, digest(token)):
            raise InvalidToken
        if key.revoke_time is not None or (key.expire_time is not None and key.expire_time <= now):
            raise InvalidToken
        self._note_use(self._archive, key_id, now)
        return restored(key.owner, key.identity, "apikey", address, scope=scope_restored(key.scope), key=key_id)

    def knows(self, token: str) -> bool:
        """Whether a key of this id was found a moment ago."""
        match = _TOKEN.fullmatch(token)
        return match is not None and self._read.has(str(uuid.UUID(match[1])))

    def forget(self, key_id: str) -> None:
        """It was revoked: look again at its next use."""
        self._read.forget(key_id)

    async def _load(self, key_id: str, old: ApiKey | None) -> ApiKey:
        if not self._archive:
            raise InvalidToken
        try:
            async with self._archive.read() as connection:
                found = await access.api_key(connection, key_id)
        except ArchiveError:
            if not old:
                raise
            found = old  # known a moment ago: the database's trouble need not stop the applications
        if not found:
            raise InvalidToken
        return found

    def _note_use(self, archive: Archive, key_id: str, now: int) -> None:
        if self._clock() - self._used.get(key_id, float("-inf")) < USE_SECONDS:
            return
        self._used[key_id] = self._clock()
        note = asyncio.create_task(_note(archive, key_id, now))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)


def new_token() -> tuple[str, str]:
    """A key's id, and the key itself."""
    key_id = uuid.uuid4()
    return str(key_id), f"{PREFIX}{key_id.hex}_{secrets.token_urlsafe(32)}"


async def _note(archive: Archive, key_id: str, now: int) -> None:
    try:
        async with archive.begin(5) as transaction:
            await access.used_api_key(transaction, key_id, now)
    except ArchiveError as error:
        log.info("the use of an API key was not noted", code=error.code)
