"""What migrations are made of. Each step can be done twice: MySQL keeps what was done before a step that broke off."""

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, inspect
from sqlalchemy.schema import SchemaItem

from asynctask.adapters.archive.tables.columns import OPTIONS


def make_table(name: str, *items: SchemaItem, indexes: dict[str, Sequence[str]] | None = None) -> None:
    """A table with its indexes, by name; all with the columns they are made of."""
    if not inspect(op.get_bind()).has_table(name):
        op.create_table(name, *items, **OPTIONS)
    for index, columns in (indexes or {}).items():
        make_index(index, name, columns)


def make_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """An index."""
    if name not in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, list(columns), **options)


def drop_index(name: str, table: str) -> None:
    """Take an index away."""
    if name in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(name, table_name=table)


def add_column(table: str, column: Column[Any]) -> None:
    """A column more. Where rows may be there already it is nullable or has a server default."""
    if column.name not in {known["name"] for known in inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)
