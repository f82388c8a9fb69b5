"""Logs as files: bounded, complete where they can be, readable whatever happened."""

import gzip
from pathlib import Path

import pytest

from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import files, reading
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.stagelogs.reading import Follower, LogFilter, Spot
from asynctask.adapters.stagelogs.writing import ChunkWriter
from asynctask.core import loglines
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.metrics import Metrics

UID = "00000000-0000-0000-0000-000000000001"
T0 = 1_767_225_600_000_000


def write(
    root: Path, count: int, *, first: int = 0, attempt: int = 1, stage: str = "copy", source: str = "stdout-a-b",
    text: str = "line", level: str = "info", per_block: int = 100, max_bytes: int = 64 << 20, seal: bool = False,
) -> ChunkWriter:  # fmt: skip
    where = Attempt(UID, 1, stage, attempt)
    files.prepare(root, Owner(UID, "team", "nightly"), where)
    writer = ChunkWriter(where.path(root) / source, max_bytes)
    for start in range(first, first + count, per_block):
        numbers = range(start, min(start + per_block, first + count))
        block = b"".join(loglines.kept(T0 + n * 1000, level, f"{text} {n}") for n in numbers)
        writer.append(block, len(numbers), T0 + numbers[0] * 1000, T0 + numbers[-1] * 1000)
    if seal:
        writer.seal()
    return writer


def texts(root: Path, limit: int = 50, **wanted: object) -> list[str]:
    found, spot = [], Spot()
    while True:
        page = reading.page(root, UID, LogFilter(**wanted), spot, limit)  # type: ignore[arg-type]
        found += [line.text for line in page.lines]
        if page.next is None:
            return found
        spot = page.next


def test_lines_come_back_page_by_page(tmp_path: Path) -> None:
    write(tmp_path, 250)
    assert texts(tmp_path) == [f"line {n}" for n in range(250)]


def test_lines_of_one_moment_are_not_lost_between_pages(tmp_path: Path) -> None:
    writer = write(tmp_path, 0)
    writer.append(b"".join(loglines.kept(T0, "info", f"line {n}") for n in range(120)), 120, T0, T0)
    assert texts(tmp_path, limit=7) == [f"line {n}" for n in range(120)]


def test_stages_and_attempts_are_shown_in_the_order_of_time(tmp_path: Path) -> None:
    write(tmp_path, 10, stage="scan", text="scan")
    write(tmp_path, 10, first=10, text="first")
    write(tmp_path, 10, first=20, text="second", attempt=2)
    assert texts(tmp_path)[::10] == ["scan 0", "first 10", "second 20"]
    assert texts(tmp_path, stage="scan") == [f"scan {n}" for n in range(10)]
    assert texts(tmp_path, attempt=2, stage="copy") == [f"second {n}" for n in range(20, 30)]
    assert texts(tmp_path, since=T0 + 9000, until=T0 + 11000) == ["scan 9", "first 10"]


def test_a_flood_keeps_its_beginning_and_its_end_and_says_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, 60_000, text="x" * 900, per_block=1000, max_bytes=20 << 20)
    lines = list(reading.every(tmp_path, UID, LogFilter()))
    cuts = [line for line in lines if line.cut]
    assert lines[0].number == 0
    assert lines[-1].number == 59_999
    assert len(cuts) == 1
    assert sum(line.cut or 1 for line in lines) == 60_000
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.gz"))
    assert size < 5 << 20
    assert len(list(tmp_path.rglob("*.gz"))) <= 22


async def test_what_is_said_to_be_missing_is_exact_also_where_a_remark_on_it_was_dropped(tmp_path: Path) -> None:
    book = LogBook(tmp_path, 20 << 20, Metrics())
    source = book.source(Owner(UID, "team", "nightly"), Attempt(UID, 1, "copy", 1), "stdout", "a")
    written = 0
    for block in range(60):
        for _ in range(1000):
            assert source.add(T0 + written, "info", "x" * 900)
            written += 1
        if block % 7 == 3:
            source.note("… 5,000 lines (5 MB) are not kept here", 5000)
            written += 5000
        if block % 7 == 5:
            source.note("… lines may be missing here")
        book._write(source)
    await book.close(source)
    lines = list(reading.every(book.root, UID, LogFilter()))
    remarks = [line for line in lines if line.text.startswith("…") and not line.cut]
    told = 5000 * sum("5,000" in line.text for line in remarks)
    plain = sum(line.text == "x" * 900 for line in lines)
    assert 0 < len(remarks) < 16, "some were dropped"
    assert plain + told + sum(line.cut for line in lines) == written


def test_the_last_lines_are_found_from_the_end(tmp_path: Path) -> None:
    write(tmp_path, 5000, text="x" * 500)
    write(tmp_path, 3, first=5000, attempt=2, level="error")
    assert [line.text for line in reading.tail(tmp_path, UID, LogFilter(), 4)] == [
        "x" * 500 + " 4999", "line 5000", "line 5001", "line 5002"
    ]  # fmt: skip
    assert len(reading.tail(tmp_path, UID, LogFilter(level="warning"), 100)) == 3


def test_a_file_that_broke_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write(tmp_path, 300)
    (path,) = tmp_path.rglob("*.open.gz")
    path.write_bytes(path.read_bytes()[:-40])
    assert texts(tmp_path)[:200] == [f"line {n}" for n in range(200)]
    path.write_bytes(b"not gzip at all")
    assert texts(tmp_path) == []


def test_what_a_stage_reported_is_shown_where_its_output_is_not_kept(tmp_path: Path) -> None:
    write(tmp_path, 3, source="reported-a-b", text="said")
    assert texts(tmp_path) == ["said 0", "said 1", "said 2"]
    write(tmp_path, 3)
    assert texts(tmp_path) == ["line 0", "line 1", "line 2"]
    assert len(texts(tmp_path, everything=True)) == 6


def test_a_follower_reads_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    writer = write(tmp_path, 150)
    follower = Follower(tmp_path, UID, "")
    assert [line.number for line in follower.begin(2)] == [148, 149]
    assert follower.new(100) == ((), 0)
    writer.append(loglines.kept(T0 + 10**9, "info", "later"), 1, T0 + 10**9, T0 + 10**9)
    assert [line.text for line in follower.new(100)[0]] == ["later"]
    writer.seal()
    assert follower.new(100) == ((), 0)
    write(tmp_path, 500, attempt=2)
    lines, skipped = follower.new(100)
    assert (lines[-1].number, len(lines), skipped) == (499, 100, 400)


def test_a_text_is_found_in_any_case(tmp_path: Path) -> None:
    write(tmp_path, 500, text="Copying 照片")
    assert texts(tmp_path, text="copying 照片 49") == ["Copying 照片 49", *(f"Copying 照片 49{n}" for n in range(10))]


def test_a_search_that_takes_long_says_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 5000)
    monkeypatch.setattr(reading, "SCAN_SECONDS", 0.0)
    page = reading.page(tmp_path, UID, LogFilter(text="4999"), Spot(), 10)
    assert page.lines == ()
    assert page.next is not None
    assert texts(tmp_path, text="4999") == ["line 4999"]


def test_a_stage_keeps_its_first_and_its_last_attempts(tmp_path: Path) -> None:
    for attempt in range(1, 31):
        write(tmp_path, 1, attempt=attempt)
    kept = [each.number for each in files.attempts(tmp_path, UID, None, "copy", None)]
    assert kept == [1, *range(12, 31)]


def test_chunks_are_sealed_and_tell_when_they_end(tmp_path: Path) -> None:
    write(tmp_path, 100, seal=True)
    (path,) = tmp_path.rglob("*.gz")
    assert path.name == f"000000000000.{T0}.{T0 + 99_000}.100.gz"
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 100
    assert reading.last_time(path.parent) == T0 + 99_000


def test_who_takes_over_from_one_that_was_killed_knows_all_its_lines(tmp_path: Path) -> None:
    write(tmp_path, 150)
    (path,) = tmp_path.rglob("*.open.gz")
    assert reading.last_time(path.parent) == T0 + 149_000
    path.write_bytes(path.read_bytes()[:-40])
    assert T0 + 99_000 <= reading.last_time(path.parent) <= T0 + 149_000


@pytest.mark.parametrize("uid", ["../..", "a/b", "", "x" * 65])
def test_no_path_leads_out(tmp_path: Path, uid: str) -> None:
    assert files.attempts(tmp_path, uid, None, "", None) == []
    files.remove(tmp_path, uid)
    assert tmp_path.exists()


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-01-01 10:00:00 WARNING stage: slow", "warning"), ("[error] no", "error"), ('{"level":"warn","msg":"x"}', "warning"),
        ("level=debug msg=x", "debug"), ("FATAL: gone", "critical"), ("no errors found", "info"), ("plain", "info"),
        ("Information about Errors", "info"), ("", "info"),
    ],
)  # fmt: skip
def test_the_level_of_a_line_is_guessed(text: str, level: str) -> None:
    assert loglines.level_of(text) == level


def test_lines_are_cleaned() -> None:
    assert loglines.cleaned("\x1b[31mred\x1b[0m\ta\x00b\r") == "red\tab"
    assert len(loglines.cleaned("x" * 100_000)) == loglines.MAX_TEXT


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"])
def test_times_of_containers_are_read(text: str) -> None:
    assert loglines.micros_of(text) == T0 + 123_456


@pytest.mark.parametrize("text", ["", "yesterday", "2026", "2026-13-01T00:00:00Z", "x" * 1000])
def test_what_is_no_time_is_none(text: str) -> None:
    assert loglines.micros_of(text) is None
