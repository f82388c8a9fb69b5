"""What these operations take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from asynctask.api.notification import MAIL, PHONE, Recipient
from asynctask.core.notifications.events import Kind
from asynctask.core.notifications.rules import ChannelName, Language, Rule, Wish
from asynctask.gateway.front.models import Camel, Namespace

Identifier = Annotated[str, Field(min_length=36, max_length=36, pattern=r"^[0-9a-f-]{36}$")]
Title = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^\S([^\r\n]*\S)?$")]


class Paged(Camel):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Entries a page."""
    cursor: Annotated[str, Field(max_length=200)] = ""
    """Of the page before: `nextCursor`."""


class InboxQuery(Paged):
    """Which entries of the caller's inbox."""

    unread: bool = False
    """Only those that are unread."""


class InboxEntry(Camel):
    """One notification."""

    id: str
    time: datetime
    """When it came."""
    is_read: bool
    kind: Kind
    """What happened; `FirstFailure` and `Recovered` in place of how it ended, where it is one."""
    title: str
    """In a line, in the language of the request."""
    text: str
    """In a sentence or two."""
    namespace: str
    name: str
    """The task's, or the schedule's."""
    task_id: str | None = None
    task_type: str | None = None
    priority: int | None = None
    schedule: str | None = None
    params: dict[str, Any]
    """What the texts are made of."""


class Inbox(Camel):
    """A page of the inbox, newest first."""

    items: list[InboxEntry]
    next_cursor: str | None = None


class Unread(Camel):
    """How many are unread."""

    unread: int
    is_more: bool
    """Whether there are more than that: they are not counted further."""


class Marking(Camel):
    """Which entries to mark."""

    ids: Annotated[tuple[Identifier, ...], Field(max_length=500)] = ()
    """These;"""
    until: datetime | None = None
    """or all that came until then."""
    is_read: bool = True
    """As read, or (with `ids`) as unread again."""


class Changed(Camel):
    """How many changed."""

    changed: int


class Contact(Camel):
    """How the caller wants to be reached. The inbox is always there."""

    mail: Annotated[str, Field(max_length=320, pattern=f"^({MAIL})?$")] = ""
    """Mail address. Empty: the one that the sign-in tells, if it does."""
    phone: Annotated[str, Field(max_length=21, pattern=f"^({PHONE})?$")] = ""
    """Telephone number, for SMS."""
    language: Language | None = None
    """Language of messages."""
    time_zone: Annotated[str, Field(max_length=64)] = ""
    """IANA time zone of the times in messages."""
    muted: Annotated[tuple[ChannelName, ...], Field(max_length=50)] = ()
    """Channels by which not to be reached."""


class KnownContact(Contact):
    """The same, and what is known otherwise."""

    sign_in_mail: str | None = None
    """The address that the sign-in told: mail goes there while `mail` is empty."""


class NewSubscription(Camel):
    """What the caller wants to be told of, in the inbox and by mail."""

    name: Title
    namespace: Namespace | None = None
    """Only of this namespace; absent: of all in which the caller may see tasks."""
    rule: Wish = Wish()


class NewRule(Camel):
    """An administrators' rule."""

    name: Title
    namespace: Namespace | None = None
    """Only of this namespace; absent: of all."""
    rule: Rule


class Kept(Camel):
    """What rules and subscriptions have in common."""

    id: str
    name: str
    namespace: str | None = None
    version: str
    """Give it as `If-Match` when you change it."""
    create_time: datetime
    change_time: datetime
    changed_by: str


class KeptSubscription(Kept):
    """A subscription."""

    rule: Wish


class KeptRule(Kept):
    """A rule."""

    rule: Rule


class Subscriptions(Camel):
    """All of the caller's."""

    items: list[KeptSubscription]


class Rules(Camel):
    """All that the caller may see."""

    items: list[KeptRule]


class ChannelState(Camel):
    """A channel. Its settings and secrets are not shown."""

    name: str
    kind: str
    by_default: bool
    """Whether people are reached by it when a rule names no channels."""
    breaker: str | None = None
    """`closed`: it works. `open`: it fails and is left in peace. `half-open`: it is being tried. For administrators."""
    last_error: str | None = None
    last_sent_time: datetime | None = None


class Channels(Camel):
    """The channels of the file that is in force."""

    items: list[ChannelState]


class Test(Camel):
    """Where a test goes."""

    to: Recipient | None = None
    """`mail:ADDRESS` or `sms:NUMBER`; absent for channels with but one recipient."""


class DeliveryQuery(Paged):
    """Which messages."""

    state: Literal["pending", "sending", "sent", "dead"] = "dead"


class Delivery(Camel):
    """A message in the outbox."""

    id: str
    """Bound to the message: receivers see it as `Idempotency-Key`, mails as `Message-ID`."""
    channel: str
    recipient: str
    state: str
    events: int
    """How many it tells of."""
    attempts: int
    create_time: datetime
    next_time: datetime | None = None
    end_time: datetime | None = None
    error_class: str | None = None
    error: str | None = None
    titles: list[str] | None = None
    """What it tells of, the first of them; of one message alone."""


class Deliveries(Camel):
    """A page of messages, newest first."""

    items: list[Delivery]
    next_cursor: str | None = None


class Redelivery(Camel):
    """Which dead messages to send again."""

    ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=200)]
