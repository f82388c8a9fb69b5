"""From a rule's recipients to addresses: whom an event reaches, once each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from asynctask.core.notifications import rules as rulebook
from asynctask.core.notifications.events import Event
from asynctask.core.notifications.rules import Rule

INBOX = "inbox"
UNLIMITED = 1_000_000
"""Messages an hour to programs: what can't be told together would only come late. The channel has its own limit."""
ChannelKind = Literal["smtp", "webhook", "sms", "apprise"]


@dataclass(frozen=True, slots=True)
class Channel:
    """What the rules know of a channel."""

    name: str
    kind: ChannelKind
    by_default: bool = False
    """Whether people are reached by it when a rule names none."""

    @property
    def groups(self) -> bool:
        """Whether several events may go in one message: not to programs, which want each for itself."""
        return self.kind != "webhook"


@dataclass(frozen=True, slots=True)
class Person:
    """How a user is reached."""

    user: str
    mail: str = ""
    phone: str = ""
    language: str = ""
    time_zone: str = ""
    muted: frozenset[str] = frozenset()
    """Channels that the user does not want."""


@dataclass(frozen=True, slots=True)
class Directory:
    """All that recipients are looked up in."""

    channels: Mapping[str, Channel]
    people: Mapping[str, Person]
    administrators: tuple[str, ...] = ()
    """`user:NAME`, `mail:ADDRESS`, `sms:NUMBER` or `channel:NAME`."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Whom to tell where an approval names a group: in the same forms."""
    language: str = "en"
    time_zone: str = "UTC"
    mail_domains: frozenset[str] | None = None
    """Domains that tasks, subscriptions and rules of one namespace may write to; None: any."""


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient through one channel."""

    channel: str
    address: str
    """Mail address, number or user; empty: the channel has but one recipient."""
    language: str
    time_zone: str
    group_seconds: int
    max_per_hour: int
    rule: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same recipient."""
        return self.channel, self.address


def targets(event: Event, rules: Iterable[tuple[str, Rule]], directory: Directory) -> tuple[Target, ...]:
    """All that the event goes to. A recipient named by several rules is told once, by the first of them."""
    found: dict[tuple[str, str], Target] = {}
    chosen = [(name, rule) for name, rule in rules if rule.enabled and rule.match.fits(event)]
    for name, rule in (*chosen, *rulebook.of_event(event)):
        for recipient in rule.to:
            for target in _reach(event, name, rule, recipient, directory):
                found.setdefault(target.key, target)
    return tuple(found.values())


def users(recipients: Iterable[str], event: Event, groups: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The users among a rule's recipients, so that only those need be looked up."""
    recipients = (*recipients, *(_reviewers(event, groups) if "reviewers" in recipients else ()))
    named = {r.removeprefix("user:") for r in recipients if r.startswith("user:")}
    if "initiator" in recipients and event.initiator:
        named.add(event.initiator)
    return frozenset(named)


def _reach(event: Event, name: str, rule: Rule, recipient: str, directory: Directory) -> Iterable[Target]:
    kind, _, value = recipient.partition(":")
    if kind == "administrators":
        for each in directory.administrators:
            yield from _named(name, rule, each, directory)
    elif kind == "reviewers":  # where nobody is known, those who look after it all know whom to ask
        for each in _reviewers(event, directory.groups) or directory.administrators:
            yield from _named(name, rule, each, directory)
    elif kind == "initiator":
        yield from _user(event.initiator, name, rule, directory) if event.initiator else ()
    elif kind != "mail" or _may_write_to(value, name, recipient, directory):
        yield from _named(name, rule, recipient, directory)


def _named(name: str, rule: Rule, recipient: str, directory: Directory) -> Iterable[Target]:
    kind, _, value = recipient.partition(":")
    match kind:
        case "user":
            yield from _user(value, name, rule, directory)
        case "mail":
            yield from _addressed("smtp", value, name, rule, directory)
        case "sms":
            yield from _addressed("sms", value, name, rule, directory)
        case "channel" if value in directory.channels:
            yield _target(value, "", name, rule, directory)


def _user(user: str, name: str, rule: Rule, directory: Directory) -> Iterable[Target]:
    person = directory.people.get(user, Person(user))
    yield _target(INBOX, user, name, rule, directory, person)
    for channel in directory.channels.values():
        wanted = channel.name in rule.channels if rule.channels else channel.by_default
        address = {"smtp": person.mail, "sms": person.phone}.get(channel.kind, "")
        if wanted and address and channel.name not in person.muted:
            yield _target(channel.name, address, name, rule, directory, person)


def _addressed(kind: str, address: str, name: str, rule: Rule, directory: Directory) -> Iterable[Target]:
    """An address goes through the first channel of its kind that the rule allows: once is enough."""
    for channel in directory.channels.values():
        if channel.kind == kind and (not rule.channels or channel.name in rule.channels):
            yield _target(channel.name, address, name, rule, directory)
            return


def _target(
    channel: str, address: str, name: str, rule: Rule, directory: Directory, person: Person | None = None
) -> Target:
    groups = channel in directory.channels and directory.channels[channel].groups
    return Target(
        channel=channel,
        address=address,
        language=rule.language or (person.language if person else "") or directory.language,
        time_zone=(person.time_zone if person else "") or directory.time_zone,
        group_seconds=rule.group_seconds if groups else 0,
        max_per_hour=rule.max_per_hour if groups else UNLIMITED,
        rule=name,
    )


def _reviewers(event: Event, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Whom an approval asks: the users by name, and of its groups those who are to be told for them."""
    asked = [f"user:{user}" for user in event.params.get("approvers") or ()]
    for group in event.params.get("approverGroups") or ():
        asked += groups.get(group, ())
    return tuple(dict.fromkeys(asked))


def _may_write_to(address: str, name: str, recipient: str, directory: Directory) -> bool:
    """Rules for all namespaces write to any address; those of less power only to the domains that are allowed."""
    if directory.mail_domains is None or not name.startswith(("task/", "subscription/", "namespace/")):
        return True
    return recipient in directory.administrators or address.rpartition("@")[2].lower() in directory.mail_domains
