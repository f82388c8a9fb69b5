"""Stages whole, as they were last seen."""

from sqlalchemy import Column

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Document, Uid

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "stage_objects",
        Column("stage_id", Uid, primary_key=True),
        Column("task_id", Uid, nullable=False),
        Column("object", Document, nullable=False),
        indexes={"stage_objects_by_task": ("task_id",)},
    )
