"""The write limiter, on a clock of its own."""

import asyncio

import pytest

from asynctask.adapters import limiter as limiters
from asynctask.adapters.limiter import WriteLimiter


class Clock:
    """Time that passes only when somebody sleeps."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limiters, "monotonic", clock)
    monkeypatch.setattr(limiters.asyncio, "sleep", clock.sleep)
    return clock


async def seconds_for(writes: int, limiter: WriteLimiter, clock: Clock) -> float:
    begun = clock.now
    for _ in range(writes):
        await asyncio.wait_for(limiter.acquire(), 5)
    return clock.now - begun


async def test_a_burst_of_one_second_is_free(clock: Clock) -> None:
    assert await seconds_for(100, WriteLimiter(100), clock) == 0


async def test_the_rate_is_kept_over_time(clock: Clock) -> None:
    assert await seconds_for(1100, WriteLimiter(100), clock) == pytest.approx(10, abs=0.1)


async def test_an_idle_hour_saves_up_one_second_only(clock: Clock) -> None:
    limiter = WriteLimiter(100)
    await seconds_for(100, limiter, clock)
    clock.now += 3600
    assert await seconds_for(200, limiter, clock) == pytest.approx(1, abs=0.05)


async def test_a_refusal_halves_the_rate_and_pauses(clock: Clock) -> None:
    limiter = WriteLimiter(100)
    limiter.slow_down(retry_after=3)
    assert limiter.rate == 50
    assert await seconds_for(1, limiter, clock) == pytest.approx(3, abs=0.01)


async def test_refusals_never_stop_it_and_it_wins_its_rate_back(clock: Clock) -> None:
    limiter = WriteLimiter(100)
    for _ in range(50):
        limiter.slow_down(retry_after=0)
    assert limiter.rate == 1
    assert await seconds_for(10, limiter, clock) < 10
    clock.now += 30
    await limiter.acquire()
    assert limiter.rate == 100


async def test_an_absurd_retry_after_is_bounded(clock: Clock) -> None:
    limiter = WriteLimiter(100)
    limiter.slow_down(retry_after=1e9)
    assert await seconds_for(1, limiter, clock) <= 30.1


async def test_less_than_one_write_a_second_still_writes(clock: Clock) -> None:
    assert await seconds_for(3, WriteLimiter(0.5), clock) == pytest.approx(4, abs=2)
