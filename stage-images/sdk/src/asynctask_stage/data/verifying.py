"""Reading the target again and comparing it with what was copied.

Files copied in this run, or in an earlier one that left its hashes, are compared with those. Files that share their
blocks with the source are compared with the source. For files that were there before there is nothing to compare with:
their hash is recorded, for the runs to come, and they are counted. Results are taken in order, so a cursor says how far
it is, inside a large file too.
"""

import collections
import functools
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from blake3 import blake3

from asynctask_stage.data import kernel, names, opening, pieces
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Entry, Kind, State, int64
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.pacing import DIRECT_SEGMENT, SEGMENT, Checkpointer, Pace
from asynctask_stage.data.pieces import Piece
from asynctask_stage.data.roots import Root
from asynctask_stage.data.transfers import LARGE_BYTES
from asynctask_stage.errors import Stopped

SLICE = 32
COMMIT_SECONDS = 2.0


@dataclass(frozen=True)
class _Checked:
    """One file, or one piece of one, as it was found."""

    entry: Entry
    piece: Piece | None = None
    is_last: bool = True
    found: bytes | None = None
    is_new: bool = False
    """Whether there was nothing to compare with."""
    error: Exception | None = None


class Verification:
    """One verification of everything that the catalog says is in the target."""

    def __init__(
        self,
        catalog: Catalog,
        source: Root | None,
        target: Root,
        failures: Failures,
        pace: Pace,
        checkpointer: Checkpointer,
        *,
        threads: int = 4,
        chunk_bytes: int = 64 << 20,
    ) -> None:
        """``source`` is for files without a hash that were copied by sharing blocks; None leaves those uncompared."""
        self._catalog = catalog
        self._source = source
        self._target = target
        self._failures = failures
        self._pace = pace
        self._checkpointer = checkpointer
        self._threads = threads
        self._chunk_bytes = chunk_bytes
        self._bad: set[int] = set()
        self._committed = time.monotonic()

    def sizes(self) -> None:
        """Compare sizes only."""
        self._run(self._by_slices(self._size))

    def hashes(self) -> None:
        """Read everything."""
        self._run(self._tasks())

    def _run(self, tasks: Iterator[Callable[[], list[_Checked]]]) -> None:
        running: collections.deque[Future[list[_Checked]]] = collections.deque()
        with ThreadPoolExecutor(self._threads, "verify") as pool:
            try:
                while True:
                    while len(running) < 4 * self._threads and (task := next(tasks, None)) is not None:
                        running.append(pool.submit(task))
                    if not running:
                        break
                    for checked in running.popleft().result():
                        self._take(checked)
                    if time.monotonic() - self._committed > COMMIT_SECONDS:
                        self._commit()
                        self._pace.check()
            except Stopped:
                self._commit()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        self._commit()

    def _commit(self) -> None:
        self._failures.commit()
        self._checkpointer.set(
            bytesDone=self._pace.bytes_done, itemsDone=self._pace.items_done, itemErrors=self._failures.count
        )
        self._committed = time.monotonic()

    def _take(self, checked: _Checked) -> None:
        entry = checked.entry
        if checked.error is not None:
            self._failures.add(entry.path, checked.error)
            self._catalog.set_states(State.MISMATCH, [entry.id])
            self._pace.moved(0, items=entry.id not in self._bad)
            self._bad.add(entry.id)
            return
        if checked.piece is not None:
            if checked.is_new and checked.found is not None:
                pieces.add(self._catalog, entry.id, [Piece(checked.piece.start, checked.piece.length, checked.found)])
            self._catalog.put({"verified": [entry.id, checked.piece.start + checked.piece.length]})
        if not checked.is_last or entry.id in self._bad:
            return
        if checked.is_new:
            digest = pieces.combined(pieces.read(self._catalog, entry.id)) if checked.piece else checked.found
            self._catalog.execute("UPDATE entries SET hash = ? WHERE id = ?", (digest, entry.id))
            self._catalog.put({"hashes_recorded": self._catalog.get("hashes_recorded", 0) + 1})
        self._catalog.set_states(State.VERIFIED, [entry.id])
        self._pace.moved(0, items=1)

    def _entries(self) -> Iterator[Entry]:
        return self._catalog.entries("kind = ? AND state = ?", (Kind.FILE, State.DONE))

    def _tasks(self) -> Iterator[Callable[[], list[_Checked]]]:
        """Work in order of id: slices of small files, pieces of large ones."""
        large = min(LARGE_BYTES, self._chunk_bytes)
        small: list[Entry] = []
        for entry in self._entries():
            is_small = entry.is_link or entry.size < large
            if is_small:
                small.append(entry)
            if small and (not is_small or len(small) == SLICE):
                yield functools.partial(self._each, self._whole, small)
                small = []
            if not is_small:
                yield from self._pieces(entry)
        if small:
            yield functools.partial(self._each, self._whole, small)

    def _by_slices(self, check: Callable[[Entry], _Checked]) -> Iterator[Callable[[], list[_Checked]]]:
        part: list[Entry] = []
        for entry in self._entries():
            part.append(entry)
            if len(part) >= 8 * SLICE:
                yield functools.partial(self._each, check, part)
                part = []
        yield functools.partial(self._each, check, part)

    def _pieces(self, entry: Entry) -> Iterator[Callable[[], list[_Checked]]]:
        known = pieces.read(self._catalog, entry.id) if entry.hash is not None else []
        todo = known or [
            Piece(start, end - start, None) for start, end in pieces.gaps((), entry.size, self._chunk_bytes)
        ]
        last_entry, reached = self._catalog.get("verified", [0, 0])
        if last_entry == entry.id:
            self._pace.moved(reached)
            todo = [piece for piece in todo if piece.start >= reached] or todo[-1:]
        for piece in todo:
            check = functools.partial(self._piece, piece=piece, is_last=piece is todo[-1])
            yield functools.partial(self._each, check, [entry])

    def _each(self, check: Callable[[Entry], _Checked], entries: list[Entry]) -> list[_Checked]:
        return [self._guard(check, entry) for entry in entries]

    def _guard(self, check: Callable[[Entry], _Checked], entry: Entry) -> _Checked:
        try:
            return check(entry)
        except FileNotFoundError:
            return _Checked(entry, error=ItemFailed("VerifyMismatch", "is missing from the destination"))
        except (OSError, ItemFailed) as error:
            return _Checked(entry, error=error)

    def _size(self, entry: Entry) -> _Checked:
        self._pace.check()
        directory, name = names.split(entry.path)
        found = os.stat(name, dir_fd=self._target.folder(directory).fd, follow_symlinks=False)
        _ensure_size(entry, found)
        self._pace.moved(entry.size)
        return _Checked(entry)

    def _whole(self, entry: Entry) -> _Checked:
        if entry.is_link:
            return self._size(entry)
        found = self._read(self._target, entry, 0, entry.size)
        expected = entry.hash or self._from_source(entry, 0, entry.size)
        _compare(expected, found, 0, entry.size)
        return _Checked(entry, found=found, is_new=entry.hash is None)

    def _piece(self, entry: Entry, *, piece: Piece, is_last: bool) -> _Checked:
        found = self._read(self._target, entry, piece.start, piece.length)
        expected = piece.hash or self._from_source(entry, piece.start, piece.length)
        _compare(expected, found, piece.start, piece.length)
        return _Checked(entry, piece, is_last=is_last, found=found, is_new=piece.hash is None)

    def _from_source(self, entry: Entry, start: int, length: int) -> bytes | None:
        """The hash of the same range of the source, for what this run copied without reading it."""
        if self._source is None or entry.action != Action.COPY:
            return None
        try:
            return self._read(self._source, entry, start, length, is_target=False)
        except (OSError, ItemFailed):
            return None  # it has changed since, or is gone: nothing to compare with any more

    def _read(self, root: Root, entry: Entry, start: int, length: int, *, is_target: bool = True) -> bytes:
        """The blake3 of a range, read from storage rather than from the page cache where the kernel obliges."""
        directory, name = names.split(entry.path)
        fd = opening.open_source(root.folder(directory), name)
        try:
            found = os.fstat(fd)
            _ensure_size(entry, found)
            if not is_target and int64(found.st_mtime_ns) != entry.mtime_ns:
                raise ItemFailed("Changed", "changed since it was copied")
            os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)
            try:
                return self._hash(fd, entry, start, start + length, count=is_target)
            finally:
                os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)

    def _hash(self, fd: int, entry: Entry, start: int, end: int, *, count: bool) -> bytes:
        state = blake3()
        direct = kernel.reopen_direct(fd, os.O_RDONLY) if end - start >= DIRECT_SEGMENT else None
        try:
            return self._hash_through(fd, direct, entry, start, end, state, count=count)
        finally:
            if direct is not None:
                os.close(direct)

    def _hash_through(
        self, fd: int, direct: int | None, entry: Entry, start: int, end: int, state: "blake3", *, count: bool
    ) -> bytes:
        position = start
        sparse = os.fstat(fd).st_blocks * 512 < entry.size
        for begin, stop in kernel.data_ranges(fd, start, end) if sparse else ((start, end),):
            opening.add_zeros(state, begin - position)
            position = begin
            while position < stop:
                most = self._pace.direct_segment
                length = opening.direct_length(position, stop, most) if direct is not None else 0
                through = direct if direct is not None and length else fd
                length = length or min(SEGMENT, stop - position)
                self._pace.take(length)
                view = opening.buffer()[:length]
                size = os.preadv(through, [view], position)
                if size == 0:
                    raise ItemFailed("VerifyMismatch", f"ends at {position} of {entry.size} bytes")
                state.update(view[:size])
                position += size
        if count:
            self._pace.moved(end - start)
        if position == start:
            return opening.zeros_digest(end - start)
        opening.add_zeros(state, end - position)
        return state.digest()


def _ensure_size(entry: Entry, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ItemFailed("VerifyMismatch", "is not a regular file in the destination")
    if found.st_size != entry.size:
        raise ItemFailed("VerifyMismatch", f"has {found.st_size} bytes, not {entry.size}")


def _compare(expected: bytes | None, found: bytes, start: int, length: int) -> None:
    if expected is not None and expected != found:
        raise ItemFailed(
            "VerifyMismatch",
            f"bytes {start} to {start + length} do not read as they were copied:"
            f" blake3 {found.hex()[:16]}… instead of {expected.hex()[:16]}…",
        )
