"""The tables' versions: a chain of migrations that travels with the package; nothing to configure.

The version in force stands in the table `asynctask_schema`. Steps are additive within a release, so that a replica of
the release before goes on while the next one starts.

alembic is loaded only when there is something to migrate: it takes 11 MB of memory, which each gateway would keep.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from asynctask.adapters.archive.errors import ArchiveTooNew, ArchiveTooOld, ArchiveUnavailable, ForeignSchema
from asynctask.adapters.archive.urls import Dialect

VERSION_TABLE = "asynctask_schema"
LOCK = 7_012_025_001
"""Of PostgreSQL's advisory locks: who migrates."""
LOCK_SECONDS = 300
UPGRADE_SECONDS = 3600.0
MIGRATIONS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The version that this release writes."""
    return versions()[-1]


@lru_cache(maxsize=1)
def versions() -> tuple[str, ...]:
    """All versions, oldest first: what the names of the steps' files begin with."""
    return tuple(sorted(step.name.partition("_")[0] for step in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


async def upgrade(engine: AsyncEngine, dialect: Dialect, to: str = "head") -> bool:
    """Migrate, alone; whether anything was done. Raises ArchiveTooNew and ForeignSchema before anything is touched."""
    async with asyncio.timeout(UPGRADE_SECONDS), _alone(engine, dialect) as connection:
        return await connection.run_sync(_migrate, to)


async def check(connection: AsyncConnection) -> None:
    """Raises ArchiveTooOld, ArchiveTooNew or ForeignSchema."""
    found = await connection.run_sync(_judge)
    if found != newest():
        raise ArchiveTooOld(f"its tables are of version {found or 'none'}, this release has {newest()}")


async def version(connection: AsyncConnection) -> str:
    """The version in force; empty where there are no tables of ours."""
    return await connection.run_sync(_found)


def _found(connection: Connection) -> str:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - ours
    return str(found[0]) if found else ""


def _judge(connection: Connection) -> str:
    """The version in force, if it is one that this release can work with or migrate."""
    found = _found(connection)
    if found and found not in versions():
        if found > newest():
            raise ArchiveTooNew(
                f"the archive's tables are of version {found}, newer than {newest()}, the newest that this release "
                "knows. Nothing was changed. Install the release that wrote it, or restore a backup from before."
            )
        raise ForeignSchema(f"the table {VERSION_TABLE} speaks of version {found}, which never was one of ours")
    if not found:
        ours = {"tasks", "task_execution_history"} & set(inspect(connection).get_table_names())
        if ours and not _was_interrupted(connection):
            raise ForeignSchema(f"there are tables {sorted(ours)} already, not ours; give the archive its own database")
    return found


def _was_interrupted(connection: Connection) -> bool:
    """MySQL keeps each table that it made, so a first migration that broke off leaves some, and our empty version."""
    return inspect(connection).has_table(VERSION_TABLE)


def _migrate(connection: Connection, to: str) -> bool:
    before = _judge(connection)
    if before == newest():
        return False
    _step(connection, to)
    return _found(connection) != before


def _step(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@asynccontextmanager
async def _alone(engine: AsyncEngine, dialect: Dialect) -> AsyncIterator[AsyncConnection]:
    """A transaction that no other replica migrates beside."""
    async with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE, so it is alone already
        if dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if dialect != "mysql":
            yield connection
            return
        name = {"name": f"asynctask-{engine.url.database}"[:64], "seconds": LOCK_SECONDS}
        if (await connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), name)).scalar() != 1:
            raise ArchiveUnavailable("another replica has been migrating the archive for long")
        try:
            yield connection
        finally:
            await connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)
