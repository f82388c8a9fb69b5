"""Listing the expired files of a tree: bounded memory, resumed from the directories not listed yet."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from asynctask_stage.data import holds, names
from asynctask_stage.data.candidates import Candidate
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.expiry import Amount, Expiry
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.holds import Held, Protection
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.quarantine import AREA
from asynctask_stage.data.roots import Folder, Root
from asynctask_stage.data.walking import Block, Lister, OpenDirectory, Visit, Walk
from asynctask_stage.errors import PermanentError

MAX_PATH = 8192
"""Bytes; a line of the list must not grow without bounds. Linux programs take no more than 4096 at once."""

_COLUMNS = "path, size, mtime_ns, atime_ns, ino, dev, nlink"
COUNTS = ("entries", "files", "bytes", "folders", "held", "protected", "mounts", "quarantines", "unreadable")


class Expired(Catalog):
    """The catalog of a scan: the files that have expired, and counts of all that was seen."""

    made_by = "scan"
    schema = """
CREATE TABLE items (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, path BLOB NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, atime_ns INTEGER NOT NULL, ino INTEGER NOT NULL, dev INTEGER NOT NULL,
  nlink INTEGER NOT NULL);
"""

    def counts(self) -> dict[str, int]:
        """What was seen, by what it is."""
        return {what: int(self.get(f"count_{what}", 0)) for what in COUNTS}

    def tree(self) -> Amount:
        """All files that were seen and their bytes; each name of a file has its part of them."""
        found = self.counts()
        return Amount(found["files"], found["bytes"])

    def write_list(self, path: Path, most: int, *, by_access: bool = False) -> tuple[str, Amount, int]:
        """Write the list, smallest files first, at most so many; its SHA-256, what is on it, and how many are not."""
        self.execute("CREATE INDEX IF NOT EXISTS items_size ON items (size, id)")
        self.commit()
        state = hashlib.sha256()
        temporary = path.with_name(path.name + ".tmp")
        sql = f"SELECT {_COLUMNS} FROM items ORDER BY size, id LIMIT ?"  # noqa: S608 - our names
        with temporary.open("wb", buffering=1 << 20) as file:
            for row in self.execute(sql, (most,)):
                line = Candidate(*row).to_line(by_access=by_access).encode()
                state.update(line)
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        size = self.scalar(
            "SELECT coalesce(sum(size), 0) FROM"
            " (SELECT DISTINCT dev, ino, size FROM (SELECT size, dev, ino FROM items ORDER BY size, id LIMIT ?))",
            (most,),
        )
        found = int(self.scalar("SELECT count(*) FROM items"))
        return state.hexdigest(), Amount(min(found, most), int(size)), max(0, found - most)


class ExpiryScan:
    """One listing. Files of other mounts, in quarantines, under a legal hold or protected are never listed."""

    def __init__(
        self,
        catalog: Expired,
        root: Root,
        expiry: Expiry,
        rules: Rules,
        protection: Protection,
        failures: Failures,
        *,
        threads: int = 4,
        check: Callable[[], None] = lambda: None,
        tell: Callable[[int, int], None] = lambda _entries, _expired: None,
    ) -> None:
        """``check`` may raise to stop; ``tell`` hears how many entries were seen, and how many of them have expired."""
        self._catalog = catalog
        self._root = root
        self._lister = _Lister(root, expiry, rules, protection)
        self._failures = failures
        self._threads = threads
        self._check = check
        self._tell = tell
        self._next_id = self._next_directory = 1
        self._paths: dict[int, bytes] = {}
        self._pending: dict[int, dict[str, int]] = {}
        self._counts: dict[str, int] = {}

    def run(self) -> None:
        """List everything that is still open; ``PermanentError``, reason ``RootEmpty``, when there was nothing."""
        Walk(self._lister, self, threads=self._threads, check=self._check).run()
        if not self._counts.get("entries"):
            raise PermanentError(f"{self._root.path} is empty; is it mounted?", reason="RootEmpty")

    def resume(self) -> list[OpenDirectory]:
        """See ``Ledger``."""
        if not self._catalog.get("scan_begun"):
            self._catalog.execute("INSERT INTO open_directories VALUES (1, x'')")
            self._catalog.put({"scan_begun": True, "next_directory": 2})
            self._failures.commit()
        self._catalog.execute("DELETE FROM items WHERE parent IN (SELECT id FROM open_directories)")
        self._next_id = 1 + int(self._catalog.scalar("SELECT coalesce(max(id), 0) FROM items"))
        self._next_directory = int(self._catalog.get("next_directory"))
        self._counts = self._catalog.counts()
        opened = list(self._catalog.execute("SELECT id, path FROM open_directories ORDER BY id"))
        self._paths = dict(opened)
        return opened

    def write(self, block: Block) -> list[OpenDirectory]:
        """See ``Ledger``."""
        below: list[OpenDirectory] = []
        rows = []
        for row in block.rows:
            if isinstance(row, Candidate):
                rows.append((self._next_id, block.directory, *row))
                self._next_id += 1
            else:
                below.append((self._next_directory, row))
                self._next_directory += 1
        self._catalog.execute_many(
            f"INSERT INTO items (id, parent, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our names
            rows,
        )
        for path, error in block.failed:
            self._failures.add(path, error)
        # Counted only with the whole directory, or what is listed again would count twice.
        pending = self._pending.setdefault(block.directory, {})
        for what, count in block.counts.items():
            pending[what] = pending.get(what, 0) + count
        return below

    def finish(self, block: Block, below: list[OpenDirectory]) -> list[OpenDirectory]:
        """See ``Ledger``."""
        path = self._paths.pop(block.directory)
        pending = self._pending.pop(block.directory)
        if block.error is not None:
            if not path and not isinstance(block.error, Held):
                raise block.error
            self._catalog.execute("DELETE FROM items WHERE parent = ?", (block.directory,))
            below, pending = [], self._judge(path, block.error)
        self._catalog.execute("DELETE FROM open_directories WHERE id = ?", (block.directory,))
        self._catalog.execute_many("INSERT INTO open_directories VALUES (?, ?)", below)
        self._paths.update(below)
        for what, count in pending.items():
            self._counts[what] = self._counts.get(what, 0) + count
        return below

    def commit(self) -> None:
        """See ``Ledger``."""
        self._catalog.put({f"count_{what}": self._counts.get(what, 0) for what in COUNTS})
        self._catalog.put({"next_directory": self._next_directory})
        self._failures.commit()
        self._tell(self._counts.get("entries", 0), self._next_id - 1)

    def _judge(self, path: bytes, error: Exception) -> dict[str, int]:
        """What to count for a directory that was not listed."""
        if isinstance(error, FileNotFoundError):
            return {}
        if isinstance(error, Held):
            return {"held": 1, "entries": 1}
        self._failures.add(path, error)
        return {"unreadable": 1}


class _Lister(Lister):
    """Looks at every entry; rows are candidates, and paths of directories to enter."""

    def __init__(self, root: Root, expiry: Expiry, rules: Rules, protection: Protection) -> None:
        super().__init__()
        self._root = root
        self._expiry = expiry
        self._rules = rules
        self._protection = protection
        self._device = os.fstat(root.top.fd).st_dev

    def begin(self, directory: int, path: bytes) -> tuple[Folder, Visit]:
        """See ``Lister``."""
        folder = self._root.folder(path)
        if holds.is_held(folder):
            raise Held
        return folder, lambda item, block: self._visit(item, path, block)

    def _visit(self, item: "os.DirEntry[str]", path: bytes, block: Block) -> None:
        name = os.fsencode(item.name)
        if name == holds.HOLD:
            raise Held  # it came while the folder was listed
        full = names.join(path, name)
        try:
            found = item.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # deleted while we were listing
        except OSError as error:
            block.failed.append((full, error))
            return
        if name == AREA:
            block.count("quarantines")
            return
        block.count("entries")
        is_directory = stat.S_ISDIR(found.st_mode)
        if found.st_dev != self._device:
            block.count("mounts")
        elif self._protection.covers(full):
            block.count("protected")
        elif is_directory:
            if self._rules.takes_part(names.text_of(full), is_directory=True):
                block.count("folders")
                block.rows.append(full)
        elif stat.S_ISREG(found.st_mode) and not names.is_temporary(name):
            self._file(full, found, block)

    def _file(self, path: bytes, found: os.stat_result, block: Block) -> None:
        block.count("files")
        block.count("bytes", found.st_size // max(1, found.st_nlink))
        if self._expiry.has_expired(found) and self._rules.takes_part(names.text_of(path), is_directory=False):
            if len(path) > MAX_PATH:
                block.failed.append((path, ItemFailed("NameTooLong", "its path is too long for the list", "permanent")))
                return
            block.rows.append(Candidate.of(path, found))
