"""Large files: moved piece by piece, several at once, resumed inside the file after anything.

A piece is recorded only after ``fdatasync``. It ends early when it takes long or the stage is to stop, so a slow link
loses seconds, not a whole chunk. The source is looked at before, between and after: when it changed, the file starts
again, once.
"""

import collections
import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from asynctask_stage.data import attributes, kernel, names, opening, pieces
from asynctask_stage.data.entries import Action, Entry, Kind, State, int64
from asynctask_stage.data.failures import ItemFailed
from asynctask_stage.data.opening import Changed, Direct
from asynctask_stage.data.pieces import Piece
from asynctask_stage.data.transfers import Transfer
from asynctask_stage.errors import StageError, Stopped, Superseded

SYNC_SECONDS = 0.5
SYNC_BYTES = 128 << 20
OPEN_FILES = 16


@dataclass
class _File:
    """A large file under way."""

    entry: Entry
    reading: int
    writing: int
    todo: collections.deque[tuple[int, int]] = field(default_factory=collections.deque)
    kept: list[Piece] = field(default_factory=list)
    unsynced: list[Piece] = field(default_factory=list)
    running: int = 0
    error: Exception | None = None
    is_started: bool = False
    is_cloned: bool = False
    is_renamed: bool = False
    direct: Direct | None = None

    @property
    def is_moved(self) -> bool:
        """Whether nothing of it is left to move, or in motion."""
        return not self.running and (self.error is not None or not self.todo)

    def close(self) -> None:
        """Close both ends."""
        if self.direct is not None:
            self.direct.close()
        os.close(self.reading)
        os.close(self.writing)


@dataclass(frozen=True)
class _Moved:
    file: _File
    start: int
    end: int
    reached: int
    digest: bytes | None
    error: Exception | None = None


class LargeFiles:
    """The pass over all files from the size for pieces on."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._waiting: Iterator[Entry] = iter(())
        self._again: collections.deque[Entry] = collections.deque()
        self._tries: dict[int, int] = {}
        self._files: list[_File] = []
        self._renamed: list[Entry] = []
        self._results: queue.SimpleQueue[_Moved] = queue.SimpleQueue()
        self._running = 0
        self._unsynced_bytes = 0
        self._synced = time.monotonic()
        self._ending: BaseException | None = None

    def run(self) -> None:
        """Copy what is pending. Before ``Stopped`` or a ``StageError`` goes on, what is moved is kept."""
        transfer = self._transfer
        self._waiting = transfer.catalog.entries(
            "kind = ? AND action = ? AND state = ? AND size >= ?",
            (Kind.FILE, Action.COPY, State.PENDING, transfer.large_bytes),
            page=500,
        )
        with ThreadPoolExecutor(transfer.piece_threads, "pieces") as pool:
            try:
                while self._ending is None and self._step(pool):
                    transfer.pace.check()
            except (Stopped, StageError) as ending:
                self._ending = ending
            except BaseException as error:
                self._ending = error
                raise
            finally:
                self._drain()
        if self._ending is not None:
            raise self._ending

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        """One turn of the loop; whether there is more to do."""
        self._dispatch(pool)
        if self._running:
            try:
                self._collect(self._results.get(timeout=0.25))
            except queue.Empty:
                return True
        is_idle = not self._running
        if is_idle or self._unsynced_bytes >= SYNC_BYTES or time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()
        return bool(self._running or self._files or self._again or self._renamed)

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        while self._running < 2 * self._transfer.piece_threads:
            file = next((f for f in self._files if f.todo and f.error is None), None)
            if file is None:
                if len(self._files) >= OPEN_FILES or not self._open_next():
                    return
                continue
            if file.direct is None and not file.is_started:
                file.direct = Direct.of(file.reading, file.writing)
            file.is_started = True
            start, end = file.todo.popleft()
            file.running += 1
            self._running += 1
            pool.submit(self._move, file, start, end)

    def _open_next(self) -> bool:
        entry = self._again.popleft() if self._again else next(self._waiting, None)
        if entry is None:
            return False
        try:
            self._files.append(self._open(entry))
        except (OSError, ItemFailed) as error:
            self._give_up(entry, error)
        return True

    def _open(self, entry: Entry) -> _File:
        transfer = self._transfer
        directory, name = names.split(entry.path)
        source, target = transfer.source.folder(directory), transfer.target.folder(directory)
        temporary = names.temporary(transfer.token, entry.id)
        reading = opening.open_source(source, name)
        try:
            entry = opening.refresh(entry, os.fstat(reading))
            partial = pieces.partial(transfer.catalog, entry.id)
            if partial is not None and partial.is_of(entry):
                kept = pieces.read(transfer.catalog, entry.id)
                todo = list(pieces.gaps(kept, entry.size, transfer.chunk_bytes))
                for place in (temporary,) if todo else (temporary, name):
                    writing = _reopen(target.fd, place, partial.ino, entry.size)
                    if writing is not None:
                        renamed = place == name
                        return _File(entry, reading, writing, collections.deque(todo), kept, is_renamed=renamed)
                transfer.pace.moved(-sum(piece.length for piece in kept))
            writing = opening.open_temporary(target, temporary)
        except BaseException:
            os.close(reading)
            raise
        return self._begin(entry, reading, writing)

    def _begin(self, entry: Entry, reading: int, writing: int) -> _File:
        transfer = self._transfer
        file = _File(entry, reading, writing)
        try:
            pieces.begin(transfer.catalog, entry, int64(os.fstat(writing).st_ino))
            if transfer.abilities.clones and kernel.clone(reading, writing):
                file.is_cloned = True
                transfer.cloned(entry)
            else:
                os.ftruncate(writing, entry.size)
                file.todo.extend(pieces.gaps((), entry.size, transfer.chunk_bytes))
        except BaseException:
            file.close()
            raise
        return file

    def _move(self, file: _File, start: int, end: int) -> None:
        """In a thread: move one piece, or as much of it as there is time for."""
        latest = time.monotonic() + self._transfer.piece_seconds

        def enough() -> bool:
            is_late = self._transfer.pace.stopping or self._ending is not None or file.error is not None
            return is_late or time.monotonic() > latest

        try:
            reached, digest = self._transfer.mover.move(
                file.reading, file.writing, start, end, sparse=file.entry.is_sparse, direct=file.direct, enough=enough
            )
            self._results.put(_Moved(file, start, end, reached, digest))
        except Exception as error:  # noqa: BLE001 - it goes to the thread that can judge it
            self._results.put(_Moved(file, start, end, start, None, error))

    def _collect(self, moved: _Moved) -> None:
        file = moved.file
        file.running -= 1
        self._running -= 1
        if moved.error is not None:
            file.error = file.error or moved.error
            return
        if moved.reached > moved.start:
            file.unsynced.append(Piece(moved.start, moved.reached - moved.start, moved.digest))
            self._unsynced_bytes += moved.reached - moved.start
        if moved.reached < moved.end:
            file.todo.appendleft((moved.reached, moved.end))

    def _sync(self) -> None:
        """Put what is moved on stable storage, record it, and finish the files that are complete."""
        transfer = self._transfer
        self._settle()
        for file in list(self._files):
            if file.error is None:
                self._record(file)
            if file.is_moved:
                self._files.remove(file)
                self._finish(file)
        transfer.commit()
        self._unsynced_bytes = 0
        self._synced = time.monotonic()

    def _settle(self) -> None:
        """Files that were renamed before are on stable storage with this sync, and done."""
        if not self._renamed:
            return
        transfer = self._transfer
        kernel.syncfs(transfer.target.top.fd)
        transfer.done(self._renamed)
        transfer.catalog.execute_many("DELETE FROM partials WHERE entry = ?", ((e.id,) for e in self._renamed))
        self._renamed = []

    def _record(self, file: _File) -> None:
        unsynced, file.unsynced = file.unsynced, []
        if not unsynced and not (file.is_cloned and file.is_moved):
            return
        try:
            os.fdatasync(file.writing)
            opening.ensure_unchanged(file.reading, file.entry)
        except (OSError, Changed) as error:
            file.error = error
            return
        pieces.add(self._transfer.catalog, file.entry.id, unsynced)
        file.kept += unsynced

    def _finish(self, file: _File) -> None:
        transfer, entry = self._transfer, file.entry
        try:
            if file.error is not None:
                raise file.error
            opening.ensure_unchanged(file.reading, entry)
            given = attributes.read_xattrs(file.reading) if entry.xattrs else None
            atime = os.fstat(file.reading).st_atime_ns
            loss = attributes.apply(file.writing, entry, transfer.abilities, given, strip=True, atime_ns=atime)
            entry = entry._replace(hash=pieces.combined(file.kept), loss=loss)
            if file.is_renamed or transfer.rename(entry):
                self._renamed.append(entry)
        except Changed:
            self._start_again(entry)
        except (OSError, ItemFailed) as error:
            self._give_up(entry, error)
        finally:
            file.close()

    def _start_again(self, entry: Entry) -> None:
        self._forget(entry)
        self._tries[entry.id] = self._tries.get(entry.id, 0) + 1
        if self._tries[entry.id] > 1:
            self._give_up(entry, ItemFailed("ChangedWhileRead", "the file changed while it was read, twice"))
        else:
            self._again.append(entry)

    def _give_up(self, entry: Entry, error: Exception) -> None:
        """An item error; raises instead when everything would fail, and then keeps what there is for a resume."""
        self._transfer.failures.check(error)
        self._forget(entry)
        self._transfer.fail(entry, error)

    def _forget(self, entry: Entry) -> None:
        self._transfer.pace.moved(-sum(piece.length for piece in pieces.read(self._transfer.catalog, entry.id)))
        pieces.clear(self._transfer.catalog, entry.id)
        directory, _ = names.split(entry.path)
        try:
            opening.discard(self._transfer.target.folder(directory), names.temporary(self._transfer.token, entry.id))
        except OSError:
            return  # the sweep of the next run finds it

    def _drain(self) -> None:
        """Wait for the threads, keep what they moved, close everything."""
        while self._running:
            self._collect(self._results.get())
        keep = self._ending is not None and not isinstance(self._ending, Superseded)
        for file in self._files:
            if keep and file.error is None:
                self._record(file)
            file.close()
        self._files = []
        if keep:
            self._settle()
            self._transfer.commit()


def _reopen(folder: int, name: bytes, ino: int, size: int) -> int | None:
    """The file of an earlier attempt, when it is that very one."""
    try:
        fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    found = os.fstat(fd)
    if int64(found.st_ino) == ino and found.st_size == size:
        return fd
    os.close(fd)
    return None
