"""Back-up and restore, in a form that all three databases share: what SQLite wrote, PostgreSQL reads.

A back-up is a gzip file of JSON lines: a header, then for each table a line with its columns and one for each row, then
a last line that says it is complete. It is a snapshot of one moment, taken while the gateway works.
"""

import gzip
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Column, MetaData, Table, func, insert, select, text

from asynctask.adapters.archive import schema
from asynctask.adapters.archive.engine import Archive, Transaction
from asynctask.adapters.archive.errors import ArchiveError, ArchiveTooNew, translated
from asynctask.adapters.archive.tables import METADATA
from asynctask.adapters.archive.tables.columns import Blob

FORMAT = 1
ROWS_AT_ONCE = 500
FETCH = 1000
Progress = Callable[[str, int], None]


class NotEmpty(ArchiveError):
    """The database that a back-up should go into holds rows already."""

    code = "ArchiveNotEmpty"


class BrokenBackup(ArchiveError):
    """The file is no back-up, or not a whole one."""

    code = "BrokenBackup"


async def backup(archive: Archive, path: Path, progress: Progress = lambda _, __: None) -> int:
    """Write a back-up; how many rows it holds. The file appears under its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    total = 0
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # it holds what the database holds
    with gzip.open(part, "wb", compresslevel=6) as file:
        async with _snapshot(archive) as connection:
            tables = await _tables(connection)
            header = {"format": FORMAT, "schema": await schema.version(connection), "product": "asynctask"}
            _write(file, header)
            for table in tables:
                _write(file, {"table": table.name, "columns": [column.name for column in table.c]})
                rows = 0
                async for row in _all_of(connection, table):
                    _write(file, row)
                    rows += 1
                progress(table.name, rows)
                total += rows
            _write(file, {"rows": total})
    part.replace(path)
    return total


async def restore(archive: Archive, path: Path, progress: Progress = lambda _, __: None) -> int:
    """Read a back-up into an empty database, then bring its tables to this release; how many rows.

    All or nothing. Raises NotEmpty, BrokenBackup, ArchiveTooNew.
    """
    with _opened(path) as file:
        lines = _lines(file)
        header: Any = next(lines, {})
        if not isinstance(header, dict) or header.get("product") != "asynctask" or header.get("format") != FORMAT:
            raise BrokenBackup(f"{path} is no back-up that this release can read")
        version = str(header["schema"])
        if version not in schema.versions():
            raise ArchiveTooNew(f"the back-up is of version {version}; this release knows up to {schema.newest()}")
        await _prepare(archive, version)
        try:
            async with archive.engine.begin() as connection:
                total = await _read(connection, lines, progress)
        except Exception as error:
            raise translated(error) or error from error
    await archive.upgrade()
    return total


async def _prepare(archive: Archive, version: str) -> None:
    async with archive.engine.connect() as connection:
        found = await schema.version(connection)
        for table in await _tables(connection) if found else ():
            if (
                await connection.execute(select(func.count()).select_from(table.select().limit(1).subquery()))
            ).scalar():
                raise NotEmpty(f"the table {table.name} holds rows; restore into an empty database")
        if found and found != version:
            raise NotEmpty(f"the database has tables of version {found}, the back-up {version}: give an empty database")
    await schema.upgrade(archive.engine, archive.dialect, version)


async def _read(connection: Transaction, lines: Iterator[Any], progress: Progress) -> int:
    tables = {table.name: table for table in await _tables(connection)}
    table: Table | None = None
    names: list[str] = []
    blobs: list[str] = []
    rows: list[dict[str, Any]] = []
    total = in_table = 0

    async def flush() -> None:
        if table is not None and rows:
            await connection.execute(insert(table), rows)
            rows.clear()

    for line in lines:
        if isinstance(line, list):
            rows.append(dict(zip(names, line, strict=True)))
            for name in blobs:
                rows[-1][name] = _as_stored(connection, rows[-1][name])
            total, in_table = total + 1, in_table + 1
            if len(rows) >= ROWS_AT_ONCE:
                await flush()
            continue
        await flush()
        if table is not None:
            progress(table.name, in_table)
        if "rows" in line:
            if line["rows"] != total:
                raise BrokenBackup(f"{total} rows where there should be {line['rows']}")
            if connection.dialect.name == "postgresql":
                await _count_on(connection, tables.values())
            return total
        table, names, in_table = tables[line["table"]], line["columns"], 0
        blobs = [name for name in names if _is_blob(table.c[name])]
    raise BrokenBackup("the back-up breaks off")


async def _count_on(connection: Transaction, tables: Any) -> None:
    """PostgreSQL's counters don't see rows that bring their numbers with them."""
    for table in tables:
        for column in table.primary_key:
            name = {"table": table.name, "column": column.name}
            sequence = text("SELECT pg_get_serial_sequence(:table, :column)")
            if counter := (await connection.execute(sequence, name)).scalar():
                newest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
                await connection.execute(select(func.setval(counter, newest, False)))


async def _tables(connection: Transaction) -> list[Table]:
    """The tables as the database has them, those first that others refer to."""
    found = MetaData()
    await connection.run_sync(found.reflect)
    return [table for table in found.sorted_tables if table.name != schema.VERSION_TABLE]


@asynccontextmanager
async def _snapshot(archive: Archive) -> AsyncIterator[Transaction]:
    """A transaction that sees one moment and holds nobody up."""
    if archive.dialect == "sqlite":
        async with archive.read(seconds=86_400) as connection:
            await connection.execute(text("BEGIN"))
            try:
                yield connection
            finally:
                await connection.execute(text("ROLLBACK"))
        return
    async with archive.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        yield connection


async def _all_of(connection: Transaction, table: Table) -> AsyncIterator[list[Any]]:
    query = select(table).order_by(*table.primary_key)
    blobs = [number for number, column in enumerate(table.c) if _is_blob(column)]
    async with connection.stream(query.execution_options(yield_per=FETCH)) as result:
        async for row in result:
            values = list(row)
            for number in blobs:
                values[number] = _as_text(values[number])
            yield values


def _is_blob(column: Column[Any]) -> bool:
    """Whether it holds bytes, which MySQL has as base64 already."""
    ours = METADATA.tables.get(column.table.name)
    return ours is not None and column.name in ours.c and isinstance(ours.c[column.name].type, Blob)


def _as_text(value: bytes | str | None) -> str | None:
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _as_stored(connection: Transaction, value: str | None) -> bytes | str | None:
    return value if value is None or connection.dialect.name == "mysql" else b64decode(value)


def _write(file: gzip.GzipFile, line: Any) -> None:
    file.write(orjson.dumps(line) + b"\n")


def _opened(path: Path) -> gzip.GzipFile:
    return gzip.open(path, "rb")


def _lines(file: gzip.GzipFile) -> Iterator[Any]:
    try:
        for line in file:
            yield orjson.loads(line)
    except (OSError, EOFError, orjson.JSONDecodeError) as error:
        raise BrokenBackup(f"the back-up can't be read: {error}") from error
