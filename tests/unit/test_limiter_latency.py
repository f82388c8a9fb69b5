"""Whether writes take long of late."""

import pytest

from asynctask.adapters import limiter
from asynctask.adapters.limiter import Latency


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "monotonic", lambda: 1000.0)


def _after(*writes: tuple[int, float]) -> bool:
    latency = Latency()
    for count, seconds in writes:
        for _ in range(count):
            latency.seen(seconds)
    return latency.is_slow


def test_one_slow_write_is_not_a_slow_server() -> None:
    assert not _after((20, 0.01), (1, 0.5))


def test_what_was_slow_is_so_until_writes_are_quick_again() -> None:
    assert _after((50, 0.2))
    assert _after((50, 0.2), (50, 0.08))
    assert not _after((50, 0.08))
    assert not _after((50, 0.2), (50, 0.01))
