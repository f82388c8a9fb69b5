"""Reviews of lists: which items are struck off, and how it came to that. The items themselves are files."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String

from asynctask.adapters.archive.tables.columns import Blob, Document, Moment, Uid, table, words

reviews = table(
    "reviews",
    Column("review_id", Uid, primary_key=True),  # the Stage's uid
    Column("task_id", Uid, nullable=False),
    words("namespace", 63),
    Column("list_digest", String(64), nullable=False),  # of the list that the rows are of
    Column("version", Integer, nullable=False),  # grows with each change of what is struck
    Column("items", BigInteger, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("struck", BigInteger, nullable=False),
    Column("struck_bytes", BigInteger, nullable=False),
    Column("struck_rows", Blob, nullable=False),  # a mask, packed: core/reviews/masks
    Column("frozen_version", Integer),  # the version that was frozen last
    words("frozen_digest", 71),
    words("frozen_artifact", 100),
    Column("create_time", Moment, nullable=False),
    Column("update_time", Moment, nullable=False),
    Index("reviews_by_time", "update_time", "review_id"),
    Index("reviews_by_task", "task_id"),
)

review_operations = table(
    "review_operations",
    Column("review_id", Uid, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1, in order
    Column("time", Moment, nullable=False),
    words("caller", 256),
    words("action", 16),
    Column("selection", Document, nullable=False),  # what was asked for, as the API takes it
    Column("items", BigInteger, nullable=False),  # that it changed
    Column("item_bytes", BigInteger, nullable=False),
    Column("is_undone", SmallInteger, nullable=False),
    Column("changed_rows", Blob),  # a mask, packed, to undo it by; absent once it is too old for that
    words("undone_under", 64),  # the name of the change that undid it, where it has one: see gateway/front/calls
    part_of=("reviews", "review_id"),
)

__all__ = ["review_operations", "reviews"]
