"""When a status that only informs is worth a write."""

from typing import Any

import pytest

from asynctask import display
from asynctask.display import Displays, only_words_differ
from asynctask.settings import OperatorSettings

KEY = ("team", "nightly")
RUNNING = {"phase": "Running", "run": 1}


def queued(ahead: int, **more: Any) -> dict[str, Any]:
    """The status of a task that waits behind so many others."""
    message = f"waiting in queue nightly, {ahead} ahead of it"
    condition = {"type": "Admitted", "status": "False", "reason": "QueueFull", "message": message}
    line = {"name": "scan", "phase": "Queued", "message": message}
    return {"phase": "Queued", "message": message, "conditions": [condition], "stages": [line], **more}


def test_another_place_in_the_queue_is_but_other_words() -> None:
    assert only_words_differ(queued(7), queued(3))


def test_a_first_status_is_more_than_words() -> None:
    assert not only_words_differ({}, queued(3))


def test_a_new_priority_is_more_than_words() -> None:
    assert not only_words_differ(queued(7, priority=5), queued(3, priority=1))


def test_another_reason_is_more_than_words() -> None:
    before = queued(7)
    before["conditions"][0]["reason"] = "Queued"
    assert not only_words_differ(before, queued(7))


class Clock:
    """Stands still until told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "monotonic", clock)
    return clock


def test_what_something_rests_on_is_written_at_once_however_busy(clock: Clock) -> None:
    assert Displays(OperatorSettings()).delay(KEY, {}, RUNNING, "now", busy=True) == 0


def test_while_there_is_more_urgent_work_what_only_informs_waits_but_not_for_ever(clock: Clock) -> None:
    displays = Displays(OperatorSettings(display_delay_seconds=2))
    assert displays.delay(KEY, {}, RUNNING, "soon") == 2
    clock.now += 2
    assert displays.delay(KEY, {}, RUNNING, "soon", busy=True) == display.BUSY_PAUSE_SECONDS
    assert displays.delay(KEY, {}, RUNNING, "soon") == 0
    clock.now += display.BUSY_SECONDS
    assert displays.delay(KEY, {}, RUNNING, "soon", busy=True) == 0


def test_a_pod_that_is_about_to_begin_is_worth_a_write_only_when_it_takes_its_time(clock: Clock) -> None:
    displays = Displays(OperatorSettings())
    assert displays.delay(KEY, {}, {"phase": "Starting", "run": 1}, "soon") == 3
    clock.now += 2
    assert displays.delay(KEY, {}, RUNNING, "soon") == 0
