"""Reads one container's output to its end, at a bounded rate; of too much the beginning and the end.

A container that runs and writes more than may be read is read slower than it writes; every half minute the reader goes
on near the end, so that who follows sees what happens now. When the container has ended, what is left is passed over
but for its end. Whatever is left out is said where it is missing. The kubelet serves its current file alone: what it
has rotated away before it was read is missing too, and seen by that what is known is not sent again.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from time import time
from typing import Protocol

import structlog

from asynctask.adapters import cluster as api
from asynctask.gateway.limits import Buckets
from asynctask.gateway.logs.book import Source
from asynctask.gateway.logs.splitting import Found, Skimmer, Splitter

BYTES_PER_SECOND = 1_000_000.0
BYTES_AT_ONCE = 16_000_000.0
ALL_BYTES_PER_SECOND = 8_000_000.0
ALL_BYTES_AT_ONCE = 32_000_000.0
END_BYTES = 1_000_000
"""Of output that is passed over, its end that is kept, with the times of lines."""
MAX_PASSED_OVER = 128_000_000
"""Of what a container has left when it ends, so much is counted; after it its end is asked for."""
MIN_TAIL_LINES = 100
MAX_TAIL_LINES = 10_000
LAG_SECONDS = 30.0
"""So far behind, the reader goes on near the end: it waited for so long, or the newest line is that old and aging."""
REOPEN_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
TRIES_AT_END = 5
"""So often the output of a pod that has ended is asked for."""
FLOODS_AT_ONCE = 8
"""Containers that have ended and are being passed over at the same time: each holds END_BYTES."""
WHY = ": more was written than is read"
GONE = "… the end of the output is missing: its pod was gone before it was read"
UNREAD = "… the output may go on: it could not be read to its end"

log = structlog.get_logger("gateway")


class Pod(Protocol):
    """What a reader asks of the pod."""

    def open(self, *, since: str, tail: int) -> AsyncGenerator[bytes]:
        """Follow its output. Raises ApiError."""

    @property
    def is_over(self) -> bool:
        """Whether its container has ended."""

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the pod changes."""


class Allowance:
    """How much may be read, of each pod and of all."""

    def __init__(self) -> None:
        self.pod = Buckets(BYTES_PER_SECOND, BYTES_AT_ONCE)
        self.all = Buckets(ALL_BYTES_PER_SECOND, ALL_BYTES_AT_ONCE)
        self.floods = asyncio.Semaphore(FLOODS_AT_ONCE)


class Reader:
    """Reads the output of one pod into a source of the book."""

    def __init__(self, pod: Pod, uid: str, source: Source, allowance: Allowance, known: int) -> None:
        self._pod = pod
        self._uid = uid
        self._source = source
        self._allowance = allowance
        self._splitter = Splitter(known)
        self._skimmer: Skimmer | None = None
        self._tail = 0
        self._waited = 0.0
        """Seconds since the last opening in which more was there than could be read."""
        self._lag: float | None = None
        """How old the first new line of this opening was; the node's clock may be wrong."""
        self._bytes = self._lines = 1
        """Read so far: how long lines are."""

    async def read(self) -> None:
        """Read until the container has ended and all of it, or as much as is kept, is here."""
        tries, pause, tail, is_short = 0, REOPEN_SECONDS, 0, False
        while True:
            was_over = self._pod.is_over
            try:
                await self._stream(tail)
            except _Behind:
                tail, is_short = self._tail_lines(), True
                continue
            except api.NotFound:
                if is_short and self._splitter.last:
                    self._source.note(GONE)
                return
            except api.ApiError as error:
                tries, is_short = tries + was_over, True
                if tries >= TRIES_AT_END:
                    self._source.note(UNREAD)
                    log.info("a pod's output ends early", pod=self._source.name, error=str(error)[:200])
                    return
                pause = min(MAX_PAUSE_SECONDS, pause * 2)
            else:
                if was_over:
                    return
                tail, pause, is_short = 0, REOPEN_SECONDS, False
            await self._pod.pause(pause)

    async def _stream(self, tail: int) -> None:
        """Read from what is known on, or from so many lines before the end on."""
        last, self._tail = self._splitter.last, tail
        self._splitter, self._waited, self._lag = Splitter(last, self._splitter.same), 0.0, None
        try:
            async with aclosing(self._pod.open(since="" if tail else since(last), tail=tail)) as stream:
                async for data in stream:
                    await self._take(data)
        finally:
            self._end()

    async def _take(self, data: bytes) -> None:
        if self._skimmer is not None:
            self._skimmer.feed(data)
            if self._skimmer.bytes > MAX_PASSED_OVER and not self._tail:
                raise _Behind
        is_new = self._skimmer is None and self._keep(data)
        await self._wait(self._allowance.all, "", len(data))
        if not is_new:  # what comes once more is no part of what a pod may write
            return
        self._check_lag()
        await self._wait(self._allowance.pod, self._uid, len(data))
        while not self._source.has_room:
            await self._pod.pause(0.1)

    def _keep(self, data: bytes) -> bool:
        """Take lines in; returns whether any is new."""
        lines = self._feed(data)
        if lines:
            self._bytes += len(data)
            self._lines += len(lines)
            self._add(lines)
        return bool(lines)

    def _feed(self, data: bytes) -> list[Found]:
        """The lines of it; says so when those before them were rotated away."""
        last, had_gap = self._splitter.last, self._splitter.has_gap
        lines = self._splitter.feed(data)
        if lines and self._splitter.has_gap and not had_gap:
            self._source.note(f"… lines of {span(last, lines[0][0])} may be missing here{WHY}")
        return lines

    def _add(self, lines: Iterable[Found]) -> None:
        for when, level, text in lines:
            self._source.add(when, level, text)

    def _check_lag(self) -> None:
        """Raise _Behind where reading is too slow, for whatever reason: who catches up on old output is not behind."""
        lag = time() - self._splitter.last / 1e6
        self._lag = lag if self._lag is None else min(self._lag, lag)
        if lag > max(LAG_SECONDS, self._lag + LAG_SECONDS / 2) and not self._pod.is_over:
            raise _Behind

    async def _wait(self, rates: Buckets, key: str, count: int) -> None:
        """Wait until so many bytes may have been read; of a container that has ended, begin to pass over the rest."""
        while wait := rates.take(key, count):
            if key and self._pod.is_over:
                await self._skim()
                return
            wait = min(wait, 1.0)
            self._waited += wait if key else 0.0
            if self._waited > LAG_SECONDS:
                raise _Behind
            await self._pod.pause(wait)

    async def _skim(self) -> None:
        await self._allowance.floods.acquire()
        self._skimmer = Skimmer(END_BYTES)
        self._skimmer.feed(self._splitter.cut())

    def _end(self) -> None:
        """Take in what has come without an end of its line, or the end of what was passed over."""
        skimmer, self._skimmer = self._skimmer, None
        if skimmer is not None:
            self._allowance.floods.release()
            last, end = self._splitter.last, skimmer.end()
            lines = self._feed(end)
            if skimmer.lines:
                until = lines[0][0] if lines else last
                self._source.note(left_out(skimmer.lines, skimmer.bytes, last, until), skimmer.lines)
            self._add(lines)
        self._add(self._splitter.end())

    def _tail_lines(self) -> int:
        return max(MIN_TAIL_LINES, min(MAX_TAIL_LINES, END_BYTES * self._lines // self._bytes))


class _Behind(Exception):
    """More is there than may be read: go on near the end."""


def left_out(lines: int, size: int, begin: int, end: int) -> str:
    """What stands where lines are missing; times in microseconds since 1970."""
    return f"… {lines:,} lines ({size / 1e6:,.1f} MB) of {span(begin, end)} are not kept here{WHY}"


def span(begin: int, end: int) -> str:
    """From when to when, in microseconds since 1970, as people read it."""
    first, last = (datetime.fromtimestamp(each / 1e6, UTC) for each in (begin, end))
    return f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} UTC"


def since(last: int) -> str:
    """A second before what is known, for the API server knows no finer; what comes twice is left out."""
    if not last:
        return ""
    return datetime.fromtimestamp(max(0, last // 1_000_000 - 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
