"""Events, messages on their way, inboxes, rules."""

from sqlalchemy import Column, Integer, SmallInteger, String

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Document, Moment, Uid, words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    make_table(
        "notification_events",
        Column("event_id", String(160), primary_key=True),
        Column("state", SmallInteger, nullable=False),
        Column("due_time", Moment, nullable=False),
        Column("event_time", Moment, nullable=False),
        Column("document", Document, nullable=False),
        indexes={
            "notification_events_by_due": ("state", "due_time", "event_id"),
            "notification_events_by_time": ("event_time", "event_id"),
        },
    )
    make_table(
        "notification_series",
        Column("series", String(80), primary_key=True),
        words("kind", 32),
        Column("event_time", Moment, nullable=False),
        indexes={
            "notification_series_by_time": ("event_time", "series"),
        },
    )
    make_table(
        "notification_messages",
        Column("message_id", Uid, primary_key=True),
        words("channel", 63),
        words("address", 330),
        words("language", 8),
        words("time_zone", 64),
        words("topic", 16),
        words("rule", 80),
        words("state", 16),
        Column("is_open", SmallInteger, nullable=False),
        Column("event_count", Integer, nullable=False),
        Column("max_per_hour", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created_time", Moment, nullable=False),
        Column("queued_time", Moment, nullable=False),
        Column("next_time", Moment, nullable=False),
        Column("ended_time", Moment),
        words("error_class", 16),
        words("error", 512),
        indexes={
            "notification_messages_by_turn": ("state", "channel", "next_time", "message_id"),
            "notification_messages_by_recipient": ("channel", "address", "is_open"),
            "notification_messages_by_time": ("state", "created_time", "message_id"),
            "notification_messages_by_end": ("ended_time",),
        },
    )
    make_table(
        "notification_items",
        Column("event_id", String(160), primary_key=True),
        Column("recipient", String(64), primary_key=True),
        Column("message_id", Uid, nullable=False),
        indexes={
            "notification_items_by_message": ("message_id", "event_id"),
        },
    )
    make_table(
        "notification_inbox",
        Column("entry_id", Uid, primary_key=True),
        words("recipient", 256),
        Column("entry_time", Moment, nullable=False),
        Column("is_read", SmallInteger, nullable=False),
        Column("document", Document, nullable=False),
        indexes={
            "notification_inbox_by_time": ("recipient", "entry_time", "entry_id"),
            "notification_inbox_unread": ("recipient", "is_read", "entry_time", "entry_id"),
            "notification_inbox_by_age": ("entry_time",),
        },
    )
    make_table(
        "notification_rules",
        Column("rule_id", Uid, primary_key=True),
        words("owner", 256),
        words("namespace", 63),
        words("name", 128),
        Column("version", Integer, nullable=False),
        Column("document", Document, nullable=False),
        Column("identity", Document, nullable=False),
        words("changed_by", 256),
        Column("created_time", Moment, nullable=False),
        Column("changed_time", Moment, nullable=False),
        indexes={
            "notification_rules_by_owner": ("owner", "rule_id"),
        },
    )
    make_table(
        "notification_people",
        Column("person", String(256), primary_key=True),
        Column("document", Document, nullable=False),
        Column("changed_time", Moment, nullable=False),
    )
    make_table(
        "notification_state",
        Column("name", String(80), primary_key=True),
        Column("document", Document, nullable=False),
        Column("changed_time", Moment, nullable=False),
    )
