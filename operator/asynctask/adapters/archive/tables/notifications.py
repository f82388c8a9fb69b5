"""What happened, whom it is told, and whether it was: events, messages on their way (the outbox), inboxes, rules."""

from sqlalchemy import Column, Index, Integer, SmallInteger, String

from asynctask.adapters.archive.tables.columns import Document, Moment, Uid, table, words

notification_events = table(
    "notification_events",  # written with the archive's own change; to whom they go is decided later
    Column("event_id", String(160), primary_key=True),  # made from the facts: seen twice is one
    Column("state", SmallInteger, nullable=False),  # 0 waits, 1 told, 2 no longer worth telling
    Column("due_time", Moment, nullable=False),
    Column("event_time", Moment, nullable=False),
    Column("document", Document, nullable=False),
    Index("notification_events_by_due", "state", "due_time", "event_id"),
    Index("notification_events_by_time", "event_time", "event_id"),
)

notification_series = table(
    "notification_series",  # how a schedule's or task's newest run ended: first failure, recovered
    Column("series", String(80), primary_key=True),
    words("kind", 32),
    Column("event_time", Moment, nullable=False),
    Index("notification_series_by_time", "event_time", "series"),
)

notification_messages = table(
    "notification_messages",  # the outbox: a message to one recipient by one channel
    Column("message_id", Uid, primary_key=True),
    words("channel", 63),
    words("address", 330),
    words("language", 8),
    words("time_zone", 64),
    words("topic", 16),
    words("rule", 80),
    words("state", 16),  # pending, sending, sent, dead
    Column("is_open", SmallInteger, nullable=False),  # 1 while more events may join it
    Column("event_count", Integer, nullable=False),
    Column("max_per_hour", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_time", Moment, nullable=False),
    Column("queued_time", Moment, nullable=False),  # what its age is counted from
    Column("next_time", Moment, nullable=False),  # pending: not before; sending: taken back after
    Column("ended_time", Moment),  # sent or dead
    words("error_class", 16),
    words("error", 512),
    Index("notification_messages_by_turn", "state", "channel", "next_time", "message_id"),
    Index("notification_messages_by_recipient", "channel", "address", "is_open"),
    Index("notification_messages_by_time", "state", "created_time", "message_id"),
    Index("notification_messages_by_end", "ended_time"),
)

notification_items = table(
    "notification_items",  # which events a message tells: each goes to a recipient once
    Column("event_id", String(160), primary_key=True),
    Column("recipient", String(64), primary_key=True),  # digest of channel and address
    Column("message_id", Uid, nullable=False),
    Index("notification_items_by_message", "message_id", "event_id"),
)

notification_inbox = table(
    "notification_inbox",
    Column("entry_id", Uid, primary_key=True),  # made from user and event
    words("recipient", 256),
    Column("entry_time", Moment, nullable=False),
    Column("is_read", SmallInteger, nullable=False),
    Column("document", Document, nullable=False),  # the event: it is worded when it is read, in the reader's language
    Index("notification_inbox_by_time", "recipient", "entry_time", "entry_id"),
    Index("notification_inbox_unread", "recipient", "is_read", "entry_time", "entry_id"),
    Index("notification_inbox_by_age", "entry_time"),
)

notification_rules = table(
    "notification_rules",  # of administrators (no owner) and users' subscriptions
    Column("rule_id", Uid, primary_key=True),
    words("owner", 256),
    words("namespace", 63),  # only events of this namespace; empty: of all
    words("name", 128),
    Column("version", Integer, nullable=False),
    Column("document", Document, nullable=False),
    Column("identity", Document, nullable=False),
    words("changed_by", 256),
    Column("created_time", Moment, nullable=False),
    Column("changed_time", Moment, nullable=False),
    Index("notification_rules_by_owner", "owner", "rule_id"),
)

notification_people = table(
    "notification_people",  # how users want to be reached, and what their sign-in said
    Column("person", String(256), primary_key=True),
    Column("document", Document, nullable=False),
    Column("changed_time", Moment, nullable=False),
)

notification_state = table(
    "notification_state",  # since when there are notifications; how channels fare
    Column("name", String(80), primary_key=True),
    Column("document", Document, nullable=False),
    Column("changed_time", Moment, nullable=False),
)

__all__ = [
    "notification_events",
    "notification_inbox",
    "notification_items",
    "notification_messages",
    "notification_people",
    "notification_rules",
    "notification_series",
    "notification_state",
]
