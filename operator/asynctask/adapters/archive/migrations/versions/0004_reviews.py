"""Reviews of lists."""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Blob, Document, Moment, Uid, words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "reviews",
        Column("review_id", Uid, primary_key=True),
        Column("task_id", Uid, nullable=False),
        words("namespace", 63),
        Column("list_digest", String(64), nullable=False),
        Column("version", Integer, nullable=False),
        Column("items", BigInteger, nullable=False),
        Column("total_bytes", BigInteger, nullable=False),
        Column("struck", BigInteger, nullable=False),
        Column("struck_bytes", BigInteger, nullable=False),
        Column("struck_rows", Blob, nullable=False),
        Column("frozen_version", Integer),
        words("frozen_digest", 71),
        words("frozen_artifact", 100),
        Column("create_time", Moment, nullable=False),
        Column("update_time", Moment, nullable=False),
        indexes={"reviews_by_time": ("update_time", "review_id")},
    )
    make_table(
        "review_operations",
        Column("review_id", Uid, primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("time", Moment, nullable=False),
        words("caller", 256),
        words("action", 16),
        Column("selection", Document, nullable=False),
        Column("items", BigInteger, nullable=False),
        Column("item_bytes", BigInteger, nullable=False),
        Column("is_undone", SmallInteger, nullable=False),
        Column("changed_rows", Blob),
    )
