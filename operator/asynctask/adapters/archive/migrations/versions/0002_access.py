"""API keys, sessions, preferences, idempotency keys."""

from sqlalchemy import Column, SmallInteger, String

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Document, LongWords, Moment, Uid, words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "api_keys",
        Column("key_id", Uid, primary_key=True),
        Column("digest", String(64), nullable=False),
        words("label", 128),
        words("owner", 256),
        Column("identity", Document, nullable=False),
        Column("scope", Document, nullable=False),
        Column("create_time", Moment, nullable=False),
        Column("expire_time", Moment),
        Column("revoke_time", Moment),
        Column("use_time", Moment),
        indexes={
            "api_keys_by_owner": ("owner", "create_time", "key_id"),
            "api_keys_by_time": ("create_time", "key_id"),
        },
    )
    make_table(
        "sessions",
        Column("digest", String(64), primary_key=True),
        words("user", 256),
        Column("identity", Document, nullable=False),
        words("via", 32),
        Column("create_time", Moment, nullable=False),
        Column("expire_time", Moment, nullable=False),
        indexes={"sessions_by_expiry": ("expire_time",)},
    )
    make_table(
        "preferences",
        Column("user_digest", String(64), primary_key=True),
        words("user", 256),
        Column("document", Document, nullable=False),
        Column("update_time", Moment, nullable=False),
    )
    make_table(
        "idempotency_keys",
        Column("digest", String(64), primary_key=True),
        Column("request_digest", String(64), nullable=False),
        Column("is_done", SmallInteger, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("headers", Document),
        Column("answer", LongWords()),
        Column("create_time", Moment, nullable=False),
        Column("expire_time", Moment, nullable=False),
        indexes={"idempotency_keys_by_expiry": ("expire_time",)},
    )
