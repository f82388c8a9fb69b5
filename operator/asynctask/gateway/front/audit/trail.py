"""Writes audit records: all that come in while one transaction is under way go together into the next.

While the database is away records go to the journal, and from there into the database once it is back; a record has
an id of its own, so that none is doubled. With neither database nor room in the journal changes are refused.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

import orjson
import structlog

from asynctask.adapters.archive import Archive, ArchiveError, audit
from asynctask.adapters.archive.audit import AuditRecord
from asynctask.gateway.front.audit.journal import Journal, JournalFull
from asynctask.gateway.front.problems import Unavailable

BATCH = 200
WRITE_SECONDS = 3.0
"""The database has this long to take a batch, then it counts as away."""
AWAY_SECONDS = 2.0
"""An absent database is left in peace for so long."""
REPLAY_SECONDS = 1.0

log = structlog.get_logger("audit")


class Trail:
    """Where records go. Without an archive: into the log."""

    def __init__(self, archive: Archive | None, journal: Journal, clock: Callable[[], float] = monotonic) -> None:
        self._archive = archive
        self._journal = journal
        self._clock = clock
        self._waiting: list[tuple[AuditRecord, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._disk = asyncio.Lock()
        self._has_journal = True

    def check(self) -> None:
        """Before a change: raise Unavailable when its record could be kept nowhere."""
        if self._archive and self._is_away and (self._journal.is_full or not self._has_journal):
            raise Unavailable(retry_after=5)

    async def write(self, records: Sequence[AuditRecord]) -> None:
        """Return once the records are safe. Raises Unavailable when they can't be."""
        if not self._archive:
            for record in records:
                log.info("change", **{name: value for name, value in asdict(record).items() if value not in ("", None)})
            return
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[None]] = [loop.create_future() for _ in records]
        self._waiting += zip(records, futures, strict=True)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting(self._archive))
        await asyncio.gather(*futures)

    async def run(self) -> None:
        """Take what waits in the journal to the database, for ever."""
        if not self._archive:
            return
        try:
            await asyncio.to_thread(self._journal.measure)
        except OSError as error:
            self._has_journal = False
            log.error("no journal: without the database changes will be refused", error=str(error))  # noqa: TRY400
        while True:
            if not self._is_away:
                await self._replay(self._archive)
            await asyncio.sleep(REPLAY_SECONDS)

    async def flush(self) -> None:
        """Wait until what has come in is written."""
        if self._writer:
            await asyncio.wait([self._writer])

    @property
    def _is_away(self) -> bool:
        return self._clock() < self._away_until or not (self._archive and self._archive.is_ready)

    async def _write_waiting(self, archive: Archive) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            failure = await self._keep(archive, [record for record, _ in batch])
            for _, future in batch:
                if future.done():
                    continue
                if failure:
                    future.set_exception(failure)
                else:
                    future.set_result(None)

    async def _keep(self, archive: Archive, records: list[AuditRecord]) -> Exception | None:
        if not self._is_away:
            try:
                await _insert(archive, records)
            except ArchiveError as error:
                self._away_until = self._clock() + AWAY_SECONDS
                log.warning("the archive is away; audit records wait in the journal", code=error.code)
            except Exception as error:
                log.exception("audit records that the archive can't take", error=str(error))
            else:
                return None
        try:
            async with self._disk:
                await asyncio.to_thread(self._journal.append, [_line(record) for record in records])
        except (OSError, JournalFull) as error:
            for record in records:  # the last resort: what was done is told at least here
                log.error("an audit record that could not be kept", **_plain(record), error=repr(error))  # noqa: TRY400
            return Unavailable(retry_after=5)
        return None

    async def _replay(self, archive: Archive) -> None:
        async with self._disk:
            found = await asyncio.to_thread(lambda: list(self._journal.segments()))
        for path, lines in found:
            records = [record for line in lines if (record := _record(line))]
            try:
                for start in range(0, len(records), BATCH):
                    await _insert(archive, records[start : start + BATCH])
            except ArchiveError:
                self._away_until = self._clock() + AWAY_SECONDS
                return
            await asyncio.to_thread(self._journal.done, path)
            log.info("audit records have left the journal", count=len(records))


async def _insert(archive: Archive, records: Sequence[AuditRecord]) -> None:
    async with archive.begin(WRITE_SECONDS) as transaction:
        await audit.append(transaction, *records)


def _plain(record: AuditRecord) -> dict[str, Any]:
    return asdict(record)


def _line(record: AuditRecord) -> bytes:
    return orjson.dumps(record, default=str)


def _record(line: bytes) -> AuditRecord | None:
    try:
        return AuditRecord(**orjson.loads(line))
    except (ValueError, TypeError):
        log.error("a line of the audit's journal is damaged", bytes=len(line))  # noqa: TRY400
        return None
