"""When a message is tried again, when it is dead, when a channel is left in peace."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.core.notifications.delivery import Breaker, Bucket, Failure, Patience, after_failure

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TRANSIENT, PERMANENT = Failure("transient", "no answer"), Failure("permanent", "no such user")
CALM = Patience()


def pause(failure: Failure, attempts: int, chance: float = 1.0) -> float:
    attempted = after_failure(failure, attempts, NOON, NOON, chance, CALM)
    assert attempted.state == "pending"
    return (attempted.next_time - NOON).total_seconds()


def test_pauses_double_up_to_an_hour() -> None:
    assert [pause(TRANSIENT, n) for n in (1, 2, 3, 4, 11)] == [10, 20, 40, 80, 3600]


def test_who_says_it_was_too_much_is_left_alone_longer() -> None:
    assert pause(Failure("throttled", "slow down"), 1) == 40
    assert pause(Failure("throttled", "slow down", retry_after=300), 1) == 300
    assert pause(Failure("throttled", "slow down", retry_after=10**9), 1) == 3600


@given(st.integers(1, 11), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 10**7)))
def test_no_pause_is_shorter_than_half_of_what_is_due_or_longer_than_an_hour(
    n: int, chance: float, after: float | None
) -> None:
    seconds = pause(Failure("throttled", "", after), n, chance)
    assert 20 <= seconds <= 3600


@pytest.mark.parametrize(
    ("failure", "attempts", "age", "state"),
    [
        (TRANSIENT, 1, timedelta(0), "pending"),
        (TRANSIENT, 11, timedelta(hours=23), "pending"),
        (TRANSIENT, 12, timedelta(0), "dead"),
        (TRANSIENT, 1, timedelta(hours=24), "dead"),
        (PERMANENT, 1, timedelta(0), "dead"),
    ],
)
def test_a_message_is_given_up(failure: Failure, attempts: int, age: timedelta, state: str) -> None:
    assert after_failure(failure, attempts, NOON - age, NOON, 0.5, CALM).state == state


def test_a_channel_that_fails_is_left_in_peace_and_then_probed_by_one_message() -> None:
    breaker = Breaker(threshold=3, pause=30)
    for _ in range(2):
        breaker = breaker.failed(0)
    assert breaker.room(0) is None
    breaker = breaker.failed(0)
    assert (breaker.state(0), breaker.room(29)) == ("open", 0)
    assert (breaker.state(30), breaker.room(30)) == ("half-open", 1)
    assert breaker.tried(30).room(30) == 0


def test_a_probe_that_fails_keeps_it_shut_twice_as_long_and_one_that_goes_well_opens_it() -> None:
    breaker = Breaker(threshold=1, pause=30, longest=100).failed(0).tried(30).failed(31)
    assert breaker.state(31 + 59) == "open"
    assert breaker.state(31 + 60) == "half-open"
    assert breaker.tried(91).failed(91).state(91 + 99) == "open"
    assert breaker.tried(91).failed(91).state(91 + 100) == "half-open"
    assert breaker.tried(91).went_well() == Breaker(threshold=1, pause=30, longest=100)


def test_a_probe_that_tells_nothing_of_the_channel_leaves_room_for_another() -> None:
    assert Breaker(threshold=1).failed(0).tried(40).let_go().room(40) == 1


def test_failures_of_messages_under_way_when_it_opened_change_nothing() -> None:
    breaker = Breaker(threshold=1).failed(0)
    assert breaker.failed(1) == breaker


def test_a_channel_that_asks_for_peace_gets_it_at_once() -> None:
    assert Breaker().failed(0, retry_after=120).state(119) == "open"


def test_success_between_failures_starts_the_count_anew() -> None:
    breaker = Breaker(threshold=2).failed(0).went_well().failed(0)
    assert breaker.state(0) == "closed"


def test_a_bucket_lets_its_capacity_pass_and_then_one_at_a_time() -> None:
    bucket = Bucket.full(3, 60, now=0)
    for _ in range(3):
        assert bucket.wait(0) == 0
        bucket = bucket.take(0)
    assert bucket.wait(0) == pytest.approx(20)
    assert bucket.wait(20) == 0
    assert bucket.at_time(10_000).level == 3


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 10))
def test_no_hour_sees_more_than_twice_the_capacity(steps: list[float], capacity: int) -> None:
    now, bucket, taken = 0.0, Bucket.full(capacity, 3600, 0), 0
    for step in steps:
        now += step
        if now < 3600 and not bucket.wait(now):
            bucket, taken = bucket.take(now), taken + 1
    assert taken <= 2 * capacity
