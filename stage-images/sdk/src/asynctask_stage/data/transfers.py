"""What the passes over small files, large files, links and directories share."""

import os
import threading
from dataclasses import dataclass, field

from asynctask_stage.data import names, opening
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Entry, State
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.opening import Mover
from asynctask_stage.data.pacing import Checkpointer, Pace
from asynctask_stage.data.roots import Root

LARGE_BYTES = 8 << 20
"""From this size on a file is copied in pieces and resumed inside; small enough that repeating one costs little."""

PIECE_SECONDS = 5.0
"""A piece that takes longer is ended early and recorded, so that a slow link loses seconds and not a whole chunk."""


@dataclass
class Transfer:
    """One transfer, wired once."""

    catalog: Catalog
    source: Root
    target: Root
    abilities: Abilities
    failures: Failures
    pace: Pace
    mover: Mover
    checkpointer: Checkpointer
    token: str
    threads: int = 4
    chunk_bytes: int = 64 << 20
    piece_seconds: float = PIECE_SECONDS
    cloned_files: int = 0
    cloned_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def large_bytes(self) -> int:
        """The size from which files are copied in pieces."""
        return min(LARGE_BYTES, self.chunk_bytes)

    @property
    def piece_threads(self) -> int:
        """Threads that move pieces: a disk is kept busy by two, a network wants more."""
        return max(2, self.threads // 2)

    def cloned(self, entry: Entry) -> None:
        """Count a file whose blocks are shared: done, and nothing moved."""
        with self._lock:
            self.cloned_files += 1
            self.cloned_bytes += entry.size
        self.pace.moved(entry.size)

    def fail(self, entry: Entry, error: Exception) -> None:
        """The entry can't be copied: an item error, or no error at all when it was deleted meanwhile."""
        is_gone = isinstance(error, FileNotFoundError) and not self._is_there(entry)
        if not is_gone:
            self.failures.add(entry.path, error)
        self.catalog.set_states(State.VANISHED if is_gone else State.FAILED, [entry.id])
        self.pace.moved(0, items=1)

    def rename(self, entry: Entry) -> bool:
        """Give a complete file its final name; whether that worked."""
        directory, name = names.split(entry.path)
        temporary = names.temporary(self.token, entry.id)
        try:
            folder = self.target.folder(directory)
            os.rename(temporary, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except OSError as error:
            self.fail(entry, error)
            try:
                opening.discard(self.target.folder(directory), temporary)
            except OSError:
                return False
            return False
        return True

    def done(self, entries: list[Entry]) -> None:
        """Record files that are on stable storage under their final names, as they were when copied."""
        self.catalog.execute_many(
            "UPDATE entries SET state = ?, hash = ?, loss = ?, size = ?, mtime_ns = ?, mode = ?, uid = ?, gid = ?,"
            " suspect = 0 WHERE id = ?",
            ((int(State.DONE), e.hash, e.loss, e.size, e.mtime_ns, e.mode, e.uid, e.gid, e.id) for e in entries),
        )
        self.pace.moved(0, items=len(entries))

    def allocated(self) -> int:
        """Bytes that unfinished copies of large files take in the target already."""
        total = 0
        sql = "SELECT id, path FROM entries JOIN partials ON partials.entry = entries.id"
        for entry_id, path in self.catalog.execute(sql).fetchall():
            directory, _ = names.split(path)
            try:
                folder = self.target.folder(directory)
                found = os.stat(names.temporary(self.token, entry_id), dir_fd=folder.fd, follow_symlinks=False)
            except OSError:
                continue
            total += found.st_blocks * 512
        return total

    def commit(self) -> None:
        """Commit the catalog, tell item errors, renew the checkpoint."""
        self.failures.commit()
        self.checkpointer.set(
            bytesDone=self.pace.bytes_done, itemsDone=self.pace.items_done, itemErrors=self.failures.count
        )

    def _is_there(self, entry: Entry) -> bool:
        directory, name = names.split(entry.path)
        try:
            os.stat(name, dir_fd=self.source.folder(directory).fd, follow_symlinks=False)
        except OSError:
            return False
        return True
