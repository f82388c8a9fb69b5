"""Who changed what, from where."""

from sqlalchemy import Column, Index, SmallInteger

from asynctask.adapters.archive.tables.columns import Document, Moment, Uid, table, words

audit_records = table(
    "audit_records",
    Column("audit_id", Uid, primary_key=True),  # made by the writer, so that writing twice makes one
    Column("time", Moment, nullable=False),
    words("caller", 256),
    words("via", 32),  # how the caller was known: token, oidc, session, key
    words("address", 64),
    words("action", 64),
    words("kind", 63),
    words("namespace", 63),
    words("name", 253),
    Column("object_id", Uid, nullable=False, server_default=""),
    Column("status", SmallInteger, nullable=False),  # the HTTP status it was answered with
    words("code", 64),  # of the problem, where it was refused
    words("request_id", 64),
    Column("before", Document),
    Column("after", Document),
    Index("audit_records_by_time", "time", "audit_id"),
    Index("audit_records_by_caller", "caller", "time", "audit_id"),
    Index("audit_records_by_action", "action", "time", "audit_id"),
    Index("audit_records_by_namespace", "namespace", "time", "audit_id"),
    Index("audit_records_by_object", "object_id", "time", "audit_id"),
    aged=("audit", "time"),
)

__all__ = ["audit_records"]
