"""API keys, sessions, preferences and idempotency keys, on each database."""

import asyncio
from dataclasses import replace

from asynctask.adapters.archive import Archive, access
from asynctask.adapters.archive.access import ApiKey, KeyedAnswer, StoredSession

HOUR = 3_600_000_000
NOW = 1_700_000_000_000_000


def key(number: int, owner: str = "maria") -> ApiKey:
    return ApiKey(f"key-{number}", access.digest(str(number)), "nas", owner, {"groups": ["a"]}, {}, NOW + number)


async def test_keys_are_listed_by_owner_in_pages_and_revoked_once(archive: Archive) -> None:
    async with archive.begin() as transaction:
        for number in range(5):
            await access.add_api_key(transaction, key(number))
        await access.add_api_key(transaction, key(9, "other"))
        await access.revoke_api_key(transaction, "key-1", NOW)
        await access.revoke_api_key(transaction, "key-1", NOW + HOUR)
        await access.used_api_key(transaction, "key-1", NOW)
    async with archive.read() as connection:
        first = await access.api_key_page(connection, owner="maria", limit=3)
        second = await access.api_key_page(connection, owner="maria", limit=3, after=first.next)
        assert [row.key_id for row in first.rows + second.rows] == [f"key-{number}" for number in (4, 3, 2, 1, 0)]
        assert second.next is None
        assert len((await access.api_key_page(connection, owner=None, limit=50)).rows) == 6
        assert await access.api_key(connection, "key-1") == replace(key(1), revoke_time=NOW, use_time=NOW)
        assert await access.api_key(connection, "key-99") is None


async def test_sessions_end_and_expire(archive: Archive) -> None:
    kept = [
        StoredSession(access.digest(str(n)), "maria", {"groups": []}, "oidc", NOW, NOW + n * HOUR) for n in range(4)
    ]
    async with archive.begin() as transaction:
        for session in kept:
            await access.add_session(transaction, session)
        await access.end_session(transaction, kept[3].digest)
        assert await access.prune(transaction, NOW + HOUR) == 2
    async with archive.read() as connection:
        assert [await access.session(connection, item.digest) for item in kept] == [None, None, kept[2], None]


async def test_preferences_are_replaced_whole(archive: Archive) -> None:
    async with archive.begin() as transaction:
        await access.keep_preferences(transaction, "maria", {"a": None, "列": [1]}, NOW)
        await access.keep_preferences(transaction, "maria", {"b": 2}, NOW)
        await access.keep_preferences(transaction, "other", {"c": None}, NOW)
    async with archive.read() as connection:
        found = [await access.user_preferences(connection, user) for user in ("maria", "other", "nobody")]
        assert found == [{"b": 2}, {"c": None}, None]


def claim(at: int = 0, request: str = "x") -> KeyedAnswer:
    return KeyedAnswer(access.digest("maria", "k"), access.digest(request), NOW + at, NOW + at + 24 * HOUR)


async def claimed(archive: Archive, wanted: KeyedAnswer) -> KeyedAnswer | None:
    async with archive.begin() as transaction:
        return await access.claim_key(transaction, wanted)


async def test_a_key_is_claimed_once(archive: Archive) -> None:
    answers = await asyncio.gather(*(claimed(archive, claim(number)) for number in range(6)))
    assert answers.count(None) == 1
    done = replace(claim(), is_done=1, status=201, headers={"ETag": "1"}, answer='{"a": "é"}')
    async with archive.begin() as transaction:
        await access.settle_key(transaction, done)
    assert await claimed(archive, claim(7, "other")) == done


async def test_a_claim_stays_until_it_has_expired(archive: Archive) -> None:
    assert await claimed(archive, claim()) is None
    assert await claimed(archive, claim(3 * HOUR)) == claim()
    async with archive.begin() as transaction:
        await access.settle_key(transaction, replace(claim(HOUR), is_done=1, status=200))
    assert await claimed(archive, claim(3 * HOUR)) is not None
    assert await claimed(archive, claim(26 * HOUR)) is None
    async with archive.begin() as transaction:
        await access.free_key(transaction, claim(26 * HOUR))
    assert await claimed(archive, claim(26 * HOUR)) is None


async def test_one_alone_moves_a_claim_and_who_lost_it_frees_nothing(archive: Archive) -> None:
    assert await claimed(archive, claim()) is None

    async def moved(to: KeyedAnswer) -> bool:
        async with archive.begin() as transaction:
            return await access.move_claim(transaction, claim(), to)

    takers = [claim(number) for number in range(1, 6)]
    took = await asyncio.gather(*(moved(taker) for taker in takers))
    assert took.count(True) == 1
    holder = takers[took.index(True)]
    async with archive.begin() as transaction:
        await access.free_key(transaction, claim())
        assert await access.keyed_answer(transaction, claim().digest) == holder
        await access.settle_key(transaction, replace(holder, is_done=1, status=200))
        assert not await access.move_claim(transaction, holder, claim(9))
        await access.free_key(transaction, holder)
        assert await access.keyed_answer(transaction, claim().digest)
