"""Takes lines in and writes them down once a second, in a thread: a slow disk slows no stage.

What waits is bounded, per source and in all. A disk that is full or gone costs lines, never a stage's report.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

import structlog

from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import files
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.stagelogs.writing import ChunkWriter
from asynctask.core import loglines
from asynctask.gateway.metrics import Metrics

FLUSH_SECONDS = 1.0
MAX_WAITING_BYTES = 4 << 20
"""Of one source."""
MAX_ALL_BYTES = 32 << 20
IDLE_SECONDS = 600.0
DIRECTORY = ".logs"
"""In the directory of artifacts: on the same volume, and none that artifacts can have."""

log = structlog.get_logger("gateway")


class Source:
    """One writer of an attempt's log."""

    def __init__(self, book: "LogBook", owner: Owner, attempt: Attempt, name: str) -> None:
        self._book = book
        self.owner = owner
        self.attempt = attempt
        self.name = name
        self.writer: ChunkWriter | None = None
        self.waiting: deque[tuple[int, bytes, int]] = deque()
        """Times, lines, and how many lines more each stands for."""
        self.bytes = 0
        self.lost = 0
        self.last = 0
        """The time of the newest line."""
        self.used = monotonic()
        self.is_closing = False
        self.is_held = name.startswith("stdout")
        """Whether its reader closes it, however long it is silent."""

    def add(self, time: int, level: str, text: str) -> bool:
        """Take a line in; False when there is no room, and it is counted as lost."""
        is_in = self._add(time, level, text)
        self.lost += not is_in
        return is_in

    def _add(self, time: int, level: str, text: str, stands_for: int = 1) -> bool:
        self.used = monotonic()
        self.last = time = max(time, self.last)
        kept = loglines.kept(time, level, text)
        if self.bytes + len(kept) > MAX_WAITING_BYTES or self._book.bytes + len(kept) > MAX_ALL_BYTES:
            return False
        self.waiting.append((time, kept, stands_for - 1))
        self.bytes += len(kept)
        self._book.bytes += len(kept)
        return True

    def note(self, text: str, lost: int = 0) -> None:
        """Say something about the log in it: that so many lines are not kept here, and why."""
        if self._add(self.last, "warning", text, lost):
            self._book.count("lost", lost)
        else:
            self.lost += lost

    @property
    def has_room(self) -> bool:
        """Whether more should be brought now."""
        return self.bytes < MAX_WAITING_BYTES // 2 and self._book.bytes < MAX_ALL_BYTES // 2


class LogBook:
    """All logs that are being written by this gateway."""

    def __init__(self, artifacts: Path, max_bytes: int, metrics: Metrics) -> None:
        self.root = artifacts / DIRECTORY
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._sources: dict[tuple[Attempt, str], Source] = {}
        self._token = secrets.token_hex(3)
        self._opened = 0
        self.bytes = 0
        self._trouble = ""

    def source(self, owner: Owner, attempt: Attempt, kind: str, key: str) -> Source:
        """Where lines of a pod's output (`stdout`) or of an SDK (`reported`) go."""
        known = self._sources.get((attempt, f"{kind}-{key}"))
        if known is None or known.is_closing:
            self._opened += 1
            known = Source(self, owner, attempt, f"{kind}-{key}-{self._token}{self._opened:x}")
            self._sources[attempt, f"{kind}-{key}"] = known
        return known

    async def close(self, source: Source) -> None:
        """No more comes: write what waits, seal."""
        source.is_closing = True
        await asyncio.to_thread(self._write, source)
        for key in [key for key, known in self._sources.items() if known is source]:
            del self._sources[key]

    async def run(self) -> None:
        """Write, for ever; all that waits at the end too."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self._round(monotonic() - IDLE_SECONDS)
        finally:
            for source in list(self._sources.values()):
                source.is_closing = True
                self._write(source)

    async def _round(self, idle: float) -> None:
        for source in list(self._sources.values()):
            if source.waiting or source.lost:
                await asyncio.to_thread(self._write, source)
            elif source.used < idle and not source.is_held:
                await self.close(source)

    def _write(self, source: Source) -> None:
        lines = [source.waiting.popleft() for _ in range(len(source.waiting))]
        block = b"".join(kept for _, kept, _ in lines)
        source.bytes -= len(block)
        self.bytes -= len(block)
        lost, source.lost = source.lost, 0
        try:
            if source.writer is None:
                directory = files.prepare(self.root, source.owner, source.attempt) / source.name
                source.writer = ChunkWriter(directory, self._max_bytes)
            if lines:
                more = sum(each for _, _, each in lines)
                source.writer.append(block, len(lines), lines[0][0], lines[-1][0], more)
                self._metrics.log_bytes.inc(len(block))
            source.writer.skip(lost)
            if source.is_closing:
                source.writer.seal()
            self._trouble = ""
        except OSError as error:
            lost += len(lines)
            if self._trouble != str(error):
                self._trouble = str(error)
                log.error("logs can't be written", error=str(error))  # noqa: TRY400 - it says all
        self.count("kept", len(lines))
        self.count("lost", lost)

    def count(self, fate: str, number: int) -> None:
        """Count lines that were `kept` or `lost`."""
        if number:
            self._metrics.log_lines.labels(fate).inc(number)


def reported(
    book: LogBook,
    owner: Owner,
    attempt: Attempt,
    lines: Iterable[tuple[str, str, str]],
    key: str,
    now: int,
    lost: int = 0,
) -> None:
    """Lines that an SDK sent: time, level, message. A message of several lines is several lines."""
    source = book.source(owner, attempt, "reported", key)
    for time, level, message in lines:
        when = loglines.micros_of(time)
        when = now if when is None or not 0 < when <= now + 60_000_000 else when
        for text in message.splitlines():
            source.add(when, level if level in loglines.RANK else "info", loglines.cleaned(text))
    source.lost += lost
