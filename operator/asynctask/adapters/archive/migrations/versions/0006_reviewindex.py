"""Reviews by their task, so that they can go with it."""

from asynctask.adapters.archive.migrations.steps import make_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_index("reviews_by_task", "reviews", ("task_id",))
