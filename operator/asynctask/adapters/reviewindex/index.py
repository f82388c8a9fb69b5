"""A list's columns, read as far as they are needed, and the questions that a review asks of them.

Nothing is mapped into memory: on a shared disk a file may go while it is read, which must be an error of one call and
not the end of the process. Nor is a long column kept: the kernel has lately read pages at hand, where a million items
would take 30 MB of each replica. All of it blocks; call it in a thread.
"""

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import contains
from pathlib import Path
from threading import Lock
from typing import overload

import orjson

from asynctask.core.reviews import masks
from asynctask.core.reviews.filters import ItemFilter, Sort
from asynctask.core.reviews.masks import Mask

CODES = {
    "path_ends": "Q", "sizes": "q", "times": "q", "types": "H", "size_classes": "B", "age_classes": "B", "starts": "Q",
    "lines": "I", "by_size": "I", "by_time": "I", "folder_lows": "I", "folder_highs": "I", "folder_afters": "I",
    "folder_depths": "H", "folder_name_ends": "Q",
}  # fmt: skip
READ = 1 << 20
LINE = 4096
KEPT_NUMBERS = 1 << 17
"""A column of no more numbers is kept: those of folders, mostly, which are asked for one by one."""


class Column(Sequence[int]):
    """The numbers of an open file. Raises OSError when it is shorter than it was."""

    def __init__(self, file: int, code: str) -> None:
        self._file, self._code = file, code
        self._width = array(code).itemsize
        self._length = os.fstat(file).st_size // self._width

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> "array[int]": ...
    def __getitem__(self, at: int | slice) -> "int | array[int]":
        if isinstance(at, slice):
            start, stop, step = at.indices(self._length)
            return self._read(start, max(0, stop - start))[::step]
        if not 0 <= at < self._length:
            raise IndexError(at)
        return self._read(at, 1)[0]

    def _read(self, start: int, length: int) -> "array[int]":
        found = array(self._code)
        begin, end = start * self._width, (start + length) * self._width
        while begin < end:
            block = os.pread(self._file, min(READ, end - begin), begin)
            if not block or len(block) % self._width:
                raise OSError("the index is shorter than it was")
            found.frombytes(block)
            begin += len(block)
        return found


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the list."""

    row: int
    path: str
    size: int
    time: int
    type: str


class Index:
    """An index on disk, open. Raises OSError when its files are gone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        meta = orjson.loads((directory / "meta.json").read_bytes())
        self.items: int = meta["items"]
        self.bytes: int = meta["bytes"]
        self.types: list[str] = meta["types"]
        self.digest: str = meta["digest"]
        """Of the whole list's bytes: SHA-256, hexadecimal."""
        self.now: int = meta["now"]
        """What ages count to, in nanoseconds since 1970."""
        self._columns: dict[str, Sequence[int]] = {}
        self._files: dict[str, int] = {}
        self._lock = Lock()

    def __del__(self) -> None:
        self.close()  # whoever still reads keeps it: never are files closed under a thread

    def close(self) -> None:
        """Let its files go."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    # -- rows

    def row(self, number: int) -> Item:
        """One item."""
        size, time = self.column("sizes")[number], self.column("times")[number]
        return Item(number, self.path(number), size, time, self.types[self.column("types")[number]])

    def path(self, row: int) -> str:
        """Its path."""
        return self._key(row).decode()

    def line(self, row: int) -> bytes:
        """Its line in the list, as it was written."""
        start = self.column("starts")[row]
        found = b""
        while b"\n" not in found:
            more = os.pread(self._file("list.jsonl"), LINE, start + len(found))
            if not more:
                break
            found += more
        return found.partition(b"\n")[0]

    # -- sets of rows

    def mask(self, wanted: ItemFilter, struck: Mask) -> Mask | None:
        """The rows that a filter means; None: all of them."""
        if wanted.is_empty:
            return None
        low, high = self.span(wanted.folder)
        mask: Mask | None = None
        if (low, high) != (0, self.items):
            mask = masks.span(self.items, low, high)
        for part in self._parts(wanted, struck, low, high):
            mask = part if mask is None else masks.both(mask, part)
        return mask

    def span(self, folder: str) -> tuple[int, int]:
        """The rows below a folder."""
        if not folder:
            return 0, self.items
        key = folder.encode("utf-8", "replace").replace(b"/", b"\0") + b"\0"
        return self._place(key), self._place(key[:-1] + b"\x01")

    def _parts(self, wanted: ItemFilter, struck: Mask, low: int, high: int) -> Iterator[Mask]:
        if wanted.struck is not None:
            yield struck if wanted.struck else masks.invert(struck)
        if wanted.types:
            known = {name: number for number, name in enumerate(self.types)}
            numbers = frozenset(known[name] for name in wanted.types if name in known)
            yield self._where("types", low, high, numbers.__contains__)
        if wanted.min_size is not None or wanted.max_size is not None:
            least, most = wanted.min_size or 0, 2**62 if wanted.max_size is None else wanted.max_size
            yield self._within("sizes", low, high, least, most)
        if wanted.from_time is not None or wanted.before_time is not None:
            first = -(2**63) if wanted.from_time is None else wanted.from_time
            last = 2**63 - 1 if wanted.before_time is None else wanted.before_time - 1
            yield self._within("times", low, high, first, last)
        if wanted.text:
            yield self._containing(wanted.text.casefold(), low, high)

    def _where(self, name: str, low: int, high: int, holds: Callable[[int], bool]) -> Mask:
        values = self.column(name)
        found = b"".join(bytes(map(holds, values[at:end])) for at, end in masks.blocks(low, high))
        return bytes(low) + found + bytes(self.items - high)

    def _within(self, name: str, low: int, high: int, least: int, most: int) -> Mask:
        values = self.column(name)
        found = b"".join(
            bytes([least <= value <= most for value in values[at:end]]) for at, end in masks.blocks(low, high)
        )
        return bytes(low) + found + bytes(self.items - high)

    def _containing(self, text: str, low: int, high: int) -> Mask:
        if "\0" in text or low >= high:
            return bytes(self.items)
        begin = self._begin(low)
        end = self.column("path_ends")[high - 1]
        parts = [bytes(low)]
        sought = text.encode("utf-8", "replace")
        rest = b""
        while begin < end:
            read = os.pread(self._file("paths"), min(READ, end - begin), begin)
            if not read:
                raise OSError("the index is shorter than it was")
            begin += len(read)
            whole, found, rest = (rest + read).rpartition(b"\0")
            if not found:
                continue
            if text.isascii():  # several times as fast
                parts.append(bytes(map(contains, whole.lower().split(b"\0"), repeat(sought))))
            else:
                parts.append(bytes(map(contains, whole.decode().casefold().split("\0"), repeat(text))))
        return b"".join((*parts, bytes(self.items - high)))

    # -- orders

    def order(self, sort: Sort) -> Sequence[int]:
        """The rows in an order, the smallest, or the oldest, first."""
        if sort == "path":
            return range(self.items)
        return self.column("by_size" if sort == "size" else "by_time")

    def place(self, sort: Sort, row: int) -> int:
        """Where a row is in an order."""
        if sort == "path":
            return row
        order, values = self.order(sort), self.column("sizes" if sort == "size" else "times")
        return bisect_left(order, (values[row], row), key=lambda other: (values[other], other))

    # -- folders

    def folders(self, folder: str) -> Iterator[tuple[str, int, int]]:
        """The folders right below a folder: name, first row, row after the last."""
        low, high = self.span(folder)
        if low >= high:
            return
        lows, highs, afters = self.column("folder_lows"), self.column("folder_highs"), self.column("folder_afters")
        depths = self.column("folder_depths")
        if folder:
            depth = folder.count("/")
            found = bisect_left(lows, low)
            # folders that begin with the same row lie inside one another
            found += depth - depths[found] if found < len(lows) else 0
            child, after = found + 1, afters[found]
        else:
            child, after = 0, len(lows)
        while child < after:
            yield self._folder_name(child), lows[child], highs[child]
            child = afters[child]

    # -- files

    def column(self, name: str) -> Sequence[int]:
        """A column. A short one is read whole and kept from then on."""
        found = self._columns.get(name)
        if found is None:
            column = Column(self._file(name), CODES[name])
            found = self._columns[name] = column if len(column) > KEPT_NUMBERS else column[:]
        return found

    def kept_lines(self, struck: Mask) -> Iterable[bytes]:
        """What is left of the list, line by line as it was written, in blocks."""
        lines = self.column("lines")
        keep = bytearray(self.items)
        for at, end in masks.blocks(0, self.items):
            for line, gone in zip(lines[at:end], struck[at:end], strict=True):
                keep[line] = not gone
        number = 0
        with (self.directory / "list.jsonl").open("rb") as file:
            while block := file.readlines(READ):
                kept = [
                    line for line, is_kept in zip(block, keep[number : number + len(block)], strict=True) if is_kept
                ]
                number += len(block)
                if kept and not kept[-1].endswith(b"\n"):
                    kept.append(b"\n")
                yield b"".join(kept)

    def _file(self, name: str) -> int:
        with self._lock:
            if name not in self._files:
                self._files[name] = os.open(self.directory / name, os.O_RDONLY)
            return self._files[name]

    def _begin(self, row: int) -> int:
        return self.column("path_ends")[row - 1] if row else 0

    def _key(self, row: int) -> bytes:
        begin = self._begin(row)
        end = self.column("path_ends")[row]
        return os.pread(self._file("paths"), end - 1 - begin, begin)

    def _place(self, key: bytes) -> int:
        return bisect_left(range(self.items), key, key=lambda row: self._key(row).replace(b"/", b"\0"))

    def _folder_name(self, folder: int) -> str:
        ends = self.column("folder_name_ends")
        begin, end = ends[folder - 1] if folder else 0, ends[folder]
        return os.pread(self._file("folder_names"), end - begin, begin).decode()
