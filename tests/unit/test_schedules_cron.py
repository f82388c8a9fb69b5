"""Cron expressions in time zones, against a walk over every day and every minute."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from asynctask.core.problems import Problem
from asynctask.core.schedules import cron
from asynctask.core.windows import instant

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Asia/Kolkata"]
DAYS = ["2030-03-30", "2030-10-26", "2030-03-09", "2030-11-02", "2030-04-06", "2030-06-01"]
moments = st.builds(
    lambda day, minutes: datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(minutes=minutes),
    st.sampled_from(DAYS),
    st.integers(0, 3000),
)


def known(expression: str, zone: str = "UTC") -> cron.Cron:
    found = cron.parse(expression, zone)
    assert isinstance(found, cron.Cron), found
    return found


@given(
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sampled_from([0, 15, 30, 59]),
    st.sets(st.integers(0, 6), max_size=3),
    st.sampled_from(ZONES),
    moments,
)
@settings(max_examples=examples(60), deadline=None)
def test_fixed_hours_come_once_a_day(hours: set[int], minute: int, days: set[int], zone: str, begin: datetime) -> None:
    """At the jump if their hour is left out, at the first of the two if it comes twice."""
    expression = f"{minute} {','.join(map(str, hours))} * * {','.join(map(str, days)) or '*'}"
    where, end = ZoneInfo(zone), begin + timedelta(days=4)
    first = begin.astimezone(where).replace(hour=0, minute=0, second=0, tzinfo=None) - timedelta(days=1)
    expected = {
        instant(day + timedelta(hours=hour, minutes=minute), where)
        for day in (first + timedelta(days=n) for n in range(8))
        for hour in hours
        if not days or (day.weekday() + 1) % 7 in days
    }
    found = [tick for tick in known(expression, zone).upcoming(begin, 16) if tick <= end]
    assert found == sorted(tick for tick in expected if begin < tick <= end)[:16]


@given(
    st.sampled_from(["*/15 * * * *", "*/7 1-5 * * *", "0 * * * *", "*/30 */2 * * 1-5"]),
    st.sampled_from(ZONES[:4]),
    moments,
)
@settings(max_examples=examples(30), deadline=None)
def test_stars_count_real_time(expression: str, zone: str, begin: datetime) -> None:
    where = ZoneInfo(zone)
    step = int(expression.split()[0].removeprefix("*/"))
    hours = {"*": range(24), "1-5": range(1, 6), "*/2": range(0, 24, 2)}[expression.split()[1]]
    weekdays = range(5) if expression.endswith("1-5") else range(7)
    expected = []
    moment = begin.replace(second=0)
    for _ in range(30 * 60):
        moment += timedelta(minutes=1)
        wall = moment.astimezone(where)
        if (wall.minute % step if step else wall.minute) == 0 and wall.hour in hours and wall.weekday() in weekdays:
            expected.append(moment)
    found = [tick for tick in known(expression, zone).upcoming(begin, 130) if tick <= moment]
    assert found == expected[:130]


@given(
    st.sampled_from(["* * * * *", "30 2 * * *", "0 0 1 * *", "15 3 29 2 *"]),
    st.sampled_from(ZONES),
    moments,
    st.integers(0, 900_000),
)
@settings(max_examples=examples(60), deadline=None)
def test_the_newest_is_the_last_of_all(expression: str, zone: str, after: datetime, minutes: int) -> None:
    until = after + timedelta(minutes=minutes % (3000 if expression.startswith("*") else 900_000))
    every = list(takewhile(lambda tick: tick <= until, known(expression, zone).after(after)))
    assert known(expression, zone).latest(after, until) == (every[-1] if every else None)


def test_looked_at_within_an_hour_that_comes_twice_what_has_been_is_not_to_come() -> None:
    now = datetime(2030, 10, 27, 1, 10, tzinfo=UTC)  # 02:10 in Berlin, for the second time
    assert known("30 2 * * *", "Europe/Berlin").upcoming(now, 1) == (datetime(2030, 10, 28, 1, 30, tzinfo=UTC),)


def test_a_year_of_minutes_is_not_walked_through() -> None:
    after = datetime(2030, 1, 1, tzinfo=UTC)
    calls = 0

    class Counting(cron.CronSim):
        def __next__(self) -> datetime:
            nonlocal calls
            calls += 1
            return super().__next__()

    original, cron.CronSim = cron.CronSim, Counting  # type: ignore[misc]
    try:
        assert known("* * * * *").latest(after, after + timedelta(days=365)) == after + timedelta(days=365)
    finally:
        cron.CronSim = original  # type: ignore[misc]
    assert calls < 100


@pytest.mark.parametrize(
    ("expression", "zone", "path", "word"),
    [
        ("61 * * * *", "UTC", "spec.schedule", "bad minute"),
        ("0 25 * * *", "UTC", "spec.schedule", "bad hour"),
        ("0 0 31 2 *", "UTC", "spec.schedule", "bad day-of-month"),
        ("x y z u v", "UTC", "spec.schedule", "cron expression"),
        ("0 0 * * *", "Mars/Olympus", "spec.timeZone", "Europe/Berlin"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(expression: str, zone: str, path: str, word: str) -> None:
    problem = cron.parse(expression, zone)
    assert isinstance(problem, Problem)
    assert problem.path == path
    assert word in problem.message


def test_jitter_is_fixed_and_spread() -> None:
    offsets = [cron.offset("nas", f"share-{n}", 299).total_seconds() for n in range(500)]
    assert offsets == [cron.offset("nas", f"share-{n}", 299).total_seconds() for n in range(500)]
    assert 0 <= min(offsets) < max(offsets) <= 299
    by_ten_seconds = [sum(1 for found in offsets if found // 10 == slot) for slot in range(30)]
    assert max(by_ten_seconds) < 40  # 17 on the average
    assert cron.offset("nas", "share", 0) == timedelta(0)
