"""Walking a tree directory by directory in threads, so that it goes on where it stopped.

Who keeps the record (the *ledger*) has the directories not listed yet. A directory leaves them in the transaction that
completes its rows, so a listing that broke off, by an error or a crash, never counts: its rows are removed and it is
listed again.
"""

import os
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from asynctask_stage.data.roots import Folder

BLOCK = 2000
"""Rows that travel at once; bounds the memory for a directory of millions."""

COMMIT_SECONDS = 2.0

OpenDirectory = tuple[int, bytes]
"""Its number and its path."""


@dataclass
class Block:
    """Some rows of a directory; the last one says whether the listing ended well."""

    directory: int
    rows: list[Any] = field(default_factory=list)
    failed: list[tuple[bytes, Exception]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    is_last: bool = False
    error: Exception | None = None

    def count(self, what: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[what] = self.counts.get(what, 0) + number


Visit = Callable[["os.DirEntry[str]", Block], None]


class Lister(ABC):
    """Lists one directory at a time; shared by the threads."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @abstractmethod
    def begin(self, directory: int, path: bytes) -> tuple[Folder, Visit]:
        """Enter a directory: it, and what to do with each of its entries. What it raises fails the directory."""

    def stop(self) -> None:
        """End running listings early; they count as failed."""
        self._stopped.set()

    def list(self, directory: int, path: bytes, results: "queue.Queue[Block]") -> None:
        """Put the directory's rows into ``results`` block by block; the last block always comes."""
        block = Block(directory)
        try:
            folder, visit = self.begin(directory, path)
            with os.scandir(folder.fd) as listing:
                for item in listing:
                    visit(item, block)
                    if len(block.rows) >= BLOCK:
                        results.put(block)
                        block = Block(directory)
                        self._check_stopped()
        except Exception as error:  # noqa: BLE001 - it goes to the thread that can judge it
            block.error = error
        block.is_last = True
        results.put(block)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise InterruptedError


class Ledger(Protocol):
    """Who keeps what is found. Called in one thread."""

    def resume(self) -> list[OpenDirectory]:
        """The directories still to be listed, rows of broken listings removed."""

    def write(self, block: Block) -> list[OpenDirectory]:
        """Keep a block; the directories in it that are to be entered."""

    def finish(self, block: Block, below: list[OpenDirectory]) -> list[OpenDirectory]:
        """The listing has ended, well or with ``block.error``; which of ``below`` to enter. May raise to end it all."""

    def commit(self) -> None:
        """Make it durable."""


class Walk:
    """One walk over everything that is still open. Listings run in threads, the ledger is written in one."""

    def __init__(self, lister: Lister, ledger: Ledger, *, threads: int, check: Callable[[], None]) -> None:
        """``check`` may raise to stop."""
        self._lister = lister
        self._ledger = ledger
        self._threads = threads
        self._check = check
        self._results: queue.Queue[Block] = queue.Queue(maxsize=4 * threads)
        self._open: list[OpenDirectory] = []
        self._found: dict[int, list[OpenDirectory]] = {}

    def run(self) -> None:
        """List everything that is still open. On return, or when stopped, what is done is committed."""
        self._open = self._ledger.resume()
        committed = time.monotonic()
        busy = 0
        with ThreadPoolExecutor(self._threads, "walk") as pool:
            try:
                while self._open or busy:
                    while self._open and busy < 2 * self._threads:
                        pool.submit(self._lister.list, *self._open.pop(), self._results)
                        busy += 1
                    busy -= self._take(self._results.get())
                    if time.monotonic() - committed > COMMIT_SECONDS:
                        self._ledger.commit()
                        committed = time.monotonic()
                        self._check()
            finally:
                self._lister.stop()
                while busy:
                    busy -= self._results.get().is_last
        self._ledger.commit()

    def _take(self, block: Block) -> bool:
        """Write a block; whether its directory is finished."""
        below = self._found.setdefault(block.directory, [])
        below += self._ledger.write(block)
        if block.is_last:
            del self._found[block.directory]
            self._open += reversed(self._ledger.finish(block, below))
        return block.is_last
