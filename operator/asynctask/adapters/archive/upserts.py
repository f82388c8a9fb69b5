"""Insert or update in one statement, in each dialect's words."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Insert, Table, func
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Row = dict[str, Any]
ROWS_AT_ONCE = 200


async def upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], *, newer: str = "", keep: Sequence[str] = ()
) -> None:
    """Insert rows, or update those that are there by primary key. All rows have the same columns.

    With `newer`, a column of whole numbers, a row that is there only gives way to one whose number is not lower: so a
    late writer undoes nothing. Columns in `keep` stay as they were first inserted.
    """
    if not rows:
        return
    changed = [name for name in rows[0] if name not in keep and not table.c[name].primary_key]
    statement = _statement(connection.dialect.name, table, changed, newer)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        await connection.execute(statement, list(rows[start : start + ROWS_AT_ONCE]))


async def insert_new(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; those whose primary key is there already are left as they are."""
    if not rows:
        return
    name = connection.dialect.name
    keys = [column.name for column in table.primary_key]
    statement: Insert
    if name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing(index_elements=keys)
    elif name == "sqlite":
        statement = sqlite.insert(table).on_conflict_do_nothing(index_elements=keys)
    else:  # INSERT IGNORE would hide other mistakes too
        statement = mysql.insert(table).on_duplicate_key_update({keys[0]: table.c[keys[0]]})
    for start in range(0, len(rows), ROWS_AT_ONCE):
        await connection.execute(statement, list(rows[start : start + ROWS_AT_ONCE]))


def _statement(dialect: str, table: Table, changed: Sequence[str], newer: str) -> Insert:
    keys = [column.name for column in table.primary_key]
    if dialect == "mysql" or dialect == "mariadb":
        insert = mysql.insert(table)
        given = insert.inserted
        if not newer:
            return insert.on_duplicate_key_update([(name, given[name]) for name in changed])
        # assignments take effect one after the other, so the column that is compared comes last
        ordered = [name for name in changed if name != newer] + [newer]
        wins = given[newer] >= table.c[newer]
        return insert.on_duplicate_key_update([(name, func.if_(wins, given[name], table.c[name])) for name in ordered])
    into = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return into.on_conflict_do_update(
        index_elements=keys,
        set_={name: into.excluded[name] for name in changed},
        where=into.excluded[newer] >= table.c[newer] if newer else None,
    )
