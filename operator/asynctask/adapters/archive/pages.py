"""Pages by keyset: the next begins after the last row seen, so it costs the same however deep it is."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, and_, or_

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Position:
    """Where a page begins or ends, in the order of lists: newest first, by (time, id)."""

    time: int
    """Microseconds since 1970, UTC."""
    id: str


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows of a list, newest first.

    With filters that find few among many a page may be short, or empty, and yet have a `next`: reading on from there
    goes on looking. The list has ended when `next` is None.
    """

    rows: tuple[T, ...]
    next: Position | None = None


def older(time: Column[Any], key: Column[Any], than: Position) -> ColumnElement[bool]:
    """Rows that come after a position in a list, newest first.

    Written out, since not every optimizer reads `(a, b) < (x, y)` as a range of an index; the first half is the range.
    """
    return and_(time <= than.time, or_(time < than.time, key < than.id))


def newer_or_at(time: Column[Any], key: Column[Any], than: Position) -> ColumnElement[bool]:
    """Rows that come at or before a position in a list, newest first."""
    return and_(time >= than.time, or_(time > than.time, key >= than.id))
