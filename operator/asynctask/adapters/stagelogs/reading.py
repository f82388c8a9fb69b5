"""Reads logs: a range of time, the last lines, what is new, what holds a text. Lazily, chunk by chunk; in a thread."""

import heapq
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from asynctask.adapters.stagelogs.files import Attempt, Chunk, attempts, chunks, corrections, writers
from asynctask.core.loglines import RANK, Line, parsed

BLOCK = 1 << 16
MOST_AT_ONCE = 1 << 20
SCAN_SECONDS = 1.5
"""One call looks no further than this; it says where it stopped."""


@dataclass(frozen=True)
class LogFilter:
    """Which lines of a task's log."""

    run: int | None = None
    stage: str = ""
    attempt: int | None = None
    level: str = "debug"
    """This serious, or more."""
    since: int = 0
    until: int = 2**62
    """Times in microseconds since 1970; `until` itself is not meant."""
    text: str = ""
    """Part of the text, in any case."""
    everything: bool = False
    """Also what stages reported, where their output is kept: the same lines come twice then."""

    def takes(self, line: Line) -> bool:
        """Whether a line is one of them. A note on lines that are missing always is, unless a text is looked for."""
        if line.cut:
            return not self.text
        return RANK.get(line.level, 1) >= RANK.get(self.level, 0) and self.text.casefold() in line.text.casefold()


@dataclass(frozen=True, order=True)
class Spot:
    """Where reading goes on: after so many lines of this very time."""

    time: int = 0
    skip: int = 0


@dataclass(frozen=True)
class Found:
    """Lines, and where to go on; None: that is all there is now."""

    lines: tuple[Line, ...]
    next: Spot | None


def page(root: Path, task_uid: str, wanted: LogFilter, after: Spot, limit: int) -> Found:
    """The next lines after a spot."""
    started, here = monotonic(), after
    found: list[Line] = []
    for number, line in enumerate(_merged(root, task_uid, wanted, max(wanted.since, after.time))):
        if line.time >= wanted.until:
            break
        if line.time == after.time and number < after.skip:  # of the first moment so many were given before
            continue
        if len(found) == limit or (number % 1000 == 999 and monotonic() - started > SCAN_SECONDS):
            return Found(tuple(found), here)
        here = Spot(line.time, here.skip + 1 if line.time == here.time else 1)
        if wanted.takes(line):
            found.append(line)
    return Found(tuple(found), None)


def tail(root: Path, task_uid: str, wanted: LogFilter, count: int) -> tuple[Line, ...]:
    """The last lines."""
    newest: list[Line] = []
    for attempt in _chosen(root, task_uid, wanted):
        for writer in _writers(root, attempt, everything=wanted.everything):
            newest += _last(attempt, writer, wanted, count)
    newest.sort()
    return tuple(newest[-count:]) if count else ()


def every(root: Path, task_uid: str, wanted: LogFilter) -> Iterator[Line]:
    """All lines, for a download."""
    for line in _merged(root, task_uid, wanted, wanted.since):
        if line.time >= wanted.until:
            return
        if wanted.takes(line):
            yield line


def last_time(writer: Path) -> int:
    """The time of the last line that a writer has written, also of one that was killed; 0 for none."""
    times = (_chunk_end(chunk) for chunk in reversed(chunks(writer)))
    return next((time for time in times if time), 0)


class Follower:
    """Remembers how far each writer has been read, and reads what is new."""

    def __init__(self, root: Path, task_uid: str, stage: str) -> None:
        self._root, self._uid, self._stage = root, task_uid, stage
        self._next: dict[Path, int] = {}

    def begin(self, count: int) -> tuple[Line, ...]:
        """The last lines there are; reading goes on after them."""
        wanted = LogFilter(stage=self._stage)
        for attempt in _chosen(self._root, self._uid, wanted):
            for writer in writers(attempt.path(self._root)):
                self._next[writer] = _end(writer)
        return tail(self._root, self._uid, wanted, count)

    def new(self, limit: int) -> tuple[tuple[Line, ...], int]:
        """Lines that have come since, and how many more there were than `limit`: those are passed over."""
        found: deque[Line] = deque(maxlen=limit)
        total = 0
        for attempt in attempts(self._root, self._uid, None, self._stage, None):
            for writer in _writers(self._root, attempt, everything=False):
                begin = self._next.get(writer, 0)
                for line in _lines(attempt, writer, begin, lambda _: True):
                    total += 1
                    found.append(line)
                    self._next[writer] = line.number + 1
        return tuple(sorted(found)), total - len(found)


def _chosen(root: Path, task_uid: str, wanted: LogFilter) -> list[Attempt]:
    return attempts(root, task_uid, wanted.run, wanted.stage, wanted.attempt)


def _writers(root: Path, attempt: Attempt, *, everything: bool) -> list[Path]:
    """Of an attempt whose output is kept, that alone: what its SDK reported is in it."""
    found = writers(attempt.path(root))
    output = [writer for writer in found if writer.name.startswith("stdout-")]
    return found if everything or not output else output


def _merged(root: Path, task_uid: str, wanted: LogFilter, since: int) -> Iterator[Line]:
    sources: list[Iterable[Line]] = []
    for attempt in _chosen(root, task_uid, wanted):
        for writer in _writers(root, attempt, everything=wanted.everything):
            lines = _lines(attempt, writer, 0, lambda chunk: chunk.end >= since and chunk.begin < wanted.until)
            sources.append(line for line in lines if line.time >= since)
    return heapq.merge(*sources)


def _last(attempt: Attempt, writer: Path, wanted: LogFilter, count: int) -> list[Line]:
    found: deque[Line] = deque()
    for chunk in reversed(chunks(writer)):
        if chunk.begin >= wanted.until:
            continue
        if chunk.end < wanted.since or len(found) >= count:
            break
        lines = [
            line
            for line in _chunk_lines(attempt, writer.name, chunk)
            if wanted.since <= line.time < wanted.until and wanted.takes(line)
        ]
        found.extendleft(reversed(lines[-count:] if count else []))
    return list(found)[-count:] if count else []


def _end(writer: Path) -> int:
    known = chunks(writer)
    if not known:
        return 0
    last = known[-1]
    return last.first + (last.count if last.count is not None else sum(1 for _ in _raw_lines(last.path)))


def _chunk_end(chunk: Chunk) -> int:
    if chunk.count is not None:
        return chunk.end
    return max((found[0] for raw in _raw_lines(chunk.path) if (found := parsed(raw)) is not None), default=0)


def _lines(attempt: Attempt, writer: Path, begin: int, worth: Callable[[Chunk], bool]) -> Iterator[Line]:
    """Lines of a writer from a number on, with a note where some are missing."""
    expected, time, more = begin, 0, corrections(writer)
    for chunk in chunks(writer):
        if chunk.count is not None and chunk.first + chunk.count <= begin:
            continue
        missing = chunk.first - expected
        missing += sum(each for first, each in more.items() if expected <= first < chunk.first)
        expected = chunk.first + (chunk.count or 0)
        if not worth(chunk):
            continue
        for line in _chunk_lines(attempt, writer.name, chunk):
            if line.number < begin:
                continue
            if missing > 0:
                yield _cut(line, missing)
            missing = 0
            time = max(time, line.time)  # clocks of stages may jump; the order of lines does not
            yield line if line.time == time else _at(line, time)
            expected = max(expected, line.number + 1)


def _chunk_lines(attempt: Attempt, source: str, chunk: Chunk) -> Iterator[Line]:
    for number, raw in enumerate(_raw_lines(chunk.path), chunk.first):
        if (found := parsed(raw)) is not None:
            time, level, text = found
            yield Line(time, attempt.run, attempt.stage, attempt.number, source, number, level, text)


def _raw_lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(path):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


def _blocks(path: Path) -> Iterator[bytes]:
    """What a file of gzip members holds; of one that broke off, what can be read."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # it was sealed since it was seen, or dropped
        sealed = next(path.parent.glob(f"{path.name[:12]}.*.gz"), None)
        if sealed is None or sealed == path:
            return
        file = sealed.open("rb")
    with file, suppress(zlib.error):
        member = zlib.decompressobj(31)
        while data := file.read(BLOCK):
            while data:
                yield member.decompress(data, MOST_AT_ONCE)
                while not member.eof and (data := member.unconsumed_tail):
                    yield member.decompress(data, MOST_AT_ONCE)
                if not member.eof:
                    break
                data, member = member.unused_data, zlib.decompressobj(31)
        yield member.flush()


def _cut(before: Line, count: int) -> Line:
    text = f"… {count} lines are not kept here"
    return Line(
        before.time, before.run, before.stage, before.attempt, before.source, before.number - 1, "warning", text, count
    )


def _at(line: Line, time: int) -> Line:
    return Line(time, line.run, line.stage, line.attempt, line.source, line.number, line.level, line.text)
