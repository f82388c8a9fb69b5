"""Listing a source tree into the catalog, compared with the target on the way; goes on where it stopped.

The catalog keeps the directories not listed yet. A directory leaves that table in the transaction that completes its
rows, so a listing that broke off, by an error or a crash, never counts: its rows are removed and it is listed again.
"""

import os
import queue
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from asynctask_stage.data import attributes, comparing, names
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Entry, Kind, State, int64, kind_of
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.roots import Folder, Root

BLOCK = 2000
"""Rows that travel at once; bounds the memory for a directory of millions."""

COMMIT_SECONDS = 2.0


@dataclass
class _Block:
    """Some rows of a directory; the last one says whether the listing ended well."""

    directory: int
    rows: list[Entry] = field(default_factory=list)
    failed: list[tuple[bytes, Exception]] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    is_last: bool = False
    error: Exception | None = None


class Scan:
    """One listing of ``source``, planned against ``target``. Listings run in threads, the catalog is written in one."""

    def __init__(
        self,
        catalog: Catalog,
        source: Root,
        target: Root,
        abilities: Abilities,
        rules: Rules,
        failures: Failures,
        *,
        token: str,
        one_file_system: bool = False,
        threads: int = 4,
        check: Callable[[], None] = lambda: None,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``check`` may raise to stop; ``tell`` hears the number of entries found so far after each commit."""
        self._catalog = catalog
        self._lister = _Lister(source, target, abilities, rules, token, one_file_system=one_file_system)
        self._source = source
        self._failures = failures
        self._threads = threads
        self._check = check
        self._tell = tell
        self._results: queue.Queue[_Block] = queue.Queue(maxsize=4 * threads)
        self._open: list[tuple[int, bytes]] = []
        self._found: dict[int, list[tuple[int, bytes]]] = {}
        self._next_id = 1

    def run(self) -> None:
        """List everything that is still open. On return, or when stopped, what is done is committed."""
        self._resume()
        committed = time.monotonic()
        busy = 0
        with ThreadPoolExecutor(self._threads, "scan") as pool:
            try:
                while self._open or busy:
                    while self._open and busy < 2 * self._threads:
                        pool.submit(self._lister.list, *self._open.pop(), self._results)
                        busy += 1
                    busy -= self._take(self._results.get())
                    if time.monotonic() - committed > COMMIT_SECONDS:
                        self._commit()
                        committed = time.monotonic()
                        self._check()
            finally:
                self._lister.stop()
                while busy:
                    busy -= self._results.get().is_last
        self._commit()

    def _commit(self) -> None:
        self._failures.commit()
        self._tell(self._next_id - 1)

    def _resume(self) -> None:
        if not self._catalog.get("scan_begun"):
            root = self._lister.root_entry()
            self._catalog.insert([root])
            self._catalog.execute("INSERT INTO open_directories VALUES (?, ?)", (root.id, root.path))
            self._catalog.put({"scan_begun": True})
            self._failures.commit()
        self._catalog.execute("DELETE FROM entries WHERE parent IN (SELECT id FROM open_directories)")
        self._open = list(self._catalog.execute("SELECT id, path FROM open_directories ORDER BY id"))
        self._next_id = 1 + int(self._catalog.scalar("SELECT max(id) FROM entries"))

    def _take(self, block: _Block) -> bool:
        """Write a block; whether its directory is finished."""
        rows = [row._replace(id=self._next_id + i) for i, row in enumerate(block.rows)]
        self._next_id += len(rows)
        self._catalog.insert(rows)
        for path, error in block.failed:
            self._failures.add(path, error)
        for what, count in block.skipped.items():
            self._catalog.put({what: self._catalog.get(what, 0) + count})
        below = self._found.setdefault(block.directory, [])
        below += [(row.id, row.path) for row in rows if row.kind == Kind.DIRECTORY and row.state != State.FAILED]
        if block.is_last:
            self._finish(block, self._found.pop(block.directory))
        return block.is_last

    def _finish(self, block: _Block, below: list[tuple[int, bytes]]) -> None:
        self._catalog.execute("DELETE FROM open_directories WHERE id = ?", (block.directory,))
        if block.error is None:
            self._catalog.execute_many("INSERT INTO open_directories VALUES (?, ?)", below)
            self._open += reversed(below)
            return
        self._catalog.execute("DELETE FROM entries WHERE parent = ?", (block.directory,))
        directory = self._catalog.entry(block.directory)
        if not directory.path:
            raise block.error
        if isinstance(block.error, FileNotFoundError):
            self._catalog.set_states(State.VANISHED, [directory.id])
            return
        self._failures.add(directory.path, block.error)
        self._catalog.set_states(State.FAILED, [directory.id])


class _Lister:
    """Lists one directory at a time; shared by the threads."""

    def __init__(
        self, source: Root, target: Root, abilities: Abilities, rules: Rules, token: str, *, one_file_system: bool
    ) -> None:
        self._source = source
        self._target = target
        self._abilities = abilities
        self._rules = rules
        self._token = token
        self._one_file_system = one_file_system
        self._device = os.fstat(source.top.fd).st_dev
        top = os.fstat(target.top.fd)
        self._target_id = (top.st_dev, top.st_ino)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End running listings early; they count as failed."""
        self._stopped.set()

    def root_entry(self) -> Entry:
        """The row of the root."""
        top = self._source.top
        entry = _entry(0, b"", os.fstat(top.fd), None, attributes.digest(attributes.read_xattrs(top.fd)))
        planned = comparing.plan(entry, b".", os.fstat(self._target.top.fd), self._target.top, self._abilities)
        return planned._replace(id=1)

    def list(self, directory: int, path: bytes, results: "queue.Queue[_Block]") -> None:
        """Put the directory's rows into ``results`` block by block; the last block always comes."""
        block = _Block(directory)
        try:
            source = self._source.folder(path)
            target = self._target_folder(path)
            if target is not None:
                self._sweep(target)
            with os.scandir(source.fd) as listing:
                for item in listing:
                    self._visit(item, directory, path, source, target, block)
                    if len(block.rows) >= BLOCK:
                        results.put(block)
                        block = _Block(directory)
                        self._check_stopped()
        except Exception as error:  # noqa: BLE001 - it goes to the thread that can judge it
            block.error = error
        block.is_last = True
        results.put(block)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise InterruptedError

    def _target_folder(self, path: bytes) -> Folder | None:
        try:
            return self._target.folder(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _sweep(self, target: Folder) -> None:
        """Remove temporary files that an earlier run left in this directory of the target."""
        now = time.time()
        with os.scandir(target.fd) as listing:
            found = [item for item in listing if item.name.startswith(".asynctask.")]
        for item in found:
            name = os.fsencode(item.name)
            try:
                if names.is_orphan(name, self._token, item.stat(follow_symlinks=False).st_mtime, now):
                    os.unlink(name, dir_fd=target.fd)
            except OSError:
                continue  # only a leftover; it does no harm

    def _visit(
        self,
        item: "os.DirEntry[str]",
        directory: int,
        path: bytes,
        source: Folder,
        target: Folder | None,
        block: _Block,
    ) -> None:
        name = os.fsencode(item.name)
        if names.is_temporary(name):
            return
        full = names.join(path, name)
        try:
            found = item.stat(follow_symlinks=False)
            is_directory = stat.S_ISDIR(found.st_mode)
            if not self._rules.is_open and not self._takes_part(full, is_directory=is_directory):
                return
            if is_directory and (found.st_dev, found.st_ino) == self._target_id:
                _count(block, "skipped_target")
                return
            entry = self._read(directory, full, name, found, source)
        except FileNotFoundError:
            return  # deleted while we were listing
        except OSError as error:
            block.failed.append((full, error))
            return
        if is_directory and self._one_file_system and found.st_dev != self._device:
            _count(block, "skipped_mounts")
            return
        try:
            block.rows.append(comparing.plan(entry, name, _stat(name, target), target, self._abilities))
        except (OSError, ItemFailed) as error:
            block.failed.append((full, error))

    def _takes_part(self, path: bytes, *, is_directory: bool) -> bool:
        text = names.text_of(path)
        if self._rules.excludes(text, is_directory=is_directory):
            return False
        if is_directory or not self._rules.is_selective or self._rules.includes(text, is_directory=False):
            return True
        parts = text.split("/")[:-1]
        return any(self._rules.includes("/".join(parts[: i + 1]), is_directory=True) for i in range(len(parts)))

    def _read(self, directory: int, full: bytes, name: bytes, found: os.stat_result, source: Folder) -> Entry:
        link = xattrs = None
        if stat.S_ISLNK(found.st_mode):
            link = os.readlink(name, dir_fd=source.fd)
        elif stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            xattrs = attributes.digest(attributes.read_xattrs(source.path_of(name)))
        return _entry(directory, full, found, link, xattrs)


def _entry(parent: int, path: bytes, found: os.stat_result, link: bytes | None, xattrs: bytes | None) -> Entry:
    kind = kind_of(found.st_mode)
    return Entry(
        id=0,
        parent=parent,
        path=path,
        kind=kind,
        size=found.st_size if kind == Kind.FILE else 0,
        mtime_ns=int64(found.st_mtime_ns),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        nlink=found.st_nlink,
        dev=int64(found.st_dev),
        ino=int64(found.st_ino),
        rdev=int64(found.st_rdev),
        blocks=found.st_blocks,
        link=link,
        xattrs=xattrs,
        action=Action.CREATE,
        state=State.PENDING,
        loss=0,
        target_size=-1,
        target_ino=0,
        leader=0,
        suspect=0,
        hash=None,
    )


def _stat(name: bytes, folder: Folder | None) -> os.stat_result | None:
    if folder is None:
        return None
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _count(block: _Block, what: str) -> None:
    block.skipped[what] = block.skipped.get(what, 0) + 1
