"""The token bucket."""

import threading
import time

import pytest

from asynctask_stage import Stopped, reporters
from asynctask_stage.bandwidth import BURST_SECONDS, Bandwidth
from asynctask_stage.runs import execute
from asynctask_stage.stops import StopFlag
from asynctask_stage.testing import FakeGateway

MB = 1_000_000


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_long_run_rate_is_within_ten_percent():
    bandwidth = Bandwidth(20 * MB)
    start = time.monotonic()
    taken = 0
    while time.monotonic() - start < 0.7:
        bandwidth.take(64 * 1024)
        taken += 64 * 1024
    assert taken / (time.monotonic() - start) == pytest.approx(20 * MB, rel=0.1)


def test_an_idle_stage_catches_up_on_little():
    now = [0.0]
    bandwidth = Bandwidth(MB, clock=lambda: now[0])
    now[0] = 3600.0
    bandwidth.take(BURST_SECONDS * MB)
    waiting = in_thread(lambda: bandwidth.take(MB))
    waiting.join(0.05)
    assert waiting.is_alive()
    assert BURST_SECONDS <= 0.25
    bandwidth.set_rate(None)
    waiting.join(10)
    assert not waiting.is_alive()


def test_no_limit_takes_no_time():
    bandwidth = Bandwidth()
    for _ in range(100_000):
        bandwidth.take(10**15)


def test_threads_share_fairly():
    stop = StopFlag()
    bandwidth = Bandwidth(10 * MB, stop=stop)
    taken = [0, 0, 0]
    sizes = [8 * 1024, 64 * 1024, 64 * 1024]

    def work(index):
        try:
            while True:
                bandwidth.take(sizes[index])
                taken[index] += sizes[index]
        except Stopped:
            pass

    threads = [in_thread(lambda index=index: work(index)) for index in range(3)]
    time.sleep(0.5)
    stop.set("enough")
    for thread in threads:
        thread.join(10)
    assert taken[1] == pytest.approx(taken[2], rel=0.25)
    assert taken[0] > 0


def test_a_small_request_does_not_wait_for_the_whole_of_a_large_one():
    stop = StopFlag()
    bandwidth = Bandwidth(MB, stop=stop)

    def large():
        with pytest.raises(Stopped):
            bandwidth.take(3600 * MB)

    thread = in_thread(large)
    bandwidth.take(1)
    stop.set("enough")
    thread.join(10)
    assert not thread.is_alive()


def test_a_stop_wakes_a_waiting_thread():
    stop = StopFlag()
    bandwidth = Bandwidth(0.001, stop=stop)
    raised = threading.Event()

    def work():
        with pytest.raises(Stopped):
            bandwidth.take(3600)
        raised.set()

    in_thread(work)
    stop.set("SIGTERM")
    assert raised.wait(10)


@pytest.mark.parametrize("rate", [1000 * MB, None])
def test_a_new_rate_holds_for_waiting_threads(rate):
    bandwidth = Bandwidth(1)
    waiting = in_thread(lambda: bandwidth.take(MB))
    bandwidth.set_rate(rate)
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_rate_of_zero_holds_everything_until_it_changes():
    bandwidth = Bandwidth(0)
    waiting = in_thread(lambda: bandwidth.take(1))
    waiting.join(0.05)
    assert waiting.is_alive()
    bandwidth.set_rate(MB)
    waiting.join(10)
    assert not waiting.is_alive()


def test_the_rate_of_a_reply_is_obeyed(gateway, pod):
    gateway.rate(1)

    def main(stage):
        assert stage.bandwidth.rate == 1
        gateway.rate(None)
        stage.bandwidth.take(MB)

    assert pod.run(main) == 0


def test_what_was_used_is_measured_from_one_report_to_the_next_and_anew_when_the_rate_changes():
    now = [0.0]
    bandwidth = Bandwidth(MB, clock=lambda: now[0])
    assert bandwidth.used() is None
    now[0] = 1.0
    bandwidth.take(MB // 10)
    now[0] = 2.0
    assert bandwidth.used() == MB / 20
    now[0] = 3.0
    assert bandwidth.used() == 0
    bandwidth.take(MB // 10)
    bandwidth.set_rate(2 * MB)
    now[0] = 4.0
    assert bandwidth.used() == 0


def test_without_a_limit_nothing_is_said_of_what_was_used():
    now = [0.0]
    bandwidth = Bandwidth(clock=lambda: now[0])
    bandwidth.take(MB)
    now[0] = 9.0
    assert bandwidth.used() is None


def test_a_report_says_what_was_used_of_the_limit(gateway, pod):
    gateway.rate(10 * MB)

    def main(stage):
        begun = time.monotonic()
        while time.monotonic() - begun < 0.7:
            stage.bandwidth.take(MB // 100)
        stage.save({"done": 1}, now=True)

    assert pod.run(main) == 0
    used = [report["usedBytesPerSecond"] for report in gateway.reports if "usedBytesPerSecond" in report]
    assert used
    assert max(used) == pytest.approx(10 * MB, rel=0.1)


def test_under_a_limit_a_stage_reports_more_often_and_obeys(tmp_path, monkeypatch):
    monkeypatch.setattr(reporters, "LIMITED_PERIOD_SECONDS", 0.1)
    with FakeGateway(bytes_per_second=1, report_period=60) as gateway:

        def main(stage):
            gateway.rate(None)
            stage.bandwidth.take(MB)

        assert execute(main, gateway.env(tmp_path), kill=print) == 0
        assert gateway.reports
