"""What makes the liveness probe fail, and what must not."""

from dataclasses import replace

import pytest

from asynctask.adapters.reach import Reach
from asynctask.controller.liveness import Signs, ailment

HEALTHY = Signs(reached=9000, oldest_key=1, watch_silence=50, listed_ago=200)
SICK = {
    "a stuck worker": (replace(HEALTHY, oldest_key=121), "waited too long"),
    "a dead watch": (replace(HEALTHY, watch_silence=241), "silent for 241 s"),
    "a watch that only looks alive": (replace(HEALTHY, overdue="stages"), "watch of stages"),
    "listings that fail": (replace(HEALTHY, listed_ago=901), "nothing could be listed"),
}


def problem(signs: Signs) -> str:
    return ailment(signs, stuck_key=120, resync=300)


def test_nothing_is_wrong() -> None:
    assert problem(HEALTHY) == ""


@pytest.mark.parametrize("what", SICK)
def test_a_restart_is_asked_for(what: str) -> None:
    signs, text = SICK[what]
    assert text in problem(signs)


@pytest.mark.parametrize("what", SICK)
@pytest.mark.parametrize("reached", [0, 60], ids=["away", "back for a minute"])
def test_no_restart_is_asked_for_while_the_api_server_is(what: str, reached: float) -> None:
    assert problem(replace(SICK[what][0], reached=reached)) == ""


def test_all_that_comes_late_after_an_outage_is_given_its_time_anew() -> None:
    assert problem(Signs(reached=100, oldest_key=4000, watch_silence=4000, overdue="stages", listed_ago=4000)) == ""
    assert "silent for 300 s" in problem(Signs(reached=300, oldest_key=0, watch_silence=4000))


class Times:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def after(*steps: tuple[float, int]) -> float:
    """For how long the API server has answered, after these pauses and answers."""
    times = Times()
    reach = Reach(times)
    for pause, status in steps:
        times.now += pause
        if status >= 0:
            reach.observe("GET", "leases", status, 0.01)
    return reach.seconds()


@pytest.mark.parametrize(("steps", "seconds"), [
    ([], 0),
    ([(0, 200)], 0),
    ([(0, 200), (4, 409), (4, 404)], 8),
    ([(0, 200), (4, 0), (4, 503), (4, 200)], 12),
    ([(0, 200), (29, -1)], 29),
    ([(0, 200), (31, -1)], 0),
    ([(0, 200), (4, 0), (4, 503), (4, 429), (20, -1)], 0),
    ([(0, 200), (300, 200), (5, 200)], 5),
], ids=["never", "just now", "refusals are answers", "a hiccup", "a pause", "silence", "excuses", "back again"])  # fmt: skip
def test_for_how_long_it_has_answered(steps: list[tuple[float, int]], seconds: float) -> None:
    assert after(*steps) == seconds
