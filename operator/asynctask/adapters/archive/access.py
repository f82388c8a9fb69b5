"""API keys, sessions, preferences and idempotency keys, as functions of a transaction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.pages import Page, Position, older
from asynctask.adapters.archive.tables.access import api_keys, idempotency_keys, preferences, sessions
from asynctask.adapters.archive.upserts import insert_new, upsert


def digest(*parts: str) -> str:
    """SHA-256 of texts, none of which can run into the next."""
    return sha256(b"\0".join(part.encode("utf-8", "surrogateescape") for part in parts)).hexdigest()


@dataclass(frozen=True)
class ApiKey:
    """A key for an application."""

    key_id: str
    digest: str
    label: str
    owner: str
    identity: Mapping[str, Any]
    scope: Mapping[str, Any]
    create_time: int
    expire_time: int | None = None
    revoke_time: int | None = None
    use_time: int | None = None


@dataclass(frozen=True)
class StoredSession:
    """A browser that is signed in."""

    digest: str
    user: str
    identity: Mapping[str, Any]
    via: str
    create_time: int
    expire_time: int


@dataclass(frozen=True)
class KeyedAnswer:
    """A change made under an idempotency key."""

    digest: str
    request_digest: str
    create_time: int
    expire_time: int
    is_done: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


async def add_api_key(transaction: Transaction, key: ApiKey) -> None:
    """Keep a new key."""
    await transaction.execute(insert(api_keys), asdict(key))


async def api_key(connection: Transaction, key_id: str) -> ApiKey | None:
    """The key of an id."""
    row = (await connection.execute(select(api_keys).where(api_keys.c.key_id == key_id))).first()
    return ApiKey(**row._mapping) if row else None


async def api_key_page(
    connection: Transaction, *, owner: str | None, limit: int, after: Position | None = None
) -> Page[ApiKey]:
    """Keys, newest first; of one owner, or (None) of all."""
    of = api_keys.c
    query = select(api_keys).order_by(of.create_time.desc(), of.key_id.desc()).limit(limit + 1)
    if owner is not None:
        query = query.where(of.owner == owner)
    if after:
        query = query.where(older(of.create_time, of.key_id, after))
    found = [ApiKey(**row._mapping) for row in await connection.execute(query)]
    kept = tuple(found[:limit])
    return Page(kept, Position(kept[-1].create_time, kept[-1].key_id) if len(found) > limit else None)


async def revoke_api_key(transaction: Transaction, key_id: str, now: int) -> None:
    """End a key; one that has ended stays as it ended."""
    of = api_keys.c
    await transaction.execute(
        update(api_keys).where(of.key_id == key_id, of.revoke_time.is_(None)).values(revoke_time=now)
    )


async def used_api_key(transaction: Transaction, key_id: str, now: int) -> None:
    """Note that a key was used."""
    await transaction.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(use_time=now))


async def add_session(transaction: Transaction, session: StoredSession) -> None:
    """Keep a new session."""
    await transaction.execute(insert(sessions), asdict(session))


async def session(connection: Transaction, session_digest: str) -> StoredSession | None:
    """The session of a digest."""
    row = (await connection.execute(select(sessions).where(sessions.c.digest == session_digest))).first()
    return StoredSession(**row._mapping) if row else None


async def end_session(transaction: Transaction, session_digest: str) -> None:
    """Sign out."""
    await transaction.execute(delete(sessions).where(sessions.c.digest == session_digest))


async def user_preferences(connection: Transaction, user: str) -> Mapping[str, Any] | None:
    """What a user has kept."""
    query = select(preferences.c.document).where(preferences.c.user_digest == digest(user))
    row = (await connection.execute(query)).first()
    return row.document if row else None


async def keep_preferences(transaction: Transaction, user: str, document: Mapping[str, Any], now: int) -> None:
    """Replace what a user has kept."""
    row = {"user_digest": digest(user), "user": user, "document": document, "update_time": now}
    await upsert(transaction, preferences, [row])


async def claim_key(transaction: Transaction, wanted: KeyedAnswer) -> KeyedAnswer | None:
    """Take an idempotency key that nobody has, or that has expired; None: it is ours now. Else what it was used for."""
    of = idempotency_keys.c
    old = (of.digest == wanted.digest) & (of.expire_time <= wanted.create_time)
    await transaction.execute(delete(idempotency_keys).where(old))
    await insert_new(transaction, idempotency_keys, [asdict(wanted)])
    found = await keyed_answer(transaction, wanted.digest)
    return None if found == wanted else found


async def keyed_answer(connection: Transaction, key_digest: str) -> KeyedAnswer | None:
    """What a key is or was used for; None: nobody has it."""
    row = (await connection.execute(select(idempotency_keys).where(idempotency_keys.c.digest == key_digest))).first()
    return KeyedAnswer(**{**row._mapping, "headers": row.headers or {}, "answer": row.answer or ""}) if row else None


async def move_claim(transaction: Transaction, claim: KeyedAnswer, to: KeyedAnswer) -> bool:
    """Renew a claim, or take over one that was seen to be left; False when it has become another meanwhile."""
    moved = update(idempotency_keys).where(_is_claim(claim))
    times = {"create_time": to.create_time, "expire_time": to.expire_time}
    return bool((await transaction.execute(moved.values(times))).rowcount)


async def settle_key(transaction: Transaction, done: KeyedAnswer) -> None:
    """Keep the answer given under a key."""
    await upsert(transaction, idempotency_keys, [asdict(done)])


async def free_key(transaction: Transaction, claim: KeyedAnswer) -> None:
    """Forget a key: nothing was done under it. A claim that is another's by now stays."""
    await transaction.execute(delete(idempotency_keys).where(_is_claim(claim)))


def _is_claim(claim: KeyedAnswer) -> ColumnElement[bool]:
    of = idempotency_keys.c
    return (of.digest == claim.digest) & (of.is_done == 0) & (of.create_time == claim.create_time)


async def prune(transaction: Transaction, now: int, *, limit: int = 500) -> int:
    """Delete sessions and idempotency keys that have expired, some at a time; gives how many."""
    done = 0
    for table in (sessions, idempotency_keys):
        done += await _prune(transaction, table, now, limit)
    return done


async def _prune(transaction: Transaction, table: Table, now: int, limit: int) -> int:
    query = select(table.c.digest).where(table.c.expire_time <= now).limit(limit)
    old = [row.digest for row in await transaction.execute(query)]
    if old:
        await transaction.execute(delete(table).where(table.c.digest.in_(old)))
    return len(old)
