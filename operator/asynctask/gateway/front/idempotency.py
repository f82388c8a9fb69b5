"""`Idempotency-Key`: a change sent twice under one key is made once, and both times answered alike.

After the IETF draft "The Idempotency-Key HTTP Header Field": the same key with another request is 422, one that is
still being worked on is 409. Keys are the caller's own and hold for 24 hours. They are kept in the archive; without
one, or while it is away, in memory: then what holds beyond this process are the derived names of submitted tasks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog
from aiohttp import web

from asynctask.adapters.archive import Archive, ArchiveError, access
from asynctask.adapters.archive.access import KeyedAnswer, digest
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Conflict, InvalidField, Unprocessable

HEADER = "Idempotency-Key"
HOURS = 24
STALE_SECONDS = 120
"""A claim that nobody has settled for so long was left by a gateway that died: the next may take it over."""
MAX_KEY = 200
IN_MEMORY = 10_000
KEPT_HEADERS = ("Content-Type", "ETag", "Location")
MAX_ANSWER = 64 * 1024

log = structlog.get_logger("api")


class KeyReused(Unprocessable):
    """The key came with another request before."""

    code = "IdempotencyKeyReused"


class KeyInUse(Conflict):
    """The first request of this key is still being worked on."""

    code = "IdempotencyKeyInUse"


class Keys:
    """The keys in use."""

    def __init__(self, archive: Archive | None, now: Callable[[], datetime]) -> None:
        self._archive = archive
        self._now = now
        self._memory: OrderedDict[str, KeyedAnswer] = OrderedDict()

    async def once(
        self, operation: Operation, call: Call, raw: bytes, make: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Make the change, or answer as it was answered before. Raises KeyReused and KeyInUse."""
        key = call.idempotency_key
        if not key or not operation.keyed:
            return await make()
        claim = self._claim_of(operation, call, key, raw)
        known = await self._claim(claim)
        if known and (known.is_done or known.request_digest != claim.request_digest or not operation.repeatable):
            return _again(claim, known)
        done: KeyedAnswer | None = None
        try:
            response = await make()
            done = _done(claim, response)
        finally:
            if done or not known:  # somebody else's claim is theirs to free
                await asyncio.shield(self._settle(claim, done))
        return response

    def _claim_of(self, operation: Operation, call: Call, key: str, raw: bytes) -> KeyedAnswer:
        now = micros(self._now())
        request = digest(operation.name, call.request.path_qs, raw.decode("utf-8", "replace"))
        who = f"{call.caller.name}/{call.caller.key}"
        return KeyedAnswer(digest(who, key), request, now, now + HOURS * 3_600_000_000)

    async def _claim(self, claim: KeyedAnswer) -> KeyedAnswer | None:
        known = self._memory.get(claim.digest)
        if known and claim.create_time < known.expire_time:
            return known
        self._remember(claim)
        if self._archive:
            try:
                async with self._archive.begin(3) as transaction:
                    stale = claim.create_time - STALE_SECONDS * 1_000_000
                    known = await access.claim_key(transaction, claim, stale=stale)
            except ArchiveError as error:
                log.warning("idempotency keys are in memory only: the archive is away", code=error.code)
                return None
            if known:
                self._memory.pop(claim.digest, None)
            return known
        return None

    async def _settle(self, claim: KeyedAnswer, done: KeyedAnswer | None) -> None:
        if done:
            self._remember(done)
        else:
            self._memory.pop(claim.digest, None)
        if self._archive:
            try:
                async with self._archive.begin(3) as transaction:
                    if done:
                        await access.settle_key(transaction, done)
                    else:
                        await access.free_key(transaction, claim.digest)
            except ArchiveError as error:
                log.warning("an idempotency key could not be settled", code=error.code)

    def _remember(self, answer: KeyedAnswer) -> None:
        self._memory[answer.digest] = answer
        self._memory.move_to_end(answer.digest)
        while len(self._memory) > IN_MEMORY:
            self._memory.popitem(last=False)


def read_key(request: web.Request) -> str:
    """The key of a request, empty if it has none. Raises InvalidField."""
    key = request.headers.get(HEADER, "")
    if len(key) > MAX_KEY:
        raise InvalidField.of(HEADER, "TooLong", limit=MAX_KEY)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidField.of(HEADER, "InvalidCharacter")
    return key


def _done(claim: KeyedAnswer, response: web.StreamResponse) -> KeyedAnswer | None:
    """The answer as it is kept; one that is too large to keep leaves the key free."""
    if not isinstance(response, web.Response) or response.status >= 300:
        return None
    body = response.body if isinstance(response.body, bytes) else b""
    if len(body) > MAX_ANSWER:
        return None
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return replace(claim, is_done=1, status=response.status, headers=headers, answer=body.decode())


def _again(claim: KeyedAnswer, known: KeyedAnswer) -> web.StreamResponse:
    if known.request_digest != claim.request_digest:
        raise KeyReused
    if not known.is_done:
        raise KeyInUse
    headers = {**known.headers, "Idempotency-Replayed": "true"}
    return web.Response(body=known.answer.encode() or None, status=known.status, headers=headers)
