"""Listing a source tree into the catalog, compared with the target on the way; goes on where it stopped."""

import os
import stat
import time
from collections.abc import Callable

from asynctask_stage.data import attributes, comparing, names
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Entry, Kind, State, int64, kind_of
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.roots import Folder, Root
from asynctask_stage.data.walking import Block, Lister, OpenDirectory, Visit, Walk


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
        self._failures = failures
        self._threads = threads
        self._check = check
        self._tell = tell
        self._next_id = 1

    def run(self) -> None:
        """List everything that is still open. On return, or when stopped, what is done is committed."""
        Walk(self._lister, self, threads=self._threads, check=self._check).run()

    def resume(self) -> list[OpenDirectory]:
        """See ``Ledger``."""
        if not self._catalog.get("scan_begun"):
            root = self._lister.root_entry()
            self._catalog.insert([root])
            self._catalog.execute("INSERT INTO open_directories VALUES (?, ?)", (root.id, root.path))
            self._catalog.put({"scan_begun": True})
            self._failures.commit()
        self._catalog.execute("DELETE FROM entries WHERE parent IN (SELECT id FROM open_directories)")
        self._next_id = 1 + int(self._catalog.scalar("SELECT max(id) FROM entries"))
        return list(self._catalog.execute("SELECT id, path FROM open_directories ORDER BY id"))

    def write(self, block: Block) -> list[OpenDirectory]:
        """See ``Ledger``."""
        rows: list[Entry] = [row._replace(id=self._next_id + i) for i, row in enumerate(block.rows)]
        self._next_id += len(rows)
        self._catalog.insert(rows)
        for path, error in block.failed:
            self._failures.add(path, error)
        for what, count in block.counts.items():
            self._catalog.put({what: self._catalog.get(what, 0) + count})
        return [(row.id, row.path) for row in rows if row.kind == Kind.DIRECTORY and row.state != State.FAILED]

    def finish(self, block: Block, below: list[OpenDirectory]) -> list[OpenDirectory]:
        """See ``Ledger``."""
        self._catalog.execute("DELETE FROM open_directories WHERE id = ?", (block.directory,))
        if block.error is None:
            self._catalog.execute_many("INSERT INTO open_directories VALUES (?, ?)", below)
            return below
        self._catalog.execute("DELETE FROM entries WHERE parent = ?", (block.directory,))
        directory = self._catalog.entry(block.directory)
        if not directory.path:
            raise block.error
        if isinstance(block.error, FileNotFoundError):
            self._catalog.set_states(State.VANISHED, [directory.id])
        else:
            self._failures.add(directory.path, block.error)
            self._catalog.set_states(State.FAILED, [directory.id])
        return []

    def commit(self) -> None:
        """See ``Ledger``."""
        self._failures.commit()
        self._tell(self._next_id - 1)


class _Lister(Lister):
    """Compares each entry with the target's."""

    def __init__(
        self, source: Root, target: Root, abilities: Abilities, rules: Rules, token: str, *, one_file_system: bool
    ) -> None:
        super().__init__()
        self._source = source
        self._target = target
        self._abilities = abilities
        self._rules = rules
        self._token = token
        self._one_file_system = one_file_system
        self._device = os.fstat(source.top.fd).st_dev
        top = os.fstat(target.top.fd)
        self._target_id = (top.st_dev, top.st_ino)

    def root_entry(self) -> Entry:
        """The row of the root."""
        top = self._source.top
        entry = _entry(0, b"", os.fstat(top.fd), None, attributes.digest(attributes.read_xattrs(top.fd)))
        planned = comparing.plan(entry, b".", os.fstat(self._target.top.fd), self._target.top, self._abilities)
        return planned._replace(id=1)

    def begin(self, directory: int, path: bytes) -> tuple[Folder, Visit]:
        """See ``Lister``."""
        source = self._source.folder(path)
        target = self._target_folder(path)
        if target is not None:
            self._sweep(target)
        return source, lambda item, block: self._visit(item, directory, path, source, target, block)

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
        block: Block,
    ) -> None:
        name = os.fsencode(item.name)
        if names.is_temporary(name):
            return
        full = names.join(path, name)
        try:
            found = item.stat(follow_symlinks=False)
            is_directory = stat.S_ISDIR(found.st_mode)
            if not self._rules.is_open and not self._rules.takes_part(names.text_of(full), is_directory=is_directory):
                return
            if is_directory and (found.st_dev, found.st_ino) == self._target_id:
                block.count("skipped_target")
                return
            entry = self._read(directory, full, name, found, source)
        except FileNotFoundError:
            return  # deleted while we were listing
        except OSError as error:
            block.failed.append((full, error))
            return
        if is_directory and self._one_file_system and found.st_dev != self._device:
            block.count("skipped_mounts")
            return
        try:
            block.rows.append(comparing.plan(entry, name, _stat(name, target), target, self._abilities))
        except (OSError, ItemFailed) as error:
            block.failed.append((full, error))

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
