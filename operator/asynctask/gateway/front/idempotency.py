"""`Idempotency-Key`: a change sent twice under one key is made once, and both times answered alike.

After the IETF draft "The Idempotency-Key HTTP Header Field": the same key with another request is 422, one that is
still being worked on is 409. Keys are the caller's own and hold for 24 hours. They are kept in the archive; without
one, or while it is away, in memory: then what holds beyond this process are the derived names of submitted tasks.

A request whose replica is killed over it leaves its key claimed. A claim that is worked on moves every second, so who
asks again knows in a few whether anybody still does, and makes the change in the other's place. What that one had made
already is not made twice: most changes say how something shall be, and those that would count twice leave a mark
(`onces`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

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
KEPT_MICROSECONDS = HOURS * 3_600_000_000
BEAT_SECONDS = 1.0
"""A claim that is worked on moves so often."""
DEAD_SECONDS = 4.0
"""One that has not moved for so long was left by a gateway that died: whoever watched it takes it over."""
LOOK_SECONDS = 0.25
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


@dataclass
class _Hold:
    """A claim that moves."""

    claim: KeyedAnswer


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
        if not call.idempotency_key or not operation.keyed:
            return await make()
        hold = _Hold(self._claim_of(operation, call, raw))
        known = await self._claim(hold.claim)
        if known and _is_open(known, hold.claim) and not operation.repeatable:
            known = await self._outlive(hold, known)
            call.repeats = known is None
        if known and not (_is_open(known, hold.claim) and operation.repeatable):
            return _again(hold.claim, known)
        done: KeyedAnswer | None = None
        beats = asyncio.create_task(self._beat(hold))
        try:
            response = await make()
            done = _done(hold.claim, response)
        finally:
            beats.cancel()
            if done or not known:  # somebody else's claim is theirs to free
                await asyncio.shield(self._settle(hold, done, beats))
        return response

    def _claim_of(self, operation: Operation, call: Call, raw: bytes) -> KeyedAnswer:
        now = micros(self._now())
        request = digest(operation.name, call.request.path_qs, raw.decode("utf-8", "replace"))
        call.request_digest = request
        return KeyedAnswer(call.once, request, now, now + KEPT_MICROSECONDS)

    async def _claim(self, claim: KeyedAnswer) -> KeyedAnswer | None:
        known = self._memory.get(claim.digest)
        if known and claim.create_time < known.expire_time:
            return known
        self._remember(claim)
        if self._archive:
            try:
                async with self._archive.begin(3) as transaction:
                    known = await access.claim_key(transaction, claim)
            except ArchiveError as error:
                log.warning("idempotency keys are in memory only: the archive is away", code=error.code)
                return None
            if known:
                self._memory.pop(claim.digest, None)
            return known
        return None

    async def _outlive(self, hold: "_Hold", known: KeyedAnswer) -> KeyedAnswer | None:
        """Watch a claim of another request until it is done, seen to live, or has not moved for so long that whoever
        made it is dead: then it is ours (None). Only our own clock counts.
        """
        if self._archive is None or known.digest in self._memory:  # of this very process
            return known
        seen, since = known, monotonic()
        while monotonic() - since < DEAD_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            async with self._archive.read() as connection:
                found = await access.keyed_answer(connection, seen.digest)
            if found is None:  # it was freed
                break
            if found != seen:
                return found
        now = max(micros(self._now()), seen.create_time + 1)
        hold.claim = replace(hold.claim, create_time=now, expire_time=now + KEPT_MICROSECONDS)
        async with self._archive.begin(3) as transaction:
            is_ours = await access.move_claim(transaction, seen, hold.claim)
            other = None if is_ours else await access.claim_key(transaction, hold.claim)
        if other is None:
            self._remember(hold.claim)
        return other

    async def _beat(self, hold: "_Hold") -> None:
        """Keep a claim moving as long as it is worked on, so that others see that we live."""
        while self._archive:
            await asyncio.sleep(BEAT_SECONDS)
            now = max(micros(self._now()), hold.claim.create_time + 1)
            later = replace(hold.claim, create_time=now, expire_time=now + KEPT_MICROSECONDS)
            try:
                async with self._archive.begin(3) as transaction:
                    if not await access.move_claim(transaction, hold.claim, later):
                        return
            except ArchiveError as error:
                log.warning("a claim of an idempotency key could not be renewed", code=error.code)
            else:
                hold.claim = later

    async def _settle(self, hold: "_Hold", done: KeyedAnswer | None, beats: asyncio.Task[None]) -> None:
        await asyncio.wait([beats])
        claim = hold.claim
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
                        await access.free_key(transaction, claim)
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


def _is_open(known: KeyedAnswer, claim: KeyedAnswer) -> bool:
    """Whether it is the same request, and still worked on."""
    return not known.is_done and known.request_digest == claim.request_digest


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
