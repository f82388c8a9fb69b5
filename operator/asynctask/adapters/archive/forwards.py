"""Rows that never go backwards: what is older by resourceVersion than what is there is passed over. So whatever is
written may be written again, in any order, by anybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, select

from asynctask.adapters.archive.engine import Transaction

AT_ONCE = 200
"""Objects that are taken in with one round of statements."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An AsyncTask or Stage as it was seen last."""

    body: Mapping[str, Any]
    gone_time: int | None = None
    """When it left the cluster; None while it is there."""


async def known(
    transaction: Transaction, table: Table, columns: Sequence[Column[Any]], ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Rows that are there, by id, held until the end of the transaction, so that two writers see each other's."""
    key = next(iter(table.primary_key))
    query = select(*columns).where(key.in_(sorted(set(ids)))).order_by(key)
    if transaction.dialect.name != "sqlite":
        query = query.with_for_update()
    return {row._mapping[key.name]: dict(row._mapping) for row in await transaction.execute(query)}


def is_news(old: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    """Whether a row says more than the one that is there."""
    if old is None or row["resource_version"] > old["resource_version"]:
        return True
    return bool(row["resource_version"] == old["resource_version"] and row["is_gone"] and not old["is_gone"])
