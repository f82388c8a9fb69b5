"""Sharing an endpoint's bandwidth among the stages that are heard of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.core.bandwidth import LIVE_SECONDS, Usage, share


def test_a_stage_alone_gets_the_whole_limit() -> None:
    assert share([(1, 100)]) == 100_000_000


def test_nothing_limits_a_stage_without_limited_endpoints() -> None:
    assert share([]) is None
    assert share([(3, None)]) is None


def test_the_smallest_share_counts() -> None:
    assert share([(2, 100), (1, 80), (1, None)]) == 50_000_000


def test_a_share_is_never_zero() -> None:
    assert share([(5_000_000, 1)]) == 1


def test_users_are_those_heard_of_lately() -> None:
    usage = Usage()
    usage.heard_of("a", ["nas"], now=0)
    usage.heard_of("b", ["nas", "s3"], now=10)
    assert usage.users("nas", now=LIVE_SECONDS) == 2
    assert usage.users("nas", now=LIVE_SECONDS + 1) == 1
    assert usage.users("s3", now=10 + LIVE_SECONDS + 1) == 0


def test_a_stage_that_reports_on_stays() -> None:
    usage = Usage()
    for now in range(0, 100, 5):
        usage.heard_of("a", ["nas"], now)
    assert usage.users("nas", now=100) == 1


def test_a_stage_that_ended_leaves_its_share_at_once() -> None:
    usage = Usage()
    usage.heard_of("a", ["nas"], now=0)
    usage.heard_of("b", ["nas"], now=0)
    usage.ended("a", ["nas", "unknown"])
    assert usage.users("nas", now=0) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 5), st.booleans()), max_size=60))
def test_the_count_is_that_of_a_plain_look_at_all(events: list[tuple[str, float, bool]]) -> None:
    usage, heard, now = Usage(), dict[str, float](), 0.0
    for stage, step, ends in events:
        now += step
        if ends:
            usage.ended(stage, ["nas"])
            heard.pop(stage, None)
        else:
            usage.heard_of(stage, ["nas"], now)
            heard[stage] = now
        assert usage.users("nas", now) == sum(now - time <= LIVE_SECONDS for time in heard.values())


@pytest.mark.parametrize("users", [1, 3, 7])
def test_the_shares_never_add_up_to_more_than_the_limit(users: int) -> None:
    one = share([(users, 100)])
    assert one is not None
    assert one * users <= 100_000_000
