"""How the limits of endpoints are divided among stages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.api.storageendpoint import EndpointLimits
from asynctask.core.bandwidth import Claim, divide, room, weight
from asynctask.core.timetable import in_force, next_change

NAS = ("nas",)


def test_a_stage_alone_gets_the_whole_limit() -> None:
    assert divide({"nas": 100}, {"a": Claim(NAS)}) == {"a": 100}


def test_nothing_is_said_of_stages_without_limited_endpoints() -> None:
    assert divide({"nas": 100}, {"a": Claim(("s3",)), "b": Claim(())}) == {}
    assert divide({}, {"a": Claim(NAS)}) == {}


@pytest.mark.parametrize(
    ("priorities", "shares"),
    [((3, 3), (50, 50)), ((1, 5), (1600 / 17, 100 / 17)), ((1, 2, 3), (400 / 7, 200 / 7, 100 / 7))],
)
def test_shares_go_by_priority(priorities: tuple[int, ...], shares: tuple[float, ...]) -> None:
    claims = {place: Claim(NAS, weight(priority)) for place, priority in enumerate(priorities)}
    assert tuple(divide({"nas": 100}, claims).values()) == pytest.approx(shares)


def test_weights_double_with_each_priority_and_stay_within_them() -> None:
    assert [weight(priority) for priority in (0, 1, 2, 3, 4, 5, 9)] == [16, 16, 8, 4, 2, 1, 1]


def test_what_one_leaves_goes_to_the_others_by_weight() -> None:
    shares = divide({"nas": 100}, {"a": Claim(NAS, 16, most=10), "b": Claim(NAS, 2), "c": Claim(NAS, 1)})
    assert shares == pytest.approx({"a": 10, "b": 60, "c": 30})


def test_one_that_can_use_nothing_takes_nothing() -> None:
    assert divide({"nas": 100}, {"a": Claim(NAS), "b": Claim(NAS, most=0)}) == {"a": 100, "b": 0}


def test_what_nobody_uses_is_left() -> None:
    assert divide({"nas": 100}, {"a": Claim(NAS, most=10), "b": Claim(NAS, most=20)}) == {"a": 10, "b": 20}


def test_a_copy_is_as_fast_as_the_slower_of_its_ends_and_leaves_the_rest_of_the_faster_one() -> None:
    shares = divide({"nas": 100, "usb": 10}, {"a": Claim(("nas", "usb")), "b": Claim(NAS)})
    assert shares == pytest.approx({"a": 10, "b": 90})


def test_a_promise_is_kept_whatever_the_priorities() -> None:
    shares = divide({"nas": 100}, {"a": Claim(NAS, 1, least=60), "b": Claim(NAS, 16)})
    assert shares == pytest.approx({"a": 60, "b": 40})


def test_promises_shrink_alike_when_the_limit_falls_below_them() -> None:
    shares = divide({"nas": 45}, {"a": Claim(NAS, 1, least=60), "b": Claim(NAS, 16, least=30), "c": Claim(NAS, 4)})
    assert shares == pytest.approx({"a": 30, "b": 15, "c": 0})


def test_what_can_still_be_promised() -> None:
    assert room(None, [10]) is None
    assert room(100, []) == 100
    assert room(100, [60, 30]) == 10
    assert room(50, [60]) == 0


CLAIMS = st.dictionaries(
    st.integers(0, 12),
    st.builds(
        Claim,
        st.sets(st.sampled_from("abc")).map(tuple),
        st.sampled_from([1, 2, 4, 8, 16]),
        st.sampled_from([0, 0, 0, 5, 40]),
        st.one_of(st.just(float("inf")), st.floats(0, 200)),
    ),
)
LIMITS = st.dictionaries(st.sampled_from("abc"), st.floats(1, 150))


@given(LIMITS, CLAIMS)
def test_no_limit_is_exceeded_and_nothing_usable_is_left(limits: dict[str, float], claims: dict[int, Claim]) -> None:
    shares = divide(limits, claims)
    full = set()
    for endpoint, limit in limits.items():
        total = sum(share for stage, share in shares.items() if endpoint in claims[stage].endpoints)
        assert total <= limit * (1 + 1e-9)
        if total >= limit * (1 - 1e-9):
            full.add(endpoint)
    for stage, share in shares.items():
        assert share >= 0
        assert share >= claims[stage].most * (1 - 1e-9) or full & set(claims[stage].endpoints)


@given(LIMITS, CLAIMS)
def test_nobody_gets_more_for_its_weight_than_one_who_would_use_more(
    limits: dict[str, float], claims: dict[int, Claim]
) -> None:
    shares = divide(limits, claims)
    for mine, share in shares.items():
        if share >= claims[mine].most * (1 - 1e-9):
            continue
        common = [
            other
            for other in shares
            if set(claims[other].endpoints) == set(claims[mine].endpoints) and not claims[other].least
        ]
        for other in common:
            assert shares[other] / claims[other].weight <= share / claims[mine].weight * (1 + 1e-6) + 1e-6


def limits(**more: Any) -> EndpointLimits:
    return EndpointLimits.model_validate({"megabytesPerSecond": 100, "streams": 8, **more})


OFFICE = {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "start": "08:00", "end": "18:00", "megabytesPerSecond": 20}
NIGHT = {"start": "22:00", "end": "06:00", "streams": 2}
NOON = {"start": "12:00", "end": "13:00", "megabytesPerSecond": 70}


@pytest.mark.parametrize(
    ("moment", "zone", "periods", "rate", "streams"),
    [
        ("2026-11-23T08:00", "UTC", [OFFICE], 20, 8),  # a Monday
        ("2026-11-23T07:59", "UTC", [OFFICE], 100, 8),
        ("2026-11-23T18:00", "UTC", [OFFICE], 100, 8),
        ("2026-11-22T09:00", "UTC", [OFFICE], 100, 8),
        ("2026-11-23T00:00", "Asia/Taipei", [OFFICE], 20, 8),
        ("2026-11-22T23:59", "Asia/Taipei", [OFFICE], 100, 8),
        ("2026-11-23T12:30", "UTC", [NOON, OFFICE], 70, 8),
        ("2026-11-23T12:30", "UTC", [OFFICE, NOON], 20, 8),
        ("2026-11-23T23:00", "UTC", [NIGHT], 100, 2),
        ("2026-11-23T05:59", "UTC", [NIGHT], 100, 2),
        ("2026-11-23T06:00", "UTC", [NIGHT], 100, 8),
        ("2026-11-24T03:00", "UTC", [{**NIGHT, "days": ["Mon"]}], 100, 2),
        ("2026-11-23T03:00", "UTC", [{**NIGHT, "days": ["Mon"]}], 100, 8),
        ("2026-11-23T03:00", "UTC", [{"days": ["Mon"], "streams": 0}], 100, 0),
        ("2026-03-29T00:59", "Europe/Berlin", [{"start": "03:00", "end": "04:00", "streams": 1}], 100, 8),
        ("2026-03-29T01:00", "Europe/Berlin", [{"start": "03:00", "end": "04:00", "streams": 1}], 100, 1),
        ("2026-11-23T12:30", "Mars/Olympus", [OFFICE, NOON, NIGHT], 20, 2),
    ],
)
def test_the_first_open_period_counts(
    moment: str, zone: str, periods: list[dict[str, Any]], rate: int, streams: int
) -> None:
    timetable = {"timeZone": zone, "periods": periods}
    found = in_force(limits(timetable=timetable), datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert (found.megabytes_per_second, found.streams) == (rate, streams)


def test_without_a_timetable_the_limits_are_as_they_stand() -> None:
    assert in_force(limits(), datetime(2026, 1, 1, tzinfo=UTC)) == limits()


@pytest.mark.parametrize(
    ("moment", "zone", "turn"),
    [
        ("2026-11-23T07:00", "UTC", "2026-11-23T08:00"),
        ("2026-11-23T12:30", "UTC", "2026-11-23T13:00"),
        ("2026-11-23T17:00", "UTC", "2026-11-23T18:00"),
        ("2026-11-23T01:00", "Asia/Taipei", "2026-11-23T04:00"),
        ("2026-11-23T01:00", "Mars/Olympus", None),
    ],
)
def test_when_the_next_limits_come(moment: str, zone: str, turn: str | None) -> None:
    timetable = {"timeZone": zone, "periods": [NOON, OFFICE]}
    found = next_change(limits(timetable=timetable), datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(turn).replace(tzinfo=UTC) if turn else None)


def test_limits_without_a_timetable_never_change_by_themselves() -> None:
    assert next_change(limits(), datetime(2026, 1, 1, tzinfo=UTC)) is None
