"""Rules and subscriptions, how people want to be reached, and what the notifier tells of itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, func, insert, select, update

from asynctask.adapters.archive.engine import Transaction
from asynctask.adapters.archive.tables.columns import micros, moment
from asynctask.adapters.archive.tables.notifications import (
    notification_people,
    notification_rules,
    notification_state,
)
from asynctask.adapters.archive.upserts import insert_new, upsert
from asynctask.core.notifications.rules import Rule

MAX_RULES = 2000
MAX_OF_OWNER = 50
"""Subscriptions of one user."""
_of = notification_rules.c


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule of the administrators (no owner), or a user's subscription."""

    rule_id: str
    owner: str
    namespace: str
    name: str
    version: int
    rule: Rule
    changed_by: str
    created: datetime
    changed: datetime
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Of a subscription: the owner's groups, to ask again whether he may see what he is told."""

    @property
    def label(self) -> str:
        """What messages remember it by."""
        kind = "subscription" if self.owner else "namespace" if self.namespace else "rule"
        return f"{kind}/{self.rule_id}"


async def all_rules(connection: Transaction, owner: str | None = None) -> tuple[StoredRule, ...]:
    """All rules, or those of an owner (empty: the administrators'). One that can't be read is left out."""
    query = select(notification_rules).order_by(_of.created_time, _of.rule_id).limit(MAX_RULES)
    if owner is not None:
        query = query.where(_of.owner == owner)
    return tuple(rule for row in await connection.execute(query) if (rule := _stored(row)) is not None)


async def find(connection: Transaction, rule_id: str) -> StoredRule | None:
    """One rule."""
    row = (await connection.execute(select(notification_rules).where(_of.rule_id == rule_id))).first()
    return _stored(row) if row else None


async def count(connection: Transaction, owner: str) -> int:
    """How many an owner has."""
    query = select(func.count()).select_from(notification_rules).where(_of.owner == owner)
    return int((await connection.execute(query)).scalar() or 0)


async def add(transaction: Transaction, rule: StoredRule) -> None:
    """A new one. Raises ArchiveConflict when its id is taken."""
    await transaction.execute(insert(notification_rules).values(_row(rule)))


async def replace(transaction: Transaction, rule: StoredRule, expected: int) -> bool:
    """Put it in place of the version that is expected; whether that one was there."""
    query = update(notification_rules).where(_of.rule_id == rule.rule_id, _of.version == expected)
    return bool((await transaction.execute(query.values(_row(rule)))).rowcount)


async def remove(transaction: Transaction, rule_id: str) -> bool:
    """Take it away; whether it was there."""
    return bool((await transaction.execute(delete(notification_rules).where(_of.rule_id == rule_id))).rowcount)


async def people(connection: Transaction, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is known of how these users are reached."""
    of, wanted = notification_people.c, sorted(set(names))
    if not wanted:
        return {}
    rows = await connection.execute(select(notification_people).where(of.person.in_(wanted)))
    return {row.person: row.document for row in rows}


async def keep_person(transaction: Transaction, name: str, document: Mapping[str, Any], now: datetime) -> None:
    """Keep what is known of a user."""
    row = {"person": name, "document": dict(document), "changed_time": micros(now)}
    await upsert(transaction, notification_people, [row])


async def begun(transaction: Transaction, now: datetime) -> datetime:
    """Since when there are notifications: what happened before is not told. The first to ask decides."""
    row = {"name": "begun", "document": {}, "changed_time": micros(now)}
    await insert_new(transaction, notification_state, [row])
    query = select(notification_state.c.changed_time).where(notification_state.c.name == "begun")
    return moment((await transaction.execute(query)).scalar_one())


async def keep_channels(transaction: Transaction, states: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """How channels fare, for whoever asks another gateway."""
    rows = [
        {"name": f"channel/{name}", "document": dict(document), "changed_time": micros(now)}
        for name, document in states.items()
    ]
    await upsert(transaction, notification_state, rows)


async def channels(connection: Transaction) -> dict[str, dict[str, Any]]:
    """How channels fared when it was last written."""
    of = notification_state.c
    rows = await connection.execute(select(notification_state).where(of.name.like("channel/%")))
    return {row.name.removeprefix("channel/"): row.document for row in rows}


def _row(rule: StoredRule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "owner": rule.owner,
        "namespace": rule.namespace,
        "name": rule.name,
        "version": rule.version,
        "document": rule.rule.model_dump(mode="json", exclude_defaults=True),
        "identity": dict(rule.identity),
        "changed_by": rule.changed_by,
        "created_time": micros(rule.created),
        "changed_time": micros(rule.changed),
    }


def _stored(row: Any) -> StoredRule | None:
    try:
        rule = Rule.model_validate(row.document)
    except ValidationError:  # of a later release
        return None
    return StoredRule(
        row.rule_id,
        row.owner,
        row.namespace,
        row.name,
        row.version,
        rule,
        row.changed_by,
        moment(row.created_time),
        moment(row.changed_time),
        row.identity,
    )
