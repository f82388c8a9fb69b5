"""The gateway's cache and limits, with a clock of our own."""

import asyncio

import pytest

from asynctask.gateway.caching import Cache
from asynctask.gateway.errors import InvalidToken
from asynctask.gateway.limits import Bucket, Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts how often it is asked, and answers once it may."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[int | None] = []
        self.error = error
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self, stale: int | None) -> int:
        self.asked.append(stale)
        await self.may.wait()
        if self.error:
            raise self.error
        return len(self.asked)


async def test_a_value_is_kept_for_its_time_and_handed_to_the_next_load() -> None:
    clock, source = Clock(), Source()
    cache = Cache[str, int](10, clock=clock)
    assert [await cache.get("a", source), await cache.get("a", source)] == [1, 1]
    clock.now = 10
    assert await cache.get("a", source) == 2
    assert source.asked == [None, 1]


async def test_all_who_wait_share_one_load_even_when_the_first_hangs_up() -> None:
    source = Source()
    source.may.clear()
    cache = Cache[str, int](10)
    first, second = (asyncio.create_task(cache.get("a", source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.may.set()
    assert await second == 1
    assert first.cancelled()
    assert len(source.asked) == 1


async def test_refusals_are_kept_briefly_and_other_errors_not_at_all() -> None:
    clock = Clock()
    cache = Cache[str, int](100, refusal_seconds=5, clock=clock)
    refused, broken = Source(InvalidToken("no")), Source(OSError())
    for _ in range(3):
        with pytest.raises(InvalidToken):
            await cache.get("a", refused)
        with pytest.raises(OSError):  # noqa: PT011 - any
            await cache.get("b", broken)
    assert (len(refused.asked), len(broken.asked)) == (1, 3)
    clock.now = 5
    with pytest.raises(InvalidToken):
        await cache.get("a", refused)
    assert refused.asked == [None, None]


async def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    source = Source()
    cache = Cache[str, int](10, size=2)
    for key in ("a", "b", "a", "c", "a"):
        await cache.get(key, source)
    assert len(source.asked) == 3
    await cache.get("b", source)
    assert len(source.asked) == 4


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = Bucket(rate=2, burst=3, now=0)
    assert [bucket.take(1, 0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(1, 0) == 0.5
    assert bucket.take(1, 0.5) == 0
    assert bucket.take(3, 100) == 0
    assert bucket.take(1, 100) == 0.5


def test_buckets_do_not_share_and_are_bounded() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, size=2, clock=clock)
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    assert buckets.take("b") == 0
    assert buckets.take("c") == 0
    assert buckets.take("b") > 0
    assert buckets.take("a") == 0  # forgotten meanwhile
