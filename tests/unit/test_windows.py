"""When windows are open: against a minute hand that is moved by hand, and the nights on which clocks jump."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.examples import examples

from asynctask.api.window import Window
from asynctask.core import windows

MINUTE = timedelta(minutes=1)
QUICKLY = (Phase.explicit, Phase.reuse, Phase.generate)  # a minute hand is too slow to look for a smaller example
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"]  # fmt: skip
JUMPS = [date(2030, 3, 31), date(2030, 10, 27), date(2030, 3, 10), date(2030, 11, 3), date(2030, 4, 7), date(2030, 10, 6),
         date(2011, 12, 30), date(2030, 6, 15)]  # fmt: skip


def window(zone: str, *ranges: str, **more: Any) -> Window:
    """`Mon,Tue 22:00-06:00`, or only the hours."""
    found = []
    for text in ranges:
        days, _, hours = text.rpartition(" ")
        start, _, end = hours.partition("-")
        found.append({"days": days.split(",") if days else [], "start": start, "end": end})
    return Window.model_validate({"timeZone": zone, "ranges": found, **more})


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def open_minutes(one: Window, begin: datetime, count: int) -> list[bool]:
    """By a minute hand, on a clock on the wall that stands still rather than go back."""
    zone = ZoneInfo(one.time_zone)
    shown = (begin - timedelta(days=4)).astimezone(zone).replace(tzinfo=None)
    moment, result = begin - timedelta(days=4), []
    while len(result) < count:
        shown = max(shown, moment.astimezone(zone).replace(tzinfo=None))
        if moment >= begin:
            result.append(any(_covers(span, shown) for span in one.ranges))
        moment += MINUTE
    return result


def _covers(span: Any, shown: datetime) -> bool:
    today, yesterday = shown.date(), shown.date() - timedelta(days=1)
    hour = shown.strftime("%H:%M")
    begins_on = lambda day: not span.days or day.strftime("%a") in span.days  # noqa: E731
    if span.start < span.end:
        return begins_on(today) and span.start <= hour < span.end
    return (begins_on(today) and hour >= span.start) or (begins_on(yesterday) and hour < span.end)


times = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
ends = st.one_of(times, st.just("24:00"))
days = st.lists(st.sampled_from(windows.WEEKDAYS), unique=True, max_size=7).map(tuple)
spans = st.tuples(days, times, ends).filter(lambda s: s[1] != s[2])
anything = st.builds(
    lambda zone, found: Window.model_validate(
        {"timeZone": zone, "ranges": [{"days": d, "start": s, "end": e} for d, s, e in found]}
    ),
    st.sampled_from(ZONES),
    st.lists(spans, min_size=1, max_size=3),
)
moments = st.builds(
    lambda day, minutes: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(JUMPS),
    st.integers(-1500, 1500),
)


@given(anything, moments)
@settings(max_examples=examples(15), deadline=None, phases=QUICKLY)
def test_it_is_open_when_the_minute_hand_says_so(one: Window, begin: datetime) -> None:
    count = 1700
    expected = open_minutes(one, begin, count)
    assert [windows.is_open([one], begin + MINUTE * i) for i in range(0, count, 7)] == expected[::7]
    assert windows.open_seconds([one], begin, begin + MINUTE * count) == 60 * sum(expected)
    opening = next((begin + MINUTE * i for i, is_open in enumerate(expected) if is_open), None)
    if opening:
        assert windows.next_opening([one], begin) == opening
    closing = next((begin + MINUTE * i for i, is_open in enumerate(expected) if not is_open), None)
    if expected[0] and closing:
        assert windows.next_closing([one], begin) == closing


@given(anything, anything, moments, st.integers(0, 1_000_000))
@settings(max_examples=examples(30), deadline=None, phases=QUICKLY)
def test_of_several_all_must_be_open(one: Window, two: Window, begin: datetime, seconds: int) -> None:
    both, now = [one, two], begin + timedelta(seconds=seconds % 100_000)
    assert windows.is_open(both, now) == (windows.is_open([one], now) and windows.is_open([two], now))
    opening, closing = windows.next_opening(both, now), windows.next_closing(both, now)
    assert windows.open_seconds(both, now, now + timedelta(seconds=seconds)) <= seconds
    if opening:
        assert windows.is_open(both, opening)
        assert windows.open_seconds(both, now, opening) == 0
    if windows.is_open(both, now):
        assert opening == now
    else:
        assert closing is None
    if closing:
        assert not windows.is_open(both, closing)
        assert windows.open_seconds(both, now, closing) == (closing - now).total_seconds()


NIGHT = window("Europe/Berlin", "22:00-06:00")
SENTENCES = {
    "a night is open across midnight": (NIGHT, at("2030-01-02T00:00"), True),
    "it is open from its first second": (NIGHT, at("2030-01-01T22:00"), True),
    "it is closed from its last": (NIGHT, at("2030-01-02T06:00"), False),
    "Friday's night reaches into Saturday": (window("Europe/Berlin", "Fri 22:00-06:00"), at("2030-01-05T05:59"), True),
    "Saturday's night is not open on Saturday morning": (window("Europe/Berlin", "Sat 22:00-06:00"), at("2030-01-05T05:59"), False),
    "a whole day ends at midnight": (window("Europe/Berlin", "Fri 00:00-24:00"), at("2030-01-05T00:00"), False),
    "a whole day lasts until midnight": (window("Europe/Berlin", "Fri 00:00-24:00"), at("2030-01-04T23:59"), True),
    "the zone counts": (window("Asia/Shanghai", "22:00-23:00"), datetime(2030, 1, 1, 14, 30, tzinfo=UTC), True),
    "any range will do": (window("UTC", "01:00-02:00", "05:00-06:00"), datetime(2030, 1, 1, 5, tzinfo=UTC), True),
    "what begins in the hour left out opens at the jump": (window("Europe/Berlin", "02:30-06:00"), at("2030-03-31T03:00"), True),
    "and not before": (window("Europe/Berlin", "02:30-06:00"), at("2030-03-31T01:59"), False),
    "the hour that comes twice is shut after the first end": (
        window("Europe/Berlin", "22:00-02:30"), at("2030-10-27T02:15", fold=1), False),
    "what ends after the hour that comes twice is open both times": (NIGHT, at("2030-10-27T02:15", fold=1), True),
}  # fmt: skip


@pytest.mark.parametrize("said", SENTENCES)
def test_hours(said: str) -> None:
    one, moment, expected = SENTENCES[said]
    assert windows.is_open([one], moment) is expected


def test_a_night_is_an_hour_shorter_or_longer_when_clocks_jump() -> None:
    for day, hours in (("2030-03-30", 7), ("2030-10-26", 9), ("2030-06-01", 8)):
        begin = at(f"{day}T12:00")
        assert windows.open_seconds([NIGHT], begin, begin + timedelta(hours=20)) == hours * 3600


def test_what_lies_within_the_hour_left_out_does_not_open_that_day() -> None:
    one = window("Europe/Berlin", "02:00-03:00")
    assert windows.next_opening([one], at("2030-03-30T12:00")) == at("2030-04-01T02:00")


def test_two_ranges_that_meet_are_one() -> None:
    one = window("Europe/Berlin", "22:00-24:00", "00:00-06:00")
    assert windows.next_closing([one], at("2030-01-01T23:00")) == at("2030-01-02T06:00")


def test_what_is_always_open_never_closes() -> None:
    assert windows.next_closing([window("UTC", "00:00-24:00")], at("2030-01-01T12:00")) is None
    assert windows.next_closing([], at("2030-01-01T12:00")) is None
    assert windows.next_opening([], at("2030-01-01T12:00")) == at("2030-01-01T12:00")


def test_one_that_is_shut_shuts_all() -> None:
    noon = at("2030-01-01T12:00")
    assert windows.is_open([window("UTC", "00:00-24:00"), window("UTC", "11:00-12:00")], noon) is True
    assert windows.is_open([window("UTC", "00:00-24:00"), window("UTC", "12:00-13:00")], noon) is False


def test_windows_that_never_meet_never_open() -> None:
    assert windows.next_opening([window("UTC", "Mon 01:00-02:00"), window("UTC", "Tue 01:00-02:00")], at("2030-01-01T12:00")) is None  # fmt: skip


def test_zones_whose_clocks_jump_on_other_days_meet_some_day() -> None:
    """New York is four hours behind London, and five in three weeks of the year only."""
    both = [window("Europe/London", "13:00-14:00"), window("America/New_York", "09:30-10:00")]
    opening = windows.next_opening(both, datetime(2030, 1, 1, tzinfo=UTC))
    assert opening is not None
    assert (opening.month, opening.day) == (3, 10)


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "europe/berlin", "../etc/passwd", "/etc/localtime"])
def test_a_zone_that_there_is_not_is_named(name: str) -> None:
    problem = windows.zone_problem(name, "spec.window.timeZone")
    assert problem is not None
    assert str(problem).startswith(f"spec.window.timeZone: there is no time zone {name!r}")


def test_a_known_zone_is_no_problem() -> None:
    assert windows.zone_problem("Europe/Berlin", "spec.timeZone") is None
