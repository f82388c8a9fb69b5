"""Everything that is to outlive its objects in the cluster, in SQL: `engine` says how to use it.

| module | holds |
|---|---|
| `engine` | `open_archive`, transactions |
| `tables/` | the tables, one module a concern; `migrations/` brings a database to them |
| `tasks` | tasks, runs, stages: taken in, listed in pages, told of one by one |
| `audit` | who changed what |
| `access` | API keys, sessions, preferences, idempotency keys |
| `retention` | what is too old goes |
| `transfer` | back-up and restore |
"""

from asynctask.adapters.archive.engine import Archive, Transaction, open_archive
from asynctask.adapters.archive.errors import (
    ArchiveConflict,
    ArchiveError,
    ArchiveFull,
    ArchiveTooNew,
    ArchiveTooOld,
    ArchiveUnavailable,
    ForeignSchema,
    InvalidArchiveUrl,
)
from asynctask.adapters.archive.pages import Page, Position

__all__ = [
    "Archive",
    "ArchiveConflict",
    "ArchiveError",
    "ArchiveFull",
    "ArchiveTooNew",
    "ArchiveTooOld",
    "ArchiveUnavailable",
    "ForeignSchema",
    "InvalidArchiveUrl",
    "Page",
    "Position",
    "Transaction",
    "open_archive",
]
