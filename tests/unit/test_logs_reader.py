"""How one container's output is read: all of it, or its beginning and its end and a word on what is missing."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.stagelogs.reading import LogFilter
from asynctask.core.loglines import EPOCH, Line, timedelta
from asynctask.gateway.logs import book, reader
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.logs.reader import Allowance, Reader
from asynctask.gateway.logs.splitting import Skimmer
from asynctask.gateway.metrics import Metrics

UID = "00000000-0000-0000-0000-000000000001"
ATTEMPT = Attempt(UID, 1, "copy", 1)
T0 = 1_767_225_600_000_000


def stamp(micros: int) -> bytes:
    return f"{(EPOCH + timedelta(microseconds=micros)).isoformat('T', 'microseconds')[:26]}000Z".encode()


def lines(first: int, end: int) -> list[bytes]:
    """Lines that a container wrote, a millisecond apart."""
    return [b"%b line %d\n" % (stamp(T0 + n * 1000), n) for n in range(first, end)]


class Container:
    """A pod whose kubelet serves what the test says; the last of it is served when its container has ended, and again."""

    def __init__(self, *openings: list[bytes] | api.ApiError, is_over: bool = False) -> None:
        self._openings = list(openings)
        self.opened: list[tuple[str, int]] = []
        self.is_over = is_over

    async def open(self, *, since: str, tail: int) -> AsyncGenerator[bytes]:
        self.opened.append((since, tail))
        is_last = len(self._openings) == 1
        self.is_over |= is_last
        now = self._openings[0] if is_last else self._openings.pop(0)
        if isinstance(now, api.ApiError):
            raise now
        for start in range(0, len(now), 50):
            yield b"".join(now[start : start + 50])

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def pages(tmp_path: Path) -> LogBook:
    return LogBook(tmp_path, 64 << 20, Metrics())


async def read(pages: LogBook, container: Container, known: int = 0) -> list[Line]:
    source = pages.source(Owner(UID, "team", "nightly"), ATTEMPT, "stdout", "a")
    await asyncio.wait_for(Reader(container, UID, source, Allowance(), known).read(), 20)
    await pages.close(source)
    return list(reading.every(pages.root, UID, LogFilter()))


def small(monkeypatch: pytest.MonkeyPatch, **limits: float) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(reader, name, value)


async def test_all_is_read_and_once_more_until_the_end_is_sure(pages: LogBook) -> None:
    container = Container(lines(0, 500))
    assert [line.text for line in await read(pages, container)] == [f"line {n}" for n in range(500)]
    assert container.opened == [("", 0), ("2025-12-31T23:59:59Z", 0)]


async def test_what_is_left_of_an_ended_flood_is_passed_over_but_for_its_end_and_counted(
    pages: LogBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, BYTES_PER_SECOND=1.0, BYTES_AT_ONCE=20_000, END_BYTES=10_000)
    container = Container(lines(0, 20_000))
    found = await read(pages, container)
    notes = [line for line in found if line.text.startswith("…")]
    texts = [line.text for line in found if line not in notes]
    assert len(notes) == 1
    assert notes[0].level == "warning"
    left_out = 20_000 - len(texts)
    assert f"{left_out:,} lines (0.8 MB) of 2026-01-01 00:00:00 to 00:00:19 UTC" in notes[0].text
    head = found.index(notes[0])
    assert texts[:head] == [f"line {n}" for n in range(head)]
    assert texts[head:] == [f"line {n}" for n in range(left_out + head, 20_000)]
    assert len(texts) - head > 200


async def test_a_flood_that_is_small_enough_when_it_ends_is_kept_whole(
    pages: LogBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, BYTES_PER_SECOND=1.0, BYTES_AT_ONCE=2_000, END_BYTES=100_000)
    assert [line.text for line in await read(pages, Container(lines(0, 2000)))] == [f"line {n}" for n in range(2000)]


async def test_of_far_too_much_the_end_is_asked_for(pages: LogBook, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, BYTES_PER_SECOND=1.0, BYTES_AT_ONCE=2_000, END_BYTES=10_000, MAX_PASSED_OVER=100_000)
    container = Container(lines(0, 20_000), lines(10_000, 20_000), is_over=True)
    found = await read(pages, container)
    since, tail = container.opened[1]
    assert (since, 200 < tail < 300) == ("", True)
    assert found[0].text == "line 0"
    assert [line.text for line in found[-100:]] == [f"line {n}" for n in range(19_900, 20_000)]
    notes = [line.text for line in found if line.text.startswith("…")]
    assert "lines (0.1 MB)" in notes[0]
    assert "may be missing here" in notes[1]


async def test_who_lags_behind_a_flood_goes_on_near_its_end(pages: LogBook, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, BYTES_AT_ONCE=10_000, BYTES_PER_SECOND=1e-6, LAG_SECONDS=5.0)
    container = Container(lines(0, 5000), lines(9000, 9050))
    found = await read(pages, container)
    assert container.opened[1][1] > 0
    note = next(line for line in found if line.text.startswith("…"))
    assert "may be missing here" in note.text
    assert [line.text for line in found[found.index(note) + 1 :]] == [f"line {n}" for n in range(9000, 9050)]


async def test_who_reads_slower_than_is_written_goes_on_near_the_end(
    pages: LogBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader's process is slow itself: nothing is waited for."""
    clock = iter(range(T0 // 1_000_000, 2 * T0 // 1_000_000, 2))
    monkeypatch.setattr(reader, "time", lambda: next(clock))
    container = Container(lines(0, 5000), lines(90_000, 90_100))
    found = await read(pages, container)
    assert container.opened[1][1] > 0
    assert any("may be missing here" in line.text for line in found)
    assert found[-1].text == "line 90099"


async def test_who_catches_up_on_old_output_reads_all_of_it(pages: LogBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "time", lambda: T0 / 1e6 + 3600)
    assert len(await read(pages, Container(lines(0, 5000), lines(0, 5000)))) == 5000


async def test_lines_that_were_rotated_away_are_said_to_be_missing(pages: LogBook) -> None:
    found = await read(pages, Container(lines(0, 100), lines(5000, 5100)))
    assert [line.text for line in found if "line" not in line.text.split()[:1]] == [
        "… lines of 2026-01-01 00:00:00 to 00:00:05 UTC may be missing here: more was written than is read"
    ]
    assert found[-1].text == "line 5099"


async def test_several_lines_of_one_moment_are_told_apart_when_the_output_is_opened_anew(pages: LogBook) -> None:
    flood = [b"%b line %d\n" % (stamp(T0 + n // 3), n) for n in range(50)]
    found = await read(pages, Container(flood[:20], flood))
    assert [line.text for line in found] == [f"line {n}" for n in range(50)]


async def test_who_takes_over_goes_on_after_what_is_known(pages: LogBook) -> None:
    found = await read(pages, Container(lines(0, 300)), known=T0 + 99_000)
    assert [line.text for line in found] == [f"line {n}" for n in range(100, 300)]


async def test_the_end_of_a_pod_that_went_while_it_was_read_is_said_to_be_missing(pages: LogBook) -> None:
    broken, gone = api.Unavailable(0, "LogBroken", "reset"), api.NotFound(404, "NotFound", "no such pod")
    found = await read(pages, Container(lines(0, 10), broken, gone))
    assert [line.text for line in found[-2:]] == ["line 9", reader.GONE]


async def test_a_pod_that_went_after_all_was_read_needs_no_word(pages: LogBook) -> None:
    found = await read(pages, Container(lines(0, 10), api.NotFound(404, "NotFound", "no such pod")))
    assert [line.text for line in found] == [f"line {n}" for n in range(10)]


async def test_one_that_is_silent_for_long_is_still_written_down(
    pages: LogBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(book, "IDLE_SECONDS", -1.0)
    source = pages.source(Owner(UID, "team", "nightly"), ATTEMPT, "stdout", "a")
    writing = asyncio.create_task(pages.run())
    async with asyncio.timeout(10):
        for text in ("before", "after"):
            source.add(T0, "info", text)
            while text not in [line.text for line in reading.tail(pages.root, UID, LogFilter(), 5)]:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # silent for longer than idle sources are kept
    writing.cancel()


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_a_skimmer_counts_what_it_passes_over(size: int) -> None:
    data = b"".join(b"%d\n" % n for n in range(3000))
    skimmer = Skimmer(1000)
    for start in range(0, len(data), size):
        skimmer.feed(data[start : start + size])
    end = skimmer.end()
    assert data.endswith(end)
    assert skimmer.bytes + len(end) == len(data)
    assert skimmer.lines + end.count(b"\n") == 3000
    assert 990 <= len(end) <= 1000 + size
