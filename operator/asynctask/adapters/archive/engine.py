"""The archive: one SQL database, embedded or a server, the same to all who use it.

    async with open_archive("sqlite:////var/lib/asynctask/archive/archive.db") as archive:
        await archive.upgrade()
        async with archive.begin() as transaction:      # writes; all or nothing
            await audit.append(transaction, record)
        async with archive.read() as connection:        # reads, each statement for itself
            page = await tasks.page(connection, TaskFilter(), limit=50)

Modules beside this one hold the statements of one concern each, as functions of a transaction. They may use
SQLAlchemy's core and write one text for all three dialects; where those differ, see `upserts`. Whatever a
statement raises inside `begin` or `read` leaves as an ArchiveError.

Opening never waits for the database: until `upgrade` or `check` has seen its tables, `begin` and `read` raise
ArchiveUnavailable, or what the look has found (ArchiveTooNew, …).
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from asynctask.adapters.archive import schema
from asynctask.adapters.archive.errors import ArchiveError, ArchiveUnavailable, translated
from asynctask.adapters.archive.urls import Address, Dialect, parse

log = structlog.get_logger("archive")
Transaction: TypeAlias = AsyncConnection
"""An open connection; in `begin`, one whose statements take effect together at its end."""
READ_SECONDS = 10.0
WRITE_SECONDS = 60.0
SETTLE_SECONDS = 5.0
POOL_SIZE = 6
BUSY_MILLISECONDS = 10_000
SQLITE_CACHE_KIB = 4_096
_READS = "asynctask_reads"


class Archive:
    """An open archive. Made by `open_archive`."""

    def __init__(self, address: Address, engine: AsyncEngine) -> None:
        self.address = address
        self.engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT", **{_READS: True})
        self._turn = asyncio.Lock() if address.dialect == "sqlite" else None
        self._trouble: ArchiveError | None = ArchiveUnavailable("the archive has not been looked at yet")
        self._ready = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def dialect(self) -> Dialect:
        """`sqlite`, `postgresql` or `mysql` (MariaDB too)."""
        return self.address.dialect

    @property
    def is_ready(self) -> bool:
        """Whether its tables have been found as this release has them."""
        return self._trouble is None

    async def ready(self) -> None:
        """Return once its tables have been found as this release has them."""
        await self._ready.wait()

    @asynccontextmanager
    async def begin(self, seconds: float = WRITE_SECONDS) -> AsyncIterator[Transaction]:
        """A transaction, committed at the end of the block and undone when the block raises.

        Raises ArchiveUnavailable, ArchiveFull, ArchiveConflict and the like; then nothing of it was kept, but for one
        case: a connection that breaks at the commit leaves it open whether it was. So write what may be written twice.
        """
        self._admit()
        try:
            async with (
                asyncio.timeout(seconds),
                self._my_turn(),
                self._connected(self.engine) as connection,
                connection.begin(),
            ):
                yield connection
        except Exception as error:
            raise _known(error) from error

    @asynccontextmanager
    async def read(self, seconds: float = READ_SECONDS) -> AsyncIterator[Transaction]:
        """A connection for reading, without a transaction. Raises ArchiveUnavailable and the like."""
        self._admit()
        try:
            async with asyncio.timeout(seconds), self._connected(self._readers) as connection:
                yield connection
        except Exception as error:
            raise _known(error) from error

    async def upgrade(self) -> bool:
        """Bring the tables to this release; whether anything was done. Raises ArchiveTooNew, ForeignSchema, …

        Replicas that start together do it one after the other. A newer database is left as it is.
        """
        try:
            async with self._my_turn():
                done = await schema.upgrade(self.engine, self.dialect)
        except Exception as error:
            raise self._noted(error) from error
        self._trouble = None
        self._ready.set()
        return done

    async def check(self) -> None:
        """Look whether the tables are this release's. Raises ArchiveTooOld, ArchiveTooNew, ForeignSchema, …"""
        try:
            async with asyncio.timeout(READ_SECONDS), self._readers.connect() as connection:
                await schema.check(connection)
        except Exception as error:
            raise self._noted(error) from error
        self._trouble = None
        self._ready.set()

    async def settled(self, seconds: float = SETTLE_SECONDS) -> None:
        """Return once connections that nobody waits for any more are back in the pool, or after a while."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=seconds)

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection. Who is cancelled while it opens or closes leaves that to go on: broken off half-way,
        it would belong to nobody and never return to the pool.
        """
        connection = engine.connect()
        opening = asyncio.ensure_future(_open(connection))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._leave(_close_when_open(connection, opening))
            raise
        try:
            yield connection
        finally:
            await asyncio.shield(self._leave(connection.close()))

    def _leave(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task

    def _noted(self, error: Exception) -> Exception:
        known = translated(error)
        self._trouble = known or self._trouble
        return known or error

    def _admit(self) -> None:
        if self._trouble is not None:
            raise type(self._trouble)(*self._trouble.args)

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        """SQLite has one writer at a time: waiting here costs less than asking the file again and again."""
        if self._turn is None:
            yield
            return
        async with self._turn:
            yield


@asynccontextmanager
async def open_archive(url: str, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Archive]:
    """The archive of a URL, closed at the end of the block. Raises InvalidArchiveUrl; connects when first asked."""
    address = parse(url)
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 5}
    if address.dialect != "sqlite":
        options |= {"pool_pre_ping": True, "pool_recycle": 1800}
    if address.dialect == "mysql":
        options["isolation_level"] = "READ COMMITTED"  # no gap locks: writers of different rows don't wait
    engine = create_async_engine(address.url, connect_args=address.connect_args, hide_parameters=True, **options)
    if address.dialect == "sqlite":
        _tune_sqlite(engine)
    archive = Archive(address, engine)
    try:
        yield archive
    finally:
        await archive.settled()
        await engine.dispose()


async def _open(connection: AsyncConnection) -> None:
    await connection.start()


async def _close_when_open(connection: AsyncConnection, opening: asyncio.Future[None]) -> None:
    with suppress(Exception):  # it did not open: nothing is to be closed
        await opening
        await connection.close()


def _known(error: Exception) -> Exception:
    return translated(error) or error


def _tune_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def opened(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own: `began` does
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_MILLISECONDS}",
            "journal_mode = WAL",  # readers and the writer don't wait for each other
            "synchronous = FULL",  # a task may leave the cluster because it is here: a power cut must not lose it
            "foreign_keys = ON",
            f"cache_size = -{SQLITE_CACHE_KIB}",
            "journal_size_limit = 67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def began(connection: Any) -> None:
        # IMMEDIATE: one that read first and would write then could only be refused
        if not connection.get_execution_options().get(_READS):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
