"""Migrations make the tables, on each database, and touch none that they don't know."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from support.databases import Database

from asynctask.adapters.archive import Archive, ArchiveTooNew, ArchiveTooOld, ForeignSchema, open_archive, schema
from asynctask.adapters.archive.tables import METADATA


def differences(connection: Connection) -> list[Any]:
    options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_migrations_make_exactly_the_tables(archive: Archive) -> None:
    async with archive.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_migrations_are_one_chain() -> None:
    assert len(schema.chain().get_heads()) == 1
    assert schema.versions() == tuple(f"{number:04d}" for number in range(1, len(schema.versions()) + 1))


async def test_upgrading_again_does_nothing(archive: Archive) -> None:
    assert not await archive.upgrade()


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
