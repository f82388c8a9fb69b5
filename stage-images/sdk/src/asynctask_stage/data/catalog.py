"""The catalog: one SQLite file per run in the workspace, the truth about what is planned and done.

One connection in one thread, with the file locked for as long as it is open: a pod that still lingers can't write next
to its successor. No write-ahead log, because that needs shared memory, which network file systems lack. Every commit is
synced; callers group work so that there are few.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from asynctask_stage.data.entries import COLUMNS, LOSS_NAMES, Action, Entry, Kind, State
from asynctask_stage.errors import PermanentError, TransientError

VERSION = 1

COMMON = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE open_directories (id INTEGER PRIMARY KEY, path BLOB NOT NULL);
CREATE TABLE errors (seq INTEGER PRIMARY KEY, stage TEXT NOT NULL, path BLOB NOT NULL, class TEXT NOT NULL,
  reason TEXT NOT NULL, message TEXT NOT NULL, UNIQUE (stage, path));
"""
"""What every catalog has."""

_SCHEMA = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, path BLOB NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL, nlink INTEGER NOT NULL,
  dev INTEGER NOT NULL, ino INTEGER NOT NULL, rdev INTEGER NOT NULL, blocks INTEGER NOT NULL, link BLOB, xattrs BLOB,
  action INTEGER NOT NULL, state INTEGER NOT NULL, loss INTEGER NOT NULL, target_size INTEGER NOT NULL,
  target_ino INTEGER NOT NULL, leader INTEGER NOT NULL DEFAULT 0, suspect INTEGER NOT NULL DEFAULT 0, hash BLOB);
CREATE TABLE partials (entry INTEGER PRIMARY KEY, ino INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL);
CREATE TABLE pieces (entry INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, hash BLOB,
  PRIMARY KEY (entry, start)) WITHOUT ROWID;
"""

_INSERT = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our names
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries"  # noqa: S608 - our names


class Catalog:
    """An open catalog. Not to be used by two threads at once. Subclasses may keep other tables."""

    schema = _SCHEMA
    made_by = "metadata"
    """The stage that makes it."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool = False, patience: float = 30.0) -> Self:
        """Open and lock it, waiting at most ``patience`` seconds for another holder.

        ``TransientError`` (``CatalogBusy``) while another pod has it; ``PermanentError`` (``CatalogMissing``,
        ``CatalogDamaged``) when it can't be used.
        """
        is_new = not path.exists()
        if is_new:
            if not create:
                raise PermanentError(
                    f"the workspace has no {path.name}; restart from the {cls.made_by} stage", reason="CatalogMissing"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            _prepare(database, path.name, COMMON + cls.schema)
        except sqlite3.OperationalError as error:
            database.close()
            if "locked" in str(error):
                raise TransientError(f"another pod holds {path.name}", reason="CatalogBusy") from error
            raise TransientError(f"{path.name}: {error}", reason="CatalogUnavailable") from error
        except sqlite3.DatabaseError as error:
            database.close()
            raise PermanentError(f"{path.name}: {error}; restart the task", reason="CatalogDamaged") from error
        except BaseException:
            database.close()
            raise
        return cls(database, path)

    def close(self) -> None:
        """Let go of the lock. What was not committed is gone."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self) -> None:
        """Make everything so far durable."""
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; a writing one opens a transaction that ``commit`` ends."""
        self._begin(sql)
        return self._database.execute(sql, tuple(parameters))

    def execute_many(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run a writing statement for many rows."""
        self._begin(sql)
        self._database.executemany(sql, [tuple(row) for row in rows])

    def insert(self, entries: Iterable[Entry]) -> None:
        """Add rows."""
        self._begin(_INSERT)
        self._database.executemany(_INSERT, entries)

    def scalar(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row; None without one."""
        row = self.execute(sql, parameters).fetchone()
        return row[0] if row else None

    def entries(self, where: str, parameters: Iterable[Any] = (), *, page: int = 5000) -> Iterator[Entry]:
        """Rows in order of id, read page by page, so rows may be changed meanwhile."""
        last = -1
        while True:
            sql = f"{_SELECT} WHERE ({where}) AND id > ? ORDER BY id LIMIT ?"
            rows = self._database.execute(sql, (*parameters, last, page)).fetchall()
            yield from map(Entry._make, rows)
            if len(rows) < page:
                return
            last = rows[-1][0]

    def entry(self, entry_id: int) -> Entry:
        """One row; ``KeyError`` without one."""
        row = self._database.execute(f"{_SELECT} WHERE id = ?", (entry_id,)).fetchone()
        if row is None:
            raise KeyError(entry_id)
        return Entry._make(row)

    def set_states(self, state: State, ids: Iterable[int]) -> None:
        """Move entries into ``state``."""
        self.execute_many("UPDATE entries SET state = ? WHERE id = ?", ((int(state), i) for i in ids))

    def get(self, key: str, default: Any = None) -> Any:
        """A value kept beside the rows."""
        text = self.scalar("SELECT value FROM meta WHERE key = ?", (key,))
        return default if text is None else json.loads(text)

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep values beside the rows, in the same transaction as what else is written."""
        self.execute_many("INSERT OR REPLACE INTO meta VALUES (?, ?)", ((k, json.dumps(v)) for k, v in values.items()))

    def losses(self) -> dict[str, int]:
        """How many entries lost what on the way to the target, by kind of loss; only kinds that occur."""
        counts: dict[str, int] = {}
        for loss, count in self.execute("SELECT loss, count(*) FROM entries WHERE loss != 0 GROUP BY loss"):
            for flag, name in LOSS_NAMES.items():
                if loss & flag:
                    counts[name] = counts.get(name, 0) + count
        return counts

    def pending(self, action: Action) -> tuple[int, int]:
        """Files and bytes that still have to go through ``action``."""
        sql = "SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE kind = ? AND action = ? AND state = ?"
        count, size = self.execute(sql, (Kind.FILE, action, State.PENDING)).fetchone()
        return count, size

    def _begin(self, sql: str) -> None:
        if not self._database.in_transaction and not sql.startswith("SELECT"):
            self._database.execute("BEGIN")

    @contextlib.contextmanager
    def attached(self, other: Path) -> Iterator[None]:
        """Have another catalog readable as ``previous`` in the statements within."""
        self.commit()
        self._database.execute("ATTACH DATABASE ? AS previous", (str(other),))
        try:
            yield
            self.commit()
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self._database.execute("DETACH DATABASE previous")


def _prepare(database: sqlite3.Connection, name: str, schema: str) -> None:
    """Lock it, and make the tables when it is new."""
    for setting in ("locking_mode=EXCLUSIVE", "journal_mode=TRUNCATE", "synchronous=FULL", "cache_size=-16384"):
        database.execute(f"PRAGMA {setting}")
    database.execute("PRAGMA temp_store=MEMORY")
    database.execute("BEGIN EXCLUSIVE")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in schema.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version={VERSION}")
    elif version != VERSION:
        raise PermanentError(f"{name} is of version {version}; restart the task", reason="CatalogDamaged")
    database.execute("COMMIT")
