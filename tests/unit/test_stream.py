"""The event stream's parts: topics, history, a client's queue, what a flood of output becomes."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.stagelogs.reading import LogFilter
from asynctask.core.statuses import TaskStatus
from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.stream import client as clients
from asynctask.gateway.front.stream.client import Client
from asynctask.gateway.front.stream.events import History
from asynctask.gateway.front.stream.topics import BadTopic, parse, split
from asynctask.gateway.front.view import Change, TaskRow, rows
from asynctask.gateway.front.view.objects import Task
from asynctask.gateway.logs import book as books
from asynctask.gateway.logs.book import LogBook, reported
from asynctask.gateway.logs.splitting import MAX_PIECE, Splitter
from asynctask.gateway.metrics import Metrics

UID = "00000000-0000-0000-0000-000000000001"


def row(version: int = 1, message: str = "") -> TaskRow:
    body = {
        "metadata": {"name": "nightly", "namespace": "team", "uid": UID, "resourceVersion": str(version)},
        "status": {"phase": "Running", "message": message},
    }
    return rows.task_row(msgspec.convert(body, Task))


def test_topics_are_read() -> None:
    topic = parse("tasks?status=running,queued&priority=1&text=%E7%85%A7")
    assert topic.wanted.statuses == {TaskStatus.RUNNING, TaskStatus.QUEUED}
    assert topic.wanted.priorities == {1}
    assert topic.wanted.text == "照"
    assert topic.name == "tasks"
    assert parse(f"logs:{UID}/copy?tail=7").tail == 7
    assert split(("tasks,queues", "tasks?status=running,queued", "queues")) == (
        "tasks", "queues", "tasks?status=running,queued"
    )  # fmt: skip


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        parse(text)
    except BadTopic:
        return


def test_history_gives_what_came_after_a_position() -> None:
    history = History()
    first = history.add(Change("task", row(1))).position
    second = history.add(Change("task", row(2)))
    missed = history.after(first)
    assert missed is not None
    assert list(missed) == [second]
    assert list(history.after(history.position) or ["none"]) == []


@pytest.mark.parametrize(
    "position", ["", "x", "x-1", "-", "1", "{epoch}-999", "{epoch}--1", "{epoch}-²", "{epoch}-" + "9" * 50]
)
def test_history_knows_no_other_position(position: str) -> None:
    history = History()
    history.add(Change("task", row(1)))
    epoch = history.position.partition("-")[0]
    assert history.after(position.replace("{epoch}", epoch)) is None


def test_history_is_bounded_and_forgets_the_oldest() -> None:
    history = History(max_events=10, max_bytes=10_000_000)
    positions = []
    for version in range(1, 31):
        event = history.add(Change("task", row(version)))
        event.frame("tasks", "line")
        positions.append(event.position)
        history.settle()
    assert history.after(positions[15]) is None
    assert len(list(history.after(positions[25]) or ())) == 4
    small = History(max_events=1000, max_bytes=5_000)
    for version in range(1, 31):
        small.add(Change("task", row(version, "x" * 900))).frame("tasks", "line")
        small.settle()
    assert len(list(small.after(small.position.partition("-")[0] + "-27") or ())) == 3
    assert small.after(small.position.partition("-")[0] + "-20") is None


def test_history_that_lost_changes_lets_nobody_go_on_from_before() -> None:
    history = History()
    before = history.add(Change("task", row(1))).position
    history.forget()
    assert history.after(before) is None
    assert list(history.after(history.position) or ["none"]) == []


def test_an_event_is_made_into_bytes_once() -> None:
    event = History().add(Change("task", row(1)))
    assert event.frame("tasks", "line") is event.frame("tasks", "line")
    assert event.frame("tasks", "line").startswith(f"id: {event.position}\nevent: task\ndata: ".encode())


class Sink:
    """A peer that takes what comes when it is let."""

    def __init__(self) -> None:
        self.read = b""
        self.may = asyncio.Event()
        self.sent = 0
        """Writes that nobody waited for."""

    @property
    def is_idle(self) -> bool:
        return self.may.is_set()

    def send(self, data: bytes) -> None:
        assert self.is_idle
        self.read += data
        self.sent += 1

    async def write(self, data: bytes) -> None:
        await self.may.wait()
        self.read += data


def client() -> Client:
    async def known() -> bool:
        return True

    return Client(Caller("ann"), lambda: "e-7", known)


async def test_a_client_that_lags_is_reset_and_then_gets_what_comes() -> None:
    sink, slow = Sink(), client()
    serving = asyncio.create_task(slow.serve(sink))
    for _ in range(20):
        slow.put(b"x" * (clients.MAX_WAITING_BYTES // 8))
    slow.put(b"newest")
    sink.may.set()
    slow.close()
    await serving
    assert sink.read.startswith(b"id: e-7\nevent: reset\n")
    assert sink.read.endswith(b"newest")
    assert slow.resets >= 1


async def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "WRITE_SECONDS", 0.01)
    stuck = client()
    stuck.put(b"x")
    with pytest.raises(TimeoutError):
        await stuck.serve(Sink())


async def test_who_keeps_up_is_written_to_once_a_round_and_in_order() -> None:
    quick, sink = client(), Sink()
    sink.may.set()
    serving = asyncio.create_task(quick.serve(sink))
    quick.put(b"0")
    while not sink.read:
        await asyncio.sleep(0)
    for round_ in (b"12", b"34"):
        for frame in round_:
            quick.put(bytes([frame]))
        await asyncio.sleep(0)
    assert (sink.read, sink.sent) == (b"01234", 2)
    sink.may.clear()  # it lags behind: now its task waits for it
    quick.put(b"5")
    quick.put(b"6")
    await asyncio.sleep(0)
    sink.may.set()
    quick.put(b"7")
    quick.close()
    await serving
    assert sink.read == b"01234567"


def test_output_is_split_into_lines_with_their_times() -> None:
    splitter = Splitter()
    assert splitter.feed(b"2026-01-01T00:00:00.5Z one\n2026-01-01T00:00:01Z WARN t") == [
        (1_767_225_600_500_000, "info", "one")
    ]
    assert splitter.feed(b"wo\n") == [(1_767_225_601_000_000, "warning", "WARN two")]
    assert splitter.feed(b"2026-01-01T00:00:02Z \n") == [(1_767_225_602_000_000, "info", "")]
    assert Splitter(splitter.last).feed(b"2026-01-01T00:00:02Z again\n2026-01-01T00:00:03Z new\n") == [
        (1_767_225_603_000_000, "info", "new")
    ]


def test_a_line_without_end_is_cut_and_takes_no_room() -> None:
    splitter = Splitter()
    pieces = []
    for _ in range(1000):
        pieces += splitter.feed(b"x" * 1000)
        assert len(splitter._rest) <= MAX_PIECE
    pieces += splitter.end()
    assert sum(len(text) for _, _, text in pieces) == 1_000_000


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_taken(blocks: list[bytes]) -> None:
    splitter = Splitter()
    for block in blocks:
        for _, level, text in splitter.feed(block):
            assert level
            assert "\x00" not in text
            text.encode()


@given(st.lists(st.integers(0, 3 * MAX_PIECE), min_size=1, max_size=4), st.integers(1000, 2 * MAX_PIECE), st.booleans())
def test_nothing_of_a_long_line_is_lost_however_it_arrives(lengths: list[int], block: int, is_known: bool) -> None:
    stamp = b"2026-01-01T00:00:01Z "
    data = b"".join(stamp + b"x" * length + b"\n" for length in lengths)
    splitter = Splitter(1_767_225_601_000_000 if is_known else 0)
    found = [line for start in range(0, len(data), block) for line in splitter.feed(data[start : start + block])]
    assert sum(len(text) for _, _, text in found + splitter.end()) == (0 if is_known else sum(lengths))
    assert {time for time, _, _ in found} <= {1_767_225_601_000_000}


def book(root: Path) -> LogBook:
    return LogBook(root, 20 << 20, Metrics())


ATTEMPT = Attempt(UID, 1, "copy", 1)
OWNER = Owner(UID, "team", "nightly")


async def test_a_book_writes_what_it_is_told_and_says_what_it_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MAX_WAITING_BYTES", 2_000)
    log = book(tmp_path)
    source = log.source(OWNER, ATTEMPT, "stdout", "a")
    kept = sum(source.add(1000 + n, "info", f"line {n}") for n in range(200))
    await log.close(source)
    assert 0 < kept < 200
    source = log.source(OWNER, ATTEMPT, "stdout", "a")
    source.add(5000, "info", "after")
    await log.close(source)
    lines = list(reading.every(log.root, UID, LogFilter()))
    assert len([line for line in lines if line.text.startswith("line")]) == kept
    assert lines[-1].text == "after"
    assert log.bytes == 0


async def test_a_disk_that_takes_nothing_costs_lines_and_no_more(tmp_path: Path) -> None:
    (tmp_path / books.DIRECTORY).write_text("in the way")
    log = book(tmp_path)
    source = log.source(OWNER, ATTEMPT, "stdout", "a")
    source.add(1, "info", "lost")
    await log.close(source)
    assert log.bytes == 0


async def test_what_sdks_report_has_a_time_whatever_they_say(tmp_path: Path) -> None:
    log = book(tmp_path)
    said = [("", "loud", "a"), ("9999-01-01T00:00:00Z", "error", "b"), ("nonsense", "info", "c\nd")]
    reported(log, OWNER, ATTEMPT, said, "sdk", 1_000_000)
    await log.close(log.source(OWNER, ATTEMPT, "reported", "sdk"))
    lines = list(reading.every(log.root, UID, LogFilter()))
    assert [(line.text, line.level, line.time) for line in lines] == [
        ("a", "info", 1_000_000), ("b", "error", 1_000_000), ("c", "info", 1_000_000), ("d", "info", 1_000_000)
    ]  # fmt: skip
