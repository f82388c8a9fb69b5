"""Which change undid an operation of a review, so that it undoes no other when it is repeated."""

from sqlalchemy import Column, String

from asynctask.adapters.archive.migrations.steps import add_column

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    add_column("review_operations", Column("undone_under", String(64), nullable=False, server_default=""))
