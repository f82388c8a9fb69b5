"""A watch that owes an event is found out."""

from asynctask.adapters.echoes import Echoes


def test_a_write_that_came_back_is_forgotten() -> None:
    echoes = Echoes()
    echoes.expect("stages", "7")
    echoes.seen("stages", "7")
    assert echoes.overdue(-1) == ""


def test_a_later_event_proves_the_watch_alive() -> None:
    echoes = Echoes()
    echoes.expect("stages", "7")
    echoes.seen("stages", "9")
    assert echoes.overdue(-1) == ""


def test_an_event_from_before_the_write_proves_nothing() -> None:
    echoes = Echoes()
    echoes.expect("stages", "7")
    echoes.seen("stages", "6")
    assert echoes.overdue(-1) == "stages"


def test_an_echo_that_came_before_the_answer_is_not_awaited() -> None:
    echoes = Echoes()
    echoes.seen("stages", "7")
    echoes.expect("stages", "7")
    assert echoes.overdue(-1) == ""


def test_the_oldest_debt_counts_and_patience_is_kept() -> None:
    echoes = Echoes()
    echoes.expect("asynctasks", "3")
    echoes.expect("asynctasks", "4")
    echoes.seen("asynctasks", "3")
    assert echoes.overdue(-1) == ""
    echoes.expect("asynctasks", "5")
    assert echoes.overdue(1000) == ""
    assert echoes.overdue(-1) == "asynctasks"
