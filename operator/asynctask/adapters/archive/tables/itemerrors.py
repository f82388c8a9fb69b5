"""Items (files, mostly) that stages could not deal with."""

from sqlalchemy import Column, Index, Integer, String

from asynctask.adapters.archive.tables.columns import Moment, Uid, table, words

PATH_KEY_LENGTH = 180
PathKey = String(PATH_KEY_LENGTH).with_variant(String(PATH_KEY_LENGTH, collation="C"), "postgresql")
"""The beginning of a path, in the order of its bytes or code points: a prefix is a range of it on every database."""

item_errors = table(
    "item_errors",
    Column("error_id", String(40), primary_key=True),  # of task, run, stage and path: told twice, it is one
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
    Index("item_errors_by_path", "task_id", "run", "path_key", "error_id"),
)

__all__ = ["PATH_KEY_LENGTH", "PathKey", "item_errors"]
