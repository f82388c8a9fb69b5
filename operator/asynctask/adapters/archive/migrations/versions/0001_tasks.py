"""Tasks, runs, stages, audit."""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String

from asynctask.adapters.archive.migrations.steps import make_table
from asynctask.adapters.archive.tables.columns import Document, Moment, Uid, Words, words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    make_table(
        "tasks",
        Column("task_id", Uid, primary_key=True),
        words("namespace", 63),
        words("name", 253),
        words("task_type", 253),
        Column("submit_time", Moment, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("task_status", String(32), nullable=False),
        Column("task_config", Document, nullable=False),
        words("phase", 32),
        words("queue", 63),
        words("submitted_by", 256),
        words("schedule", 63),
        words("message", 1024),
        words("stage", 256),
        Column("run", Integer, nullable=False),
        Column("start_time", Moment),
        Column("end_time", Moment),
        Column("percent", SmallInteger),
        Column("item_error_count", BigInteger, nullable=False),
        Column("update_time", Moment, nullable=False),
        Column("is_gone", SmallInteger, nullable=False),
        Column("gone_time", Moment),
        Column("resource_version", BigInteger, nullable=False),
        Column("search_text", Words(1700), nullable=False),
        indexes={
            "tasks_by_time": ("is_gone", "submit_time", "task_id"),
            "tasks_by_status": ("is_gone", "task_status", "submit_time", "task_id"),
            "tasks_by_type": ("is_gone", "task_type", "submit_time", "task_id"),
            "tasks_by_priority": ("is_gone", "priority", "submit_time", "task_id"),
            "tasks_by_queue": ("is_gone", "queue", "submit_time", "task_id"),
            "tasks_by_submitter": ("is_gone", "submitted_by", "submit_time", "task_id"),
            "tasks_by_namespace": ("is_gone", "namespace", "submit_time", "task_id"),
            "tasks_by_name": ("namespace", "name"),
            "tasks_by_gone_time": ("gone_time",),
        },
    )
    make_table(
        "task_objects",
        Column("task_id", Uid, primary_key=True),
        Column("object", Document, nullable=False),
    )
    make_table(
        "task_execution_history",
        Column("history_id", String(48), primary_key=True),
        Column("task_id", Uid, nullable=False),
        words("namespace", 63),
        Column("run", Integer, nullable=False),
        Column("start_time", Moment),
        Column("end_time", Moment),
        words("execution_result", 32),
        words("error_code", 64),
        words("error_message", 1024),
        Column("error_detail", Document),
        words("stage", 256),
        Column("priority", SmallInteger, nullable=False),
        Column("item_error_count", BigInteger, nullable=False),
        Column("resource_version", BigInteger, nullable=False),
        indexes={
            "task_execution_history_by_task": ("task_id", "run"),
        },
    )
    make_table(
        "stage_runs",
        Column("stage_id", Uid, primary_key=True),
        Column("task_id", Uid, nullable=False),
        words("namespace", 63),
        words("object_name", 253),
        Column("run", Integer, nullable=False),
        words("stage", 63),
        words("kind", 16),
        words("phase", 32),
        words("status", 32),
        words("reason", 64),
        words("message", 1024),
        Column("attempt", Integer, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("submit_time", Moment, nullable=False),
        Column("start_time", Moment),
        Column("end_time", Moment),
        Column("bytes_done", BigInteger),
        Column("bytes_total", BigInteger),
        Column("items_done", BigInteger),
        Column("items_total", BigInteger),
        Column("item_error_count", BigInteger, nullable=False),
        Column("first_item_errors", Document),
        Column("last_error", Document),
        Column("outputs", Document),
        Column("review", Document),
        Column("locations", Document),
        Column("is_gone", SmallInteger, nullable=False),
        Column("gone_time", Moment),
        Column("resource_version", BigInteger, nullable=False),
        indexes={
            "stage_runs_by_task": ("task_id", "run", "submit_time"),
            "stage_runs_by_gone": ("is_gone", "stage_id"),
        },
    )
    make_table(
        "audit_records",
        Column("audit_id", Uid, primary_key=True),
        Column("time", Moment, nullable=False),
        words("caller", 256),
        words("via", 32),
        words("address", 64),
        words("action", 64),
        words("kind", 63),
        words("namespace", 63),
        words("name", 253),
        Column("object_id", Uid, nullable=False, server_default=""),
        Column("status", SmallInteger, nullable=False),
        words("code", 64),
        words("request_id", 64),
        Column("before", Document),
        Column("after", Document),
        indexes={
            "audit_records_by_time": ("time", "audit_id"),
            "audit_records_by_caller": ("caller", "time", "audit_id"),
            "audit_records_by_action": ("action", "time", "audit_id"),
            "audit_records_by_namespace": ("namespace", "time", "audit_id"),
            "audit_records_by_object": ("object_id", "time", "audit_id"),
        },
    )
