"""From what happened to whom it is told: rules and people looked up, outbox and inboxes filled, in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asynctask.adapters.archive import Archive, Transaction, inbox, messages, notifyrules, outbox
from asynctask.adapters.archive.notifyrules import StoredRule
from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.notify.config import Config, known
from asynctask.core.notifications import people
from asynctask.core.notifications.events import ENDS, Event, Kind, topic, turned
from asynctask.core.notifications.people import INBOX, Directory, Person, Target
from asynctask.core.notifications.rules import BUILT_IN, Rule, of_event

EVENTS_AT_ONCE = 200
MaySee = Callable[[StoredRule, str], Awaitable[bool]]
"""Whether the owner of a subscription may see the tasks of a namespace. May raise: then it is told later."""
_STALE = frozenset({Kind.SCHEDULE_STALE, Kind.MISS_PREDICTED})


@dataclass(frozen=True, slots=True)
class Told:
    """What a round did."""

    events: int = 0
    messages: int = 0
    users: frozenset[str] = frozenset()
    """Whose inbox got something."""
    kinds: tuple[Kind, ...] = ()


class Teller:
    """Applies the rules."""

    def __init__(self, archive: Archive, may_see: MaySee) -> None:
        self._archive = archive
        self._may_see = may_see

    async def tell(self, config: Config, now: datetime) -> Told:
        """Tell what is due, some at a time. Doing it again after a crash tells nobody twice."""
        async with self._archive.read() as connection:
            if not await outbox.due_events(connection, now, 1):
                return Told()
        async with self._archive.begin() as transaction:
            return await self._tell(transaction, config, now)

    async def _tell(self, transaction: Transaction, config: Config, now: datetime) -> Told:
        events = await outbox.due_events(transaction, now, EVENTS_AT_ONCE)
        begun = await notifyrules.begun(transaction, now)
        # the cluster's times are whole seconds
        since = max(begun - timedelta(seconds=1), now - timedelta(hours=config.news_age_hours))
        worth = [event for event in events if max(event.time, event.due or event.time) >= since]
        asked = {event.subject for event in worth if topic(event.kind) == "reviews"}
        over = await outbox.over(transaction, asked)
        worth = await self._turns(transaction, [event for event in worth if event.subject not in over])
        rules = await notifyrules.all_rules(transaction)
        chosen = [(event, await self._rules(event, rules, config)) for event in worth]
        named = {
            user
            for event, found in chosen
            for _, rule in (*found, *of_event(event))
            for user in people.users((*rule.to, *config.administrators), event, config.groups)
        }
        directory = _directory(config, await notifyrules.people(transaction, named))
        told: list[tuple[Event, Sequence[Target]]] = [
            (event, people.targets(event, found, directory)) for event, found in chosen
        ]
        entries = [(each.address, event) for event, targets in told for each in targets if each.channel == INBOX]
        await inbox.deliver(transaction, entries, now)
        letters = [(event, [each for each in targets if each.channel != INBOX]) for event, targets in told]
        new = await messages.address(transaction, letters, now)
        await outbox.mark_events(transaction, [event.id for event in events], outbox.TOLD)
        return Told(len(events), new, frozenset(user for user, _ in entries), tuple(event.headline for event in worth))

    async def _turns(self, transaction: Transaction, events: Sequence[Event]) -> list[Event]:
        """First failures and recoveries; schedules that are fresh without having been stale are no news."""
        stand = await messages.series(transaction, (event.series for event in events if event.series))
        moved: dict[str, tuple[Kind, int]] = {}
        kept = []
        for event in sorted(events, key=lambda event: event.time):
            before, at = stand.get(event.series, (None, 0))
            counts = event.series and micros(event.time) >= at
            if event.kind in ENDS and event.kind is not Kind.CANCELLED and counts:
                if turn := turned(event.kind, before):
                    event = replace(event, turn=turn)
                    await outbox.keep(transaction, event)
                moved[event.series] = stand[event.series] = (event.kind, micros(event.time))
            elif event.kind in _STALE or event.kind is Kind.SCHEDULE_FRESH:
                if counts:
                    moved[event.series] = stand[event.series] = (event.kind, micros(event.time))
                if event.kind is Kind.SCHEDULE_FRESH and before not in _STALE:
                    continue
            kept.append(event)
        await messages.keep_series(transaction, moved)
        return kept

    async def _rules(self, event: Event, rules: Sequence[StoredRule], config: Config) -> list[tuple[str, Rule]]:
        found = [(f"built-in/{name}", rule) for name, rule in BUILT_IN.items()] if config.built_in_rules else []
        for stored in rules:
            if stored.namespace in {"", event.namespace} and stored.rule.enabled and stored.rule.match.fits(event):
                if stored.owner and not await self._may_see(stored, event.namespace):
                    continue
                found.append((stored.label, stored.rule))
        return found


def _directory(config: Config, known_people: Mapping[str, Mapping[str, Any]]) -> Directory:
    domains = None if config.mail_domains is None else frozenset(domain.lower() for domain in config.mail_domains)
    return Directory(
        channels={channel.name: known(channel) for channel in config.channels},
        people={name: person(name, document, domains) for name, document in known_people.items()},
        administrators=config.administrators,
        groups=config.groups,
        language=config.language,
        time_zone=config.time_zone,
        mail_domains=domains,
    )


def person(name: str, document: Mapping[str, Any], domains: frozenset[str] | None) -> Person:
    """How a user is reached: as he wishes, else by the address that his sign-in told."""
    mail = str(document.get("mail") or "")
    if domains is not None and mail.rpartition("@")[2].lower() not in domains:
        mail = ""
    return Person(
        user=name,
        mail=mail or str(document.get("claimedMail") or ""),
        phone=str(document.get("phone") or ""),
        language=str(document.get("language") or ""),
        time_zone=str(document.get("timeZone") or ""),
        muted=frozenset(document.get("muted") or ()),
    )
