"""Progress, rate and time left."""

import math

import pytest

from asynctask_stage.progress import WINDOW_SECONDS, Progress
from asynctask_stage.testing import run_stage


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    return Progress(clock)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1, -0.5, 2**63])
@pytest.mark.parametrize("name", ["bytes_done", "bytes_total", "items_done", "items_total"])
def test_refuses_a_bad_number_at_once(name, bad):
    def main(stage):
        with pytest.raises(ValueError, match=name):
            stage.progress(**{name: bad})

    assert run_stage(main).exit_code == 0


def test_nothing_told_is_no_progress(progress):
    assert progress.to_json() is None


def test_rate_and_time_left(progress, clock):
    progress.update(bytes_done=0, bytes_total=1000, items_done=0)
    clock.now += 2
    progress.update(bytes_done=200)
    body = progress.to_json()
    assert (body["bytesPerSecond"], body["remainingSeconds"]) == (100, 8)


def test_a_resumed_stage_starts_counting_where_it_resumed(progress, clock):
    progress.update(bytes_done=10**9, bytes_total=2 * 10**9)
    clock.now += 1
    progress.update(bytes_done=10**9 + 500)
    assert progress.to_json()["bytesPerSecond"] == 500


def test_the_rate_is_that_of_the_window(progress, clock):
    progress.update(bytes_done=0)
    for step in range(100):
        clock.now += 1
        progress.update(bytes_done=progress.bytes_done + (1000 if step < 50 else 10))
        body = progress.to_json()
    assert WINDOW_SECONDS < 50
    assert body["bytesPerSecond"] == 10


def test_time_left_comes_from_items_without_bytes(progress, clock):
    progress.update(items_done=0, items_total=50)
    clock.now += 5
    progress.update(items_done=10)
    body = progress.to_json()
    assert body["remainingSeconds"] == 20
    assert "bytesPerSecond" not in body


def test_a_stalled_stage_has_no_time_left(progress, clock):
    progress.update(bytes_done=5, bytes_total=10)
    clock.now += 60
    body = progress.to_json()
    assert body["bytesPerSecond"] == 0
    assert "remainingSeconds" not in body


def test_a_new_count_starts_a_new_window(progress, clock):
    progress.update(bytes_done=1000)
    clock.now += 1
    progress.to_json()
    progress.update(bytes_done=0)
    clock.now += 1
    body = progress.to_json()
    assert body.get("bytesPerSecond", 0) == 0


def test_more_done_than_there_is_leaves_no_time(progress, clock):
    progress.update(items_done=0, items_total=5)
    clock.now += 1
    progress.update(items_done=9)
    assert progress.to_json()["remainingSeconds"] == 0


def test_the_message_is_bounded(progress):
    progress.update(message="x" * 100_000)
    assert len(progress.to_json()["message"].encode()) <= 1024


def test_reports_carry_progress(gateway, pod):
    def main(stage):
        stage.progress(items_done=3, items_total=9, message="copying")
        gateway.wait_for(lambda seen: seen.reports)

    assert pod.run(main) == 0
    assert gateway.reports[0]["progress"].items() >= {"itemsDone": 3, "itemsTotal": 9, "message": "copying"}.items()
    assert gateway.completions[-1]["progress"]["itemsDone"] == 3
