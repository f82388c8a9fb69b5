"""Bandwidth while shares change: what stages are told, over their reports, by one replica of the gateway or several."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from asynctask.core.bandwidth import MEGABYTE, weight
from asynctask.core.grants import BEGIN_SECONDS, LAG_SECONDS, Ledger, Party

NAS = frozenset({"nas"})
REPORT_SECONDS, WRITE_SECONDS = 2.0, 5.0


@dataclass
class Mover:
    """A stage that moves what it is told to, up to what its disks give; in megabytes per second."""

    name: str
    priority: int = 3
    speed: float = 1000.0
    least: float = 0.0
    endpoints: frozenset[str] = NAS
    told: float = 0.0
    next_report: float = 0.0
    next_write: float = 0.0
    published: tuple[float | None, float | None] = (None, None)

    @property
    def rate(self) -> float:
        return min(self.speed, self.told)

    @property
    def party(self) -> Party:
        allowed, used = (None if rate is None else rate * MEGABYTE for rate in self.published)
        return Party(self.endpoints, weight(self.priority), self.least * MEGABYTE, allowed, used)


@dataclass
class Estate:
    """Movers, each of which reports to one of the replicas; time goes on in quarters of a second."""

    movers: list[Mover]
    limits: dict[str, float] = field(default_factory=lambda: {"nas": 100.0})
    replicas: int = 1
    now: float = 0.0

    def __post_init__(self) -> None:
        self.ledgers = [Ledger() for _ in range(self.replicas)]
        for place, mover in enumerate(self.movers):
            mover.next_report = mover.next_report or place * 0.5

    def run(self, seconds: float) -> "Estate":
        for _ in self.steps(seconds):
            pass
        return self

    def steps(self, seconds: float) -> Iterator[float]:
        """The total at each step."""
        until = self.now + seconds
        while self.now < until:
            parties = {mover.name: mover.party for mover in self.movers}
            for place, mover in enumerate(self.movers):
                if self.now >= mover.next_report:
                    self._report(self.ledgers[place % self.replicas], mover, parties)
            self.now += 0.25
            yield self.total

    @property
    def total(self) -> float:
        return sum(mover.rate for mover in self.movers)

    @property
    def rates(self) -> tuple[float, ...]:
        return tuple(mover.rate for mover in self.movers)

    def _report(self, ledger: Ledger, mover: Mover, parties: dict[str, Party]) -> None:
        began = mover.told == 0.0
        ledger.heard(mover.name, None if began else mover.rate * MEGABYTE, self.now)
        if not began and self.now >= mover.next_write:
            mover.published = (mover.told, mover.rate)
            mover.next_write = self.now + WRITE_SECONDS
        ledger.divide({name: limit * MEGABYTE for name, limit in self.limits.items()}, parties, self.now)
        told = ledger.tell(mover.name, self.now)
        mover.told = 1000.0 if told is None else told / MEGABYTE
        mover.next_report = self.now + REPORT_SECONDS


def test_stages_that_begin_together_have_their_shares_at_once() -> None:
    estate = Estate([Mover("a", 1), Mover("b", 3), Mover("c", 5)]).run(2)
    assert estate.rates == pytest.approx((1600 / 21, 400 / 21, 100 / 21), abs=1)


def test_what_a_slow_stage_leaves_goes_to_the_others() -> None:
    estate = Estate([Mover("a", speed=10), Mover("b"), Mover("c")]).run(10)
    assert estate.rates == pytest.approx((10, 44.5, 44.5), abs=1)


def test_what_nobody_wants_is_there_for_whoever_speeds_up() -> None:
    estate = Estate([Mover("a", speed=10)]).run(10)
    assert estate.movers[0].told == 100


def test_a_stage_that_wakes_gets_its_share_back_and_the_limit_holds() -> None:
    estate = Estate([Mover("a", speed=0), Mover("b")]).run(20)
    assert estate.rates == pytest.approx((0, 99), abs=1)
    assert estate.movers[0].told >= 0.9, "nothing could be seen of its waking"
    estate.movers[0].speed = 1000
    assert max(estate.steps(10)) <= 101
    assert estate.rates == pytest.approx((50, 50), abs=1)


def test_a_new_stage_waits_until_the_others_have_made_room() -> None:
    estate = Estate([Mover("a")]).run(5)
    estate.movers.append(Mover("b", 1, next_report=estate.now))
    assert max(estate.steps(5)) <= 102
    assert estate.rates == pytest.approx((20, 80), abs=1)


def test_a_stage_that_ended_leaves_its_share() -> None:
    estate = Estate([Mover("a"), Mover("b")]).run(5)
    estate.movers.pop()
    assert estate.run(2.5).rates == pytest.approx((100,), abs=1)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("limit", [30.0, 300.0])
def test_a_new_limit_is_in_force_after_the_next_report(limit: float, replicas: int) -> None:
    estate = Estate([Mover("a", 2), Mover("b", 3)], replicas=replicas).run(20)
    estate.limits = {"nas": limit}
    estate.run(2 * REPORT_SECONDS + 0.5)
    assert estate.rates == pytest.approx((limit * 2 / 3, limit / 3), rel=0.02)


def test_a_limit_that_goes_is_forgotten_with_the_next_report() -> None:
    estate = Estate([Mover("a"), Mover("b")]).run(5)
    estate.limits = {}
    assert estate.run(REPORT_SECONDS + 0.5).rates == (1000, 1000)


@pytest.mark.parametrize(("replicas", "seconds"), [(1, 2 * REPORT_SECONDS + 0.5), (2, 9.5)])
def test_a_new_priority_counts_soon(replicas: int, seconds: float) -> None:
    estate = Estate([Mover("a", 3), Mover("b", 3)], replicas=replicas).run(20)
    estate.movers[1].priority = 1
    assert max(estate.steps(seconds)) <= 101
    assert estate.rates == pytest.approx((20, 80), abs=1)


def test_a_promise_is_kept_from_the_first_moment() -> None:
    estate = Estate([Mover("a", 1), Mover("b", 1)]).run(20)
    estate.movers.append(Mover("c", 5, least=60, next_report=estate.now))
    estate.run(0.25)
    assert estate.movers[2].rate >= 60
    assert estate.run(5).rates == pytest.approx((20, 20, 60), abs=1)


def test_a_pod_that_does_not_come_gives_its_share_up_in_the_end() -> None:
    estate = Estate([Mover("a"), Mover("b", next_report=10_000)]).run(5)
    assert estate.rates == pytest.approx((50, 0), abs=1)
    assert estate.run(BEGIN_SECONDS + 5).rates == pytest.approx((98, 0), abs=2)


def test_a_share_is_never_zero() -> None:
    ledger = Ledger()
    parties = {"a": Party(NAS), "b": Party(NAS, least=5)}
    ledger.divide({"nas": 2}, parties, 0)
    assert ledger.tell("a", 0) == 1


def test_a_replica_that_knows_nothing_yet_takes_what_was_published_for_taken() -> None:
    ledger = Ledger()
    parties = {"a": Party(NAS), "b": Party(NAS, allowed=90, used=90)}
    ledger.heard("a", None, 0)
    ledger.divide({"nas": 100}, parties, 0)
    assert ledger.tell("a", 0) == 10
    ledger.divide({"nas": 100}, {**parties, "b": replace(parties["b"], allowed=50, used=50)}, 1)
    assert ledger.tell("a", 1) == 50


def test_what_another_replica_may_have_told_lately_counts_as_taken() -> None:
    ledger = Ledger()
    other = Party(NAS, allowed=20, used=20)
    ledger.heard("a", None, 0)
    ledger.divide({"nas": 100}, {"a": Party(NAS, least=5), "b": replace(other, weight=3)}, 0)
    assert ledger.tell("a", 0) == 25
    for now, rate in ((1, 25), (LAG_SECONDS - 0.1, 25), (LAG_SECONDS + 0.1, 50)):
        ledger.heard("a", 25, now)
        ledger.divide({"nas": 100}, {"a": Party(NAS), "b": other}, now)
        assert ledger.tell("a", now) == rate


def test_another_pod_of_a_stage_begins_anew_and_holds_what_the_stage_is_due() -> None:
    ledger = Ledger()
    ledger.heard("a", None, 0)
    ledger.divide({"nas": 100}, {"a": Party(NAS), "b": Party(NAS)}, 0)
    assert ledger.tell("a", 0) == 50
    ledger.begun("a", 1)
    assert ledger.told("a") is None
    assert ledger.tell("b", 1) == 50


@st.composite
def movers(draw: st.DrawFn) -> list[Mover]:
    count = draw(st.integers(1, 6))
    return [
        Mover(f"m{n}", draw(st.integers(1, 5)), draw(st.sampled_from([0.0, 3.0, 20.0, 1000.0])), next_report=0.25 * n)
        for n in range(count)
    ]


@settings(max_examples=examples(25), deadline=None)
@given(movers(), st.integers(1, 3), st.sampled_from([20.0, 100.0]))
def test_the_total_stays_within_the_limit_and_comes_near_it(group: list[Mover], replicas: int, limit: float) -> None:
    estate = Estate(group, {"nas": limit}, replicas)
    assert max(estate.steps(40)) <= limit * 1.02
    usable = min(limit, sum(mover.speed for mover in group))
    assert estate.total >= 0.9 * usable
    weights = sum(weight(mover.priority) for mover in group)
    for mover in group:
        assert mover.rate >= 0.97 * min(mover.speed, limit * weight(mover.priority) / weights)


@settings(max_examples=examples(25), deadline=None)
@given(movers(), st.integers(1, 3), st.data())
def test_changes_hardly_take_the_total_over_the_limit(group: list[Mover], replicas: int, data: st.DataObject) -> None:
    estate = Estate(group, replicas=replicas).run(30)
    changed = data.draw(st.sampled_from(group))
    changed.speed = data.draw(st.sampled_from([0.0, 20.0, 1000.0]))
    changed.priority = data.draw(st.integers(1, 5))
    assert max(estate.steps(30)) <= 104
    assert estate.total >= 0.9 * min(100, sum(mover.speed for mover in group))
