"""Column types that mean the same on all three databases, and the one MetaData.

Times are whole microseconds since 1970 in UTC, so that all sort alike and none knows a zone. JSON is text. Texts are
cut to their column's length and freed of what PostgreSQL can't hold (NUL): nothing that users write stops the archive.
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Dialect, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

METADATA = MetaData()
OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Of every table, in migrations too: names are compared exactly, whatever the server's defaults."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Moment = BigInteger
"""Microseconds since 1970, UTC."""
Number = BigInteger().with_variant(Integer, "sqlite")
"""A whole number; as a primary key it counts up by itself."""
_LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


class Words(TypeDecorator[str]):
    """Text of a given length at most; what is longer is cut."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Cut and clean."""
        return None if value is None else clean(value)[: self.length]

    def process_literal_param(self, value: str | None, dialect: Dialect) -> str:
        """The same, for a statement shown with its values."""
        return self.process_bind_param(value, dialect) or ""


class LongWords(TypeDecorator[str]):
    """Text of up to 16 MB."""

    impl = _LONG
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean."""
        return None if value is None else clean(value)


class Document(TypeDecorator[Any]):
    """JSON of up to 16 MB."""

    impl = _LONG
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """As text."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """As it was."""
        return None if value is None else orjson.loads(value)


class Blob(TypeDecorator[bytes]):
    """Up to 12 MB of bytes. MySQL has them as base64: its driver can't send bytes (aiomysql with a PyMySQL of now)."""

    impl = LargeBinary().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        """As the driver takes it."""
        return b64encode(value).decode() if value is not None and _is_mysql(dialect) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """As it was."""
        return b64decode(value) if value is not None and _is_mysql(dialect) else value


Uid = String(36)


def table(
    name: str,
    *items: SchemaItem,
    aged: tuple[str, str] | None = None,
    with_task: bool = True,
    part_of: tuple[str, str] | None = None,
) -> Table:
    """A table of the archive.

    `aged` has retention delete its rows by age: under which rule of `retention`, and the column that says how old they
    are, which needs an index. Rows of a table with a column `task_id` go with their task, unless `with_task` is false.
    `part_of` names a table with a column `task_id`, and the column by which this one's rows belong to its.
    """
    info = {"aged": aged, "with_task": with_task, "part_of": part_of}
    return Table(name, METADATA, *items, info=info, **OPTIONS)


def words(name: str, length: int, default: str | None = "") -> Column[str]:
    """A column of text that is never null."""
    return Column(name, Words(length), nullable=False, server_default=default)


def clean(value: str) -> str:
    """Without what not every database can hold."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _is_mysql(dialect: Dialect) -> bool:
    return dialect.name in {"mysql", "mariadb"}


def micros(time: datetime) -> int:
    """A time as it is stored."""
    return (time - EPOCH) // timedelta(microseconds=1)


def moment(stored: int) -> datetime:
    """A time from what is stored."""
    return EPOCH + timedelta(microseconds=stored)
