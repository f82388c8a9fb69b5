"""Pages look for rare rows in rounds, as wide as there is time for."""

import asyncio

import pytest

from asynctask.adapters.archive import rounds
from asynctask.adapters.archive.rounds import Rounds


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rounds, "monotonic", clock)
    return clock


def windows(clock: Clock, seconds_per_row: float, budget: float = 0.02) -> tuple[list[int], float]:
    """The windows of a page on a database of some speed, and the seconds that it took in all."""
    page, tried, begun = Rounds(budget), [], clock.now
    while True:
        tried.append(page.window)
        clock.now += page.window * seconds_per_row
        if not page.again():
            return tried, clock.now - begun


def test_a_quick_database_is_asked_for_wide_windows(clock: Clock) -> None:
    tried, _ = windows(clock, 2e-6)
    assert tried[:3] == [100, 400, 1000]


@pytest.mark.parametrize("seconds_per_row", [1e-6, 1e-5, 5e-5, 1e-4])
def test_no_page_takes_much_longer_than_it_has_time(clock: Clock, seconds_per_row: float) -> None:
    _, took = windows(clock, seconds_per_row)
    first, least = rounds.FIRST * seconds_per_row, rounds.LEAST * seconds_per_row
    assert took <= max(first, 0.02 + least) + 1e-9


def test_a_slow_database_is_asked_once(clock: Clock) -> None:
    assert windows(clock, 1e-3) == ([100], pytest.approx(0.1))


async def test_a_round_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PATIENCE_SECONDS", 0.05)
    assert await Rounds().patiently(asyncio.sleep(0, "found")) == "found"
    with pytest.raises(TimeoutError):
        await Rounds().patiently(asyncio.Event().wait())
