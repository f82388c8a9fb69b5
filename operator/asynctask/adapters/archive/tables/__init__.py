"""All tables of the archive, one module a concern. A new table comes with a migration that makes the same."""

from asynctask.adapters.archive.tables import access, audit, itemerrors, notifications, reviews, tasks
from asynctask.adapters.archive.tables.columns import METADATA

__all__ = ["METADATA", "access", "audit", "itemerrors", "notifications", "reviews", "tasks"]
