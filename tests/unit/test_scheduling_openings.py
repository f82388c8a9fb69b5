"""At the opening of a window the first places go by turn, not to whoever happens to be looked at first."""

import pytest
from support.desk import Desk, T, key, wants

OPENS = T + 100


def stand(desk: Desk, **standing: int) -> None:
    """Tasks with these priorities stand before a window, the last named came first."""
    for place, (name, priority) in enumerate(standing.items()):
        desk.scheduler.before_window(key(name), "q", (priority, T - place), OPENS)


def test_those_that_stood_there_are_looked_at_by_turn(desk: Desk) -> None:
    stand(desk, least=5, late=3, early=3, most=1)
    assert desk.later(99) == []
    assert desk.later(1.5) == ["most", "early", "late", "least"]


def test_nothing_starts_before_all_of_them_have_asked(desk: Desk) -> None:
    desk.queue(max_running=1)
    stand(desk, least=5, most=1)
    desk.later(100)
    assert not desk.ask("least", 5).admitted
    desk.scheduler.seen(key("least"))
    assert not desk.ask("most", 1).admitted
    desk.woken.clear()
    desk.scheduler.seen(key("most"))
    assert desk.woken == ["most"]


def test_one_that_does_not_ask_holds_the_others_up_for_a_moment_only(desk: Desk) -> None:
    desk.queue(max_running=1)
    stand(desk, stuck=1, willing=3)
    desk.later(100)
    assert not desk.ask("willing").admitted
    assert "willing" in desk.later(1)


@pytest.mark.parametrize("why", ["it asked", "it is gone", "it stands before another"])
def test_who_stands_there_no_more_is_not_waited_for(desk: Desk, why: str) -> None:
    desk.queue(max_running=1)
    stand(desk, other=1, willing=3)
    if why == "it asked":
        desk.scheduler.ask(wants("other", 1, queue="elsewhere"))
    elif why == "it is gone":
        desk.scheduler.release(key("other"))
    else:
        desk.scheduler.before_window(key("other"), "q", (1, T), OPENS + 50)
    desk.later(100)
    assert "other" not in desk.woken
    desk.ask("willing")
    desk.woken.clear()
    desk.scheduler.seen(key("willing"))
    assert desk.woken == ["willing"]


def test_a_queue_of_nobody_that_stood_there_goes_on(desk: Desk) -> None:
    desk.queue("other", max_running=1)
    stand(desk, night=1)
    desk.later(100)
    assert desk.ask("day", queue="other").admitted
