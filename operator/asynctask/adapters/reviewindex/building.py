"""Makes the columns of a list. Memory does not grow with paths: they are sorted in runs on disk, then merged."""

import hashlib
import heapq
import marshal
import os
import shutil
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Annotated

import msgspec
import orjson

from asynctask.core.reviews.filters import SIZE_BOUNDS, age_bounds, type_of

RUN_ITEMS = 100_000
"""Items sorted at once."""
BATCH = 2000
FLUSH = 1 << 16
MAX_LINE = 1 << 16
MAX_TYPES = 60_000
SORTED_AT_ONCE = 250_000

Record = tuple[bytes, int, int, int, int, int]
"""The path as it sorts, where its line begins, the line's number from 0, size, time, type."""
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Item(msgspec.Struct):
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    size: Whole = 0
    mtime: Nanoseconds = msgspec.field(name="mtimeNs", default=0)
    time: Nanoseconds | None = msgspec.field(name="timeNs", default=None)


class InvalidList(Exception):
    """A list that can't be reviewed; says which line is at fault."""


class TooManyItems(InvalidList):
    """More items than a review may have."""


def build(source: Path, target: Path, *, now: int, max_items: int) -> None:
    """Make the index of the list `source` as the directory `target`, whole or not at all.

    `now` (nanoseconds since 1970) is what ages count to. Raises InvalidList and OSError. When two do it at once, one
    result stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}-{token_hex(6)}")
    half.mkdir()
    try:
        taken = half / "list.jsonl"
        try:
            os.link(source, taken)
        except OSError:
            shutil.copyfile(source, taken)
        types: dict[str, int] = {"": 0}
        with ExitStack() as stack, taken.open("rb") as lines:
            digest = hashlib.sha256()
            runs = [_stored(run, half, stack) for run in _runs(_records(lines, types, max_items, digest))]
            items, total = _write(heapq.merge(*runs), half, age_bounds(now))
        meta = {"items": items, "bytes": total, "types": list(types), "now": now, "digest": digest.hexdigest()}
        (half / "meta.json").write_bytes(orjson.dumps(meta))
        _sync(half)
        with suppress(FileExistsError, OSError):
            half.rename(target)
        if not target.is_dir():
            raise OSError(f"{target} could not be made")
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _records(lines: IO[bytes], types: dict[str, int], max_items: int, digest: "hashlib._Hash") -> Iterator[Record]:
    decode = msgspec.json.Decoder(_Item).decode
    start = 0
    number = -1
    while line := lines.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise InvalidList(f"line {number + 1} is longer than {MAX_LINE} bytes")
        if number >= max_items:
            raise TooManyItems(f"there are more than {max_items} items")
        try:
            item = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidList(f"line {number + 1}: {error}") from None
        if "\0" in item.path:
            raise InvalidList(f"line {number + 1}: a path holds no NUL")
        ending = type_of(item.path)
        kind = types.setdefault(ending, len(types)) if len(types) < MAX_TYPES else types.get(ending, 0)
        time = item.mtime if item.time is None else item.time
        yield item.path.encode().replace(b"/", b"\0"), start, number, item.size, time, kind
        start += len(line)
        digest.update(line)


def _runs(records: Iterator[Record]) -> Iterator[list[Record]]:
    run: list[Record] = []
    for record in records:
        run.append(record)
        if len(run) >= RUN_ITEMS:
            yield sorted(run)
            run = []
    yield sorted(run)


def _stored(run: list[Record], directory: Path, stack: ExitStack) -> Iterator[Record]:
    """Put a run aside and give it back a few records at a time."""
    file = stack.enter_context((directory / f"run-{token_hex(6)}").open("w+b"))
    Path(file.name).unlink()
    for at in range(0, len(run), BATCH):
        marshal.dump(run[at : at + BATCH], file)
    file.seek(0)
    return _batches(file)


def _batches(file: IO[bytes]) -> Iterator[Record]:
    while True:
        try:
            batch = marshal.load(file)  # noqa: S302 - written by ourselves a moment ago, into a file without a name
        except EOFError:
            return
        yield from batch


class _Column:
    """Numbers on their way into a file."""

    def __init__(self, directory: Path, name: str, code: str) -> None:
        self._file = (directory / name).open("wb")
        self._code = code
        self._waiting: list[int] = []

    def add(self, value: int) -> None:
        self._waiting.append(value)
        if len(self._waiting) >= FLUSH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        array(self._code, self._waiting).tofile(self._file)
        self._waiting.clear()


class _Folders:
    """The folders, found on the way through the sorted paths: each is open while paths below it come."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lows, self._highs, self._afters, self._depths = array("I"), array("I"), array("I"), array("H")
        self._name_ends = array("Q")
        self._names = (directory / "folder_names").open("wb")
        self._open: list[tuple[bytes, int]] = []

    def see(self, parts: list[bytes], row: int) -> None:
        """The folders above the path of a row."""
        same = 0
        for (name, _), part in zip(self._open, parts, strict=False):
            if name != part:
                break
            same += 1
        self._leave(same, row)
        for depth in range(same, min(len(parts), 0xFFFF)):
            self._open.append((parts[depth], len(self._lows)))
            self._lows.append(row)
            self._highs.append(row)
            self._afters.append(0)
            self._depths.append(depth)
            self._names.write(parts[depth])
            self._name_ends.append(self._names.tell())

    def close(self, rows: int) -> None:
        self._leave(0, rows)
        self._names.close()
        for name in ("lows", "highs", "afters", "depths", "name_ends"):
            with (self._directory / f"folder_{name}").open("wb") as file:
                getattr(self, f"_{name}").tofile(file)

    def _leave(self, depth: int, row: int) -> None:
        while len(self._open) > depth:
            _, folder = self._open.pop()
            self._highs[folder] = row
            self._afters[folder] = len(self._lows)


def _write(records: Iterable[Record], directory: Path, ages: tuple[int, ...]) -> tuple[int, int]:
    names = {"path_ends": "Q", "sizes": "q", "times": "q", "types": "H", "size_classes": "B", "age_classes": "B"}
    columns = {name: _Column(directory, name, code) for name, code in {**names, "starts": "Q", "lines": "I"}.items()}
    add = {name: column.add for name, column in columns.items()}
    folders, size_of = _Folders(directory), SIZE_BOUNDS
    row = total = end = 0
    with (directory / "paths").open("wb", buffering=1 << 20) as paths:
        for key, start, line, size, time, kind in records:
            path = key.replace(b"\0", b"/")
            paths.write(path)
            paths.write(b"\0")
            end += len(path) + 1
            add["path_ends"](end)
            add["sizes"](size)
            add["times"](time)
            add["types"](kind)
            add["size_classes"](bisect_right(size_of, size))
            add["age_classes"](bisect_right(ages, time))
            add["starts"](start)
            add["lines"](line)
            folders.see(key.split(b"\0")[:-1], row)
            row, total = row + 1, total + size
    folders.close(row)
    for column in columns.values():
        column.close()
    for name, by in (("by_size", "sizes"), ("by_time", "times")):
        _write_order(directory, name, by, row)
    return row, total


def _write_order(directory: Path, name: str, by: str, rows: int) -> None:
    values = array("q")
    with (directory / by).open("rb") as file:
        values.fromfile(file, rows)
    value_of = values.__getitem__
    parts = [
        array("I", sorted(range(at, min(rows, at + SORTED_AT_ONCE)), key=value_of))
        for at in range(0, rows, SORTED_AT_ONCE)
    ]
    column = _Column(directory, name, "I")
    for row in heapq.merge(*parts, key=value_of) if len(parts) > 1 else (row for part in parts for row in part):
        column.add(row)
    column.close()


def _sync(directory: Path) -> None:
    """All on disk before the name is there: a power cut leaves no half an index behind it."""
    for path in directory.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
