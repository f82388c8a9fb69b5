"""Migrations make the tables, on each database, and touch none that they don't know."""

import asyncio
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from support.databases import Database

from asynctask.adapters.archive import (
    Archive,
    ArchiveTooNew,
    ArchiveTooOld,
    ArchiveUnavailable,
    ForeignSchema,
    open_archive,
    schema,
)
from asynctask.adapters.archive.tables import METADATA


def differences(connection: Connection) -> list[Any]:
    options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_migrations_make_exactly_the_tables(archive: Archive) -> None:
    async with archive.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_migrations_are_one_chain() -> None:
    steps = list(ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions())  # raises when there are two heads
    assert tuple(step.revision for step in reversed(steps)) == schema.versions()
    assert schema.versions() == tuple(f"{number:04d}" for number in range(1, len(schema.versions()) + 1))


async def test_upgrading_again_does_nothing(archive: Archive) -> None:
    assert not await archive.upgrade()


@pytest.mark.parametrize("version", schema.versions()[:-1])
async def test_a_filled_database_of_any_earlier_version_comes_to_this_one(database: Database, version: str) -> None:
    async with open_archive(database.url) as archive:
        await schema.upgrade(archive.engine, archive.dialect, version)
        async with archive.engine.begin() as connection:
            before = await connection.run_sync(filled)
        assert await archive.upgrade()
        async with archive.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
            for name, rows in before.items():
                kept = await connection.execute(text(f"SELECT count(*) FROM {name}"))
                assert kept.scalar() == rows, name


def filled(connection: Connection) -> dict[str, int]:
    """Put rows into every table that there is; how many by table."""
    known = sqlalchemy.MetaData()
    known.reflect(connection)
    tables = [table for table in known.sorted_tables if table.name != schema.VERSION_TABLE]
    for table in tables:
        for number in range(1, 4):
            row = {column.name: value(column, number) for column in table.c}
            connection.execute(table.insert().values(row))
    return dict.fromkeys([table.name for table in tables], 3)


def value(column: sqlalchemy.Column[Any], number: int) -> Any:
    if isinstance(column.type, sqlalchemy.Integer):
        return number
    if isinstance(column.type, sqlalchemy.LargeBinary):
        return bytes([number])
    length = getattr(column.type, "length", None)
    return f'"{number}"' if not length or length > 9 else str(number)


async def test_a_migration_that_broke_off_is_taken_up_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL keeps the tables that were made before a power cut; the others undo them."""
    from alembic import op

    made: list[str] = []
    create_table = op.create_table

    def breaks(name: str, *columns: Any, **options: Any) -> Any:
        if len(made) == 2:
            raise ConnectionResetError
        made.append(name)
        return create_table(name, *columns, **options)

    async with open_archive(database.url) as archive:
        with monkeypatch.context() as harm:
            harm.setattr(op, "create_table", breaks)
            with pytest.raises(ArchiveUnavailable):
                await archive.upgrade()
        assert await archive.upgrade()
        async with archive.engine.connect() as connection:
            assert await connection.run_sync(differences) == []


async def test_replicas_that_start_together_migrate_one_after_the_other(database: Database) -> None:
    async with open_archive(database.url) as first, open_archive(database.url) as second:
        assert sorted(await asyncio.gather(first.upgrade(), second.upgrade())) == [False, True]


async def test_a_database_that_was_never_upgraded_is_told_so(database: Database) -> None:
    async with open_archive(database.url) as archive:
        with pytest.raises(ArchiveTooOld):
            await archive.check()
        with pytest.raises(ArchiveTooOld):
            async with archive.begin():
                pass


async def test_a_newer_schema_is_refused_and_not_touched(database: Database) -> None:
    async with open_archive(database.url) as archive:
        await archive.upgrade()
        async with archive.begin() as transaction:
            await transaction.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    async with open_archive(database.url) as archive:
        for look in (archive.upgrade, archive.check):
            with pytest.raises(ArchiveTooNew, match="9999"):
                await look()
        with pytest.raises(ArchiveTooNew):
            async with archive.read():
                pass
        async with archive.engine.connect() as connection:
            assert await connection.run_sync(differences) == []


async def test_tables_of_something_else_are_not_taken_for_ours(database: Database) -> None:
    async with open_archive(database.url) as archive:
        async with archive.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE tasks (id integer)"))
        with pytest.raises(ForeignSchema):
            await archive.upgrade()
