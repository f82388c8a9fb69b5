"""The last checkpoints of stages that have ended or left the cluster."""

from sqlalchemy import Column

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Document, Uid

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "stage_checkpoints",
        Column("stage_id", Uid, primary_key=True),
        Column("task_id", Uid, nullable=False),
        Column("checkpoint", Document, nullable=False),
        indexes={"stage_checkpoints_by_task": ("task_id",)},
    )
