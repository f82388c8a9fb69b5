"""Tasks, their runs and the stages of those."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String

from asynctask.adapters.archive.tables.columns import Document, Moment, Uid, Words, table, words

tasks = table(
    "tasks",
    Column("task_id", Uid, primary_key=True),  # the AsyncTask's uid
    words("namespace", 63),
    words("name", 253),
    words("task_type", 253),  # empty: stages of its own
    Column("submit_time", Moment, nullable=False),
    Column("priority", SmallInteger, nullable=False),  # the one in force
    Column("task_status", String(32), nullable=False),  # the status word of the API
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
    Column("update_time", Moment, nullable=False),  # when this row was written
    Column("is_gone", SmallInteger, nullable=False),  # 1 once the object has left the cluster
    Column("gone_time", Moment),
    Column("resource_version", BigInteger, nullable=False),  # of the object, as last seen: a row never goes back
    Column("search_text", Words(1700), nullable=False),  # name, type and message in lower case
    # Each leads to a page in submit order without sorting. Combinations walk the most selective of them (`tasks.page`).
    Index("tasks_by_time", "is_gone", "submit_time", "task_id"),
    Index("tasks_by_status", "is_gone", "task_status", "submit_time", "task_id"),
    Index("tasks_by_type", "is_gone", "task_type", "submit_time", "task_id"),
    Index("tasks_by_priority", "is_gone", "priority", "submit_time", "task_id"),
    Index("tasks_by_queue", "is_gone", "queue", "submit_time", "task_id"),
    Index("tasks_by_submitter", "is_gone", "submitted_by", "submit_time", "task_id"),
    Index("tasks_by_namespace", "is_gone", "namespace", "submit_time", "task_id"),
    Index("tasks_by_name", "namespace", "name"),
    Index("tasks_by_gone_time", "gone_time"),
)

task_objects = table(
    "task_objects",  # beside `tasks`, so that its rows stay narrow
    Column("task_id", Uid, primary_key=True),
    Column("object", Document, nullable=False),  # the AsyncTask as last seen, without managedFields
)

task_execution_history = table(
    "task_execution_history",
    Column("history_id", String(48), primary_key=True),  # task_id.run
    Column("task_id", Uid, nullable=False),
    words("namespace", 63),
    Column("run", Integer, nullable=False),
    Column("start_time", Moment),
    Column("end_time", Moment),
    words("execution_result", 32),  # the status word it ended with; empty while it has not
    words("error_code", 64),
    words("error_message", 1024),
    Column("error_detail", Document),  # the stages that failed: attempt, class, reason, message, exit code
    words("stage", 256),  # where it stopped
    Column("priority", SmallInteger, nullable=False),
    Column("item_error_count", BigInteger, nullable=False),
    Column("resource_version", BigInteger, nullable=False),
    Index("task_execution_history_by_task", "task_id", "run"),
)

stage_runs = table(
    "stage_runs",
    Column("stage_id", Uid, primary_key=True),  # the Stage's uid
    Column("task_id", Uid, nullable=False),
    words("namespace", 63),
    words("object_name", 253),
    Column("run", Integer, nullable=False),
    words("stage", 63),
    words("kind", 16),  # job, task, approval, …
    words("phase", 32),
    words("status", 32),
    words("reason", 64),
    words("message", 1024),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("submit_time", Moment, nullable=False),  # when the Stage was made
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
    Index("stage_runs_by_task", "task_id", "run", "submit_time"),
    Index("stage_runs_by_gone", "is_gone", "stage_id"),
)

stage_checkpoints = table(
    "stage_checkpoints",  # beside `stage_runs`, so that its rows stay narrow
    Column("stage_id", Uid, primary_key=True),
    Column("task_id", Uid, nullable=False),
    Column("checkpoint", Document, nullable=False),  # the last one: sequence, attempt, time, the stage's own data
    Index("stage_checkpoints_by_task", "task_id"),
)

stage_objects = table(
    "stage_objects",
    Column("stage_id", Uid, primary_key=True),
    Column("task_id", Uid, nullable=False),
    Column("object", Document, nullable=False),  # the Stage as it was last seen, without managedFields and checkpoint
    Index("stage_objects_by_task", "task_id"),
)

__all__ = ["stage_checkpoints", "stage_objects", "stage_runs", "task_execution_history", "task_objects", "tasks"]
