"""Back-ups are whole, go from any database into any other, and are never half restored."""

import gzip
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from archive.makers import stage, task
from archive.test_retention import NEW, fill
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from support.databases import DIALECTS, Database, Servers

from asynctask.adapters.archive import Archive, ArchiveTooNew, cli, open_archive, schema, stages, tasks, transfer
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.tables import METADATA
from asynctask.adapters.archive.tables.columns import Blob, Document
from asynctask.adapters.archive.transfer import BrokenBackup, NotEmpty


async def content(archive: Archive) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, as the database has them."""
    found = MetaData()
    async with archive.engine.connect() as connection:
        await connection.run_sync(found.reflect)
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key))]
            for table in found.sorted_tables
        }


@pytest.fixture
async def filled(archive: Archive) -> Archive:
    await fill(archive)
    async with archive.begin() as transaction:
        body = task(50, "Failed", status={"message": "\x00数据"}, config={"text": "line\nline\x00", "n": 2**60})
        await tasks.take_tasks(transaction, [Seen(body)], NEW)
        await stages.take(transaction, [Seen(stage(9, of=50, outputs={"a": [None, 1.5]}))])
        for table in METADATA.sorted_tables:  # and something in every other
            if (await transaction.execute(select(table).limit(1))).first() is None:
                await transaction.execute(insert(table), [sample(table, number) for number in range(3)])
    return archive


def decoded(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """MySQL has bytes as base64."""

    def plain(value: Any) -> Any:
        return b64encode(value).decode() if isinstance(value, bytes) else value

    return {name: [tuple(map(plain, row)) for row in rows] for name, rows in tables.items()}


def sample(table: Table, number: int) -> dict[str, Any]:
    def value(column: Column[Any]) -> Any:
        if isinstance(column.type, Blob):
            return bytes([0, 255, number]) * 1000
        if isinstance(column.type, Integer):
            return number
        return {"number": number} if isinstance(column.type, Document) else f"数{number}"

    return {column.name: value(column) for column in table.c}


@pytest.fixture(params=DIALECTS)
async def other(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "other").mkdir()
    with servers.fresh(request.param, tmp_path / "other") as database:
        async with open_archive(database.url) as archive:
            yield archive


async def test_from_any_database_into_any_other(filled: Archive, other: Archive, tmp_path: Path) -> None:
    rows = await transfer.backup(filled, tmp_path / "backup.gz")
    assert rows > 20
    assert await transfer.restore(other, tmp_path / "backup.gz") == rows
    assert decoded(await content(other)) == decoded(await content(filled))
    async with other.begin() as transaction:
        assert len(await tasks.take_tasks(transaction, [Seen(task(99))], NEW)) == 1


async def test_a_backup_is_one_moment_though_rows_come_meanwhile(filled: Archive, tmp_path: Path) -> None:
    before = await content(filled)
    begun = False

    async def write_more() -> None:
        async with filled.begin() as transaction:
            await tasks.take_tasks(transaction, [Seen(task(number)) for number in range(500, 520)], NEW)

    written: list[Any] = []

    def progress(table: str, rows: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            written.append(loop.create_task(write_more()))

    import asyncio

    loop = asyncio.get_running_loop()
    await transfer.backup(filled, tmp_path / "backup.gz", progress)
    await asyncio.gather(*written)
    assert written
    async with open_archive(f"sqlite:///{tmp_path}/copy.db") as copy:
        await transfer.restore(copy, tmp_path / "backup.gz")
        assert {name: len(rows) for name, rows in (await content(copy)).items()} == {
            name: len(rows) for name, rows in before.items()
        }


@pytest.mark.parametrize("harm", ["cut", "short", "other"])
async def test_what_is_not_whole_restores_nothing(filled: Archive, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "backup.gz"
    await transfer.backup(filled, path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    match harm:
        case "cut":
            path.write_bytes(path.read_bytes()[:-40])
        case "short":
            path.write_bytes(gzip.compress(b"".join(lines[:-1])))
        case "other":
            path.write_bytes(b"something else")
    async with open_archive(f"sqlite:///{tmp_path}/copy.db") as copy:
        with pytest.raises(BrokenBackup):
            await transfer.restore(copy, path)
        await copy.upgrade()
        assert {name for name, rows in (await content(copy)).items() if rows} == {schema.VERSION_TABLE}


async def test_a_database_with_rows_is_left_alone(filled: Archive, tmp_path: Path) -> None:
    await transfer.backup(filled, tmp_path / "backup.gz")
    before = await content(filled)
    with pytest.raises(NotEmpty):
        await transfer.restore(filled, tmp_path / "backup.gz")
    assert await content(filled) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_backup_of_a_newer_release_is_refused(filled: Archive, tmp_path: Path) -> None:
    path = tmp_path / "backup.gz"
    await transfer.backup(filled, path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(schema.newest().encode(), b"9999", 1)))
    async with open_archive(f"sqlite:///{tmp_path}/copy.db") as copy:
        with pytest.raises(ArchiveTooNew):
            await transfer.restore(copy, path)


def test_the_command_upgrades_checks_backs_up_restores_and_prunes(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, copy = str(tmp_path / "backup.gz"), f"sqlite:///{tmp_path}/copy.db"
    assert cli.main(["check", "--url", database.url]) == 1
    assert "ArchiveTooOld" in capsys.readouterr().err
    for words in (["upgrade"], ["check"], ["backup", file], ["prune", "--days", "9"]):
        assert cli.main([*words, "--url", database.url]) == 0, words
    assert cli.main(["restore", file, "--url", copy]) == 0
    assert ":tests@" not in capsys.readouterr().out, "a password"
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert connection.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchone() == (schema.newest(),)
    connection.close()


class TestNativeTools:
    """The databases' own tools do as the guide says."""

    async def test_native_copies_restore(
        self, filled: Archive, database: Database, servers: Servers, tmp_path: Path
    ) -> None:
        before = await content(filled)
        if database.server is None:
            copy = tmp_path / "copy.db"
            async with filled.read() as connection:
                await connection.execute(text(f"VACUUM INTO '{copy}'"))
            url = f"sqlite:///{copy}"
        else:
            url = servers.copy(database)
        async with open_archive(url) as copied:
            await copied.check()
            assert await content(copied) == before
