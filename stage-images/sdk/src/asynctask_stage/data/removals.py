"""The record of a deletion: what was approved, and what has become of each file."""

from collections.abc import Iterable
from enum import IntEnum
from itertools import islice
from typing import NamedTuple

from asynctask_stage.data import names
from asynctask_stage.data.candidates import Candidate
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.expiry import Amount


class Fate(IntEnum):
    """How far a file or folder is. The first two are not final."""

    PENDING = 0
    MOVED = 1
    """In the private folder and found to be the right one; to be deleted from there."""
    GONE = 2
    """Deleted, or in quarantine to stay."""
    KEPT = 3
    """Left where it is; an item error says why."""
    VANISHED = 4
    """Somebody else deleted or moved it before us."""
    STUCK = 5
    """It was taken, should not have been, and its name is taken by another: it waits in quarantine."""


_SETTLED = int(Fate.GONE)
_AT_ONCE = 5000


class Removal(NamedTuple):
    """One file of the approved list."""

    id: int
    candidate: Candidate
    is_journalled: bool
    """Whether the manifest has its line, so it may have been moved by an earlier attempt."""


class EmptiedFolder(NamedTuple):
    """A folder from which something was taken."""

    id: int
    path: bytes
    is_journalled: bool


_COLUMNS = "path, size, mtime_ns, atime_ns, ino, dev, nlink"


class Removals(Catalog):
    """The catalog of a deletion. Not to be used by two threads at once."""

    made_by = "delete"
    schema = """
CREATE TABLE items (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, atime_ns INTEGER NOT NULL, ino INTEGER NOT NULL, dev INTEGER NOT NULL,
  nlink INTEGER NOT NULL, fate INTEGER NOT NULL DEFAULT 0, journalled INTEGER NOT NULL DEFAULT 0);
CREATE INDEX items_open ON items (size, id) WHERE fate < 2;
CREATE TABLE folders (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, depth INTEGER NOT NULL,
  fate INTEGER NOT NULL DEFAULT 0, journalled INTEGER NOT NULL DEFAULT 0);
CREATE INDEX folders_open ON folders (depth, id) WHERE fate < 2;
"""

    def load(self, candidates: Iterable[Candidate]) -> None:
        """Take the approved list, in place of an earlier half of it. A path named twice counts once."""
        self.execute("DELETE FROM items")
        rest = iter(candidates)
        while some := list(islice(rest, _AT_ONCE)):
            self.execute_many(f"INSERT OR IGNORE INTO items ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", some)  # noqa: S608 - our names
        self.execute("CREATE INDEX IF NOT EXISTS items_file ON items (dev, ino, size)")

    def asked(self) -> Amount:
        """Files on the list, and their bytes; files that share their content count once."""
        files = self.scalar("SELECT count(*) FROM items")
        return Amount(
            files, self.scalar("SELECT coalesce(sum(s), 0) FROM (SELECT max(size) s FROM items GROUP BY dev, ino)")
        )

    def next_items(self, most: int) -> list[Removal]:
        """The next files, smallest first."""
        sql = f"SELECT id, journalled, {_COLUMNS} FROM items WHERE fate < {_SETTLED} ORDER BY size, id LIMIT ?"  # noqa: S608
        return [Removal(row[0], Candidate(*row[2:]), bool(row[1])) for row in self.execute(sql, (most,))]

    def moved_items(self, most: int) -> list[Removal]:
        """Files that only have to be deleted from the private folder."""
        sql = f"SELECT id, journalled, {_COLUMNS} FROM items WHERE fate = ? LIMIT ?"  # noqa: S608
        return [Removal(row[0], Candidate(*row[2:]), True) for row in self.execute(sql, (Fate.MOVED, most))]

    def next_folders(self, most: int) -> list[EmptiedFolder]:
        """The next emptied folders; all of one depth, deepest first."""
        deepest = self.scalar(f"SELECT max(depth) FROM folders WHERE fate < {_SETTLED}")  # noqa: S608
        sql = f"SELECT id, path, journalled FROM folders WHERE fate < {_SETTLED} AND depth = ? LIMIT ?"  # noqa: S608
        return [EmptiedFolder(row[0], row[1], bool(row[2])) for row in self.execute(sql, (deepest, most))]

    def folder_numbers_from(self) -> int:
        """Folders are numbered after all files, by their id."""
        return 1 + int(self.scalar("SELECT coalesce(max(id), 0) FROM items"))

    def set_journalled(self, table: str, ids: Iterable[int]) -> None:
        """Their lines are in the manifest."""
        self.execute_many(f"UPDATE {table} SET journalled = 1 WHERE id = ?", ((i,) for i in ids))  # noqa: S608

    def settle(self, fates: Iterable[tuple[int, Fate, int]]) -> None:
        """Note id, fate and number of links of files."""
        self.execute_many(
            "UPDATE items SET fate = ?, nlink = max(nlink, ?) WHERE id = ?",
            ((int(fate), nlink, number) for number, fate, nlink in fates),
        )

    def settle_folders(self, fates: Iterable[tuple[int, Fate]]) -> None:
        """Note id and fate of folders."""
        self.execute_many("UPDATE folders SET fate = ? WHERE id = ?", ((int(fate), number) for number, fate in fates))

    def add_emptied(self, paths: Iterable[bytes]) -> None:
        """Something was taken from these folders; the root is never one of them."""
        self.execute_many(
            "INSERT OR IGNORE INTO folders (path, depth) VALUES (?, ?)",
            ((path, path.count(b"/")) for path in paths if path),
        )

    def emptied_parents(self, paths: Iterable[bytes]) -> None:
        """The folders above those that went: to be looked at, or looked at again."""
        above = {names.split(path)[0] for path in paths}
        self.add_emptied(above)
        self.execute_many(
            "UPDATE folders SET fate = 0 WHERE path = ? AND fate = ?", ((path, Fate.KEPT) for path in above)
        )

    def count(self, fate: Fate, table: str = "items") -> int:
        """How many are so."""
        return int(self.scalar(f"SELECT count(*) FROM {table} WHERE fate = ?", (fate,)))  # noqa: S608

    def size(self, fate: Fate) -> int:
        """Bytes of those, every name counted."""
        return int(self.scalar("SELECT coalesce(sum(size), 0) FROM items WHERE fate = ?", (fate,)))

    def freed(self) -> int:
        """Bytes that no name is left for: a file of several names counts when all of them went."""
        sql = """SELECT coalesce(sum(s), 0) FROM (SELECT max(size) s FROM items WHERE fate = ?
                 GROUP BY dev, ino HAVING count(*) >= max(nlink))"""
        return int(self.scalar(sql, (Fate.GONE,)))

    def kept(self) -> dict[str, int]:
        """How many were kept, by reason."""
        return dict(self.execute("SELECT reason, count(*) FROM errors GROUP BY reason ORDER BY reason"))
