"""Who may come in without the cluster's tokens, what they prefer, and which changes must not happen twice.

Nothing here lets anybody in who reads it: of keys and sessions only digests are kept.
"""

from sqlalchemy import Column, Index, SmallInteger, String

from asynctask.adapters.archive.tables.columns import Document, LongWords, Moment, Uid, table, words

Digest = String(64)
"""SHA-256, in hexadecimal digits."""

api_keys = table(
    "api_keys",
    Column("key_id", Uid, primary_key=True),
    Column("digest", Digest, nullable=False),
    words("label", 128),
    words("owner", 256),  # whose rights it narrows
    Column("identity", Document, nullable=False),  # the owner's groups, extra and uid when it was made
    Column("scope", Document, nullable=False),  # namespaces, actions, task types; null: no narrowing
    Column("create_time", Moment, nullable=False),
    Column("expire_time", Moment),
    Column("revoke_time", Moment),
    Column("use_time", Moment),  # about when it was last used
    Index("api_keys_by_owner", "owner", "create_time", "key_id"),
    Index("api_keys_by_time", "create_time", "key_id"),
)

sessions = table(
    "sessions",
    Column("digest", Digest, primary_key=True),
    words("user", 256),
    Column("identity", Document, nullable=False),
    words("via", 32),
    Column("create_time", Moment, nullable=False),
    Column("expire_time", Moment, nullable=False),
    Index("sessions_by_expiry", "expire_time"),
)

preferences = table(
    "preferences",
    Column("user_digest", Digest, primary_key=True),
    words("user", 256),
    Column("document", Document, nullable=False),
    Column("update_time", Moment, nullable=False),
)

idempotency_keys = table(
    "idempotency_keys",
    Column("digest", Digest, primary_key=True),  # of caller and key
    Column("request_digest", Digest, nullable=False),
    Column("is_done", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", Document),
    Column("answer", LongWords()),
    Column("create_time", Moment, nullable=False),
    Column("expire_time", Moment, nullable=False),
    Index("idempotency_keys_by_expiry", "expire_time"),
)

__all__ = ["api_keys", "idempotency_keys", "preferences", "sessions"]
