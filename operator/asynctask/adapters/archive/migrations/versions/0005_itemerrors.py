"""Items that stages could not deal with."""

from sqlalchemy import Column, Integer, String

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Moment, Uid, words
from asynctask.adapters.archive.tables.itemerrors import PathKey

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "item_errors",
        Column("error_id", String(40), primary_key=True),
        Column("task_id", Uid, nullable=False),
        Column("run", Integer, nullable=False),
        words("stage", 63),
        Column("attempt", Integer, nullable=False),
        Column("path_key", PathKey, nullable=False),
        words("path", 4096),
        words("error_class", 16),
        words("reason", 64),
        words("message", 1024),
        Column("time", Moment, nullable=False),
        indexes={"item_errors_by_path": ("task_id", "run", "path_key", "error_id")},
    )
