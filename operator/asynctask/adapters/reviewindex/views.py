"""A review as a person looks at it: pages, counts and facets over an index, under a filter and a state.

What took time to find out is kept while there is room: a person who scrolls asks for the same rows again and again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from threading import Lock
from typing import Any, Literal, TypeVar

from asynctask.adapters.reviewindex.index import Index, Item
from asynctask.core.reviews import masks
from asynctask.core.reviews.filters import ItemFilter, Sort
from asynctask.core.reviews.masks import Mask

KEPT_BYTES = 12 << 20
"""Of masks and facets that are remembered, over all reviews."""
T = TypeVar("T")
Grouping = Literal["type", "size", "age"]
_COLUMNS = {"type": "types", "size": "size_classes", "age": "age_classes"}


@dataclass(frozen=True, slots=True)
class Count:
    """Items and their bytes; and how many of them are struck off."""

    items: int = 0
    bytes: int = 0
    struck: int = 0
    struck_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """A page."""

    items: tuple[Item, ...]
    offset: int
    """How many rows come before it."""
    total: int
    """How many there are."""
    next: int | None
    """The place in the order where the next page begins."""


@dataclass(frozen=True, slots=True)
class FolderCount:
    """A folder right below the one that was asked about."""

    name: str
    count: Count


class Memory:
    """What was found out, the latest first, within a number of bytes. Threads share it."""

    def __init__(self, room: int = KEPT_BYTES) -> None:
        self._room = room
        self._used = 0
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any, find: Callable[[], T], size: Callable[[T], int]) -> T:
        """What is known under a key, or else is found now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                known: T = self._kept[key][0]
                return known
        found = find()
        with self._lock:
            if key not in self._kept and (cost := size(found) + 500) <= self._room:
                self._kept[key] = (found, cost)
                self._used += cost
                while self._used > self._room:
                    _, (_, freed) = self._kept.popitem(last=False)
                    self._used -= freed
        return found


@dataclass(frozen=True)
class View:
    """One state of one review."""

    index: Index
    struck: Mask
    review: str
    version: int
    """Of the state: what depends on it is remembered under it."""
    memory: Memory = field(default_factory=Memory)

    def mask(self, wanted: ItemFilter) -> Mask | None:
        """The rows that a filter means; None: all."""
        if wanted.is_empty:
            return None
        version = self.version if wanted.struck is not None else None
        return self.memory.get(
            ("mask", self.review, wanted, version),
            lambda: self.index.mask(wanted, self.struck),
            lambda mask: len(mask or b""),
        )

    def count(self, wanted: ItemFilter) -> Count:
        """How much a filter means."""

        def find() -> Count:
            mask = self.mask(wanted)
            sizes = self.index.column("sizes")
            gone = self.struck if mask is None else masks.both(mask, self.struck)
            items, total = (
                (self.index.items, self.index.bytes) if mask is None else (masks.count(mask), masks.weight(mask, sizes))
            )
            struck = masks.count(gone)
            return Count(items, total, struck, masks.weight(gone, sizes) if struck else 0)

        return self.memory.get(("count", self.review, wanted, self.version), find, lambda _: 100)

    def page(
        self,
        wanted: ItemFilter,
        sort: Sort,
        *,
        descending: bool,
        limit: int,
        place: int | None = None,
        fraction: float | None = None,
    ) -> Rows:
        """A page from a place in the order on, or from a fraction of the rows on. Age grows as time falls."""
        backwards = descending != (sort == "age")
        ordered = self._ordered(wanted, sort)
        size = self.index.items
        total = size if ordered is None else masks.count(ordered)
        if not total:
            return Rows((), 0, 0, None)
        if fraction is not None:
            number = min(int(fraction * total), total - 1)
            number = total - 1 - number if backwards else number
            place = number if ordered is None else masks.nth(ordered, number)
        if place is None:
            place = size - 1 if backwards else 0
        found = _places(ordered, size, place, limit + 1, backwards=backwards)
        here, more = found[:limit], found[limit:]
        if not here:
            return Rows((), total, total, None)
        before = here[0] if ordered is None else masks.count(ordered, 0, here[0])
        order = self.index.order(sort)
        return Rows(
            tuple(self.index.row(order[at]) for at in here),
            total - 1 - before if backwards else before,
            total,
            more[0] if more else None,
        )

    def between(self, wanted: ItemFilter, sort: Sort, one: int, other: int) -> Mask:
        """The rows that a filter means from one row to another in an order, both with them."""
        ends = sorted((self.index.place(sort, one), self.index.place(sort, other)))
        if sort == "path":
            found = masks.span(self.index.items, ends[0], ends[1] + 1)
        else:
            found = masks.of(self.index.items, self.index.order(sort)[ends[0] : ends[1] + 1])
        mask = self.mask(wanted)
        return found if mask is None else masks.both(found, mask)

    def groups(self, wanted: ItemFilter, by: Grouping) -> dict[int, Count]:
        """Counts by ending, or by class of size or age; by its number."""

        def find() -> dict[int, Count]:
            keys, sizes = self.index.column(_COLUMNS[by]), self.index.column("sizes")
            mask = self.mask(wanted) or masks.everything(self.index.items)
            tally: dict[int, list[int]] = {}
            for at, end in masks.blocks(0, self.index.items):
                chosen = mask[at:end]
                if 1 not in chosen:
                    continue
                columns = (compress(column[at:end], chosen) for column in (keys, sizes, self.struck))
                for key, size, gone in zip(*columns, strict=True):
                    sums = tally.get(key)
                    if sums is None:
                        sums = tally[key] = [0, 0, 0, 0]
                    sums[0] += 1
                    sums[1] += size
                    if gone:
                        sums[2] += 1
                        sums[3] += size
            return {key: Count(*sums) for key, sums in tally.items()}

        return self.memory.get(("groups", self.review, wanted, by, self.version), find, lambda found: 200 * len(found))

    def folders(self, wanted: ItemFilter, folder: str) -> tuple[tuple[FolderCount, ...], Count]:
        """Counts by the folders right below one, in the order of names, and of the items that lie in it itself."""

        def find() -> tuple[tuple[FolderCount, ...], Count]:
            mask = self.mask(wanted)
            low, high = self.index.span(folder)
            found = []
            direct = []
            at = low
            for name, first, after in self.index.folders(folder):
                direct.append((at, first))
                at = after
                count = self._span_count(mask, ((first, after),))
                if count.items:
                    found.append(FolderCount(name, count))
            direct.append((at, high))
            return tuple(found), self._span_count(mask, direct)

        def size(result: tuple[tuple[FolderCount, ...], Count]) -> int:
            return 300 * len(result[0])

        return self.memory.get(("folders", self.review, wanted, folder, self.version), find, size)

    def _span_count(self, mask: Mask | None, spans: Sequence[tuple[int, int]]) -> Count:
        sizes = self.index.column("sizes")
        items = total = struck = gone = 0
        for low, high in spans:
            for at, end in masks.blocks(low, high):
                chosen = mask[at:end] if mask else None
                weights = sizes[at:end]
                items += masks.count(chosen) if chosen else end - at
                total += sum(compress(weights, chosen)) if chosen else sum(weights)
                off = self.struck[at:end]
                off = masks.both(off, chosen) if chosen else off
                if number := masks.count(off):
                    struck += number
                    gone += sum(compress(weights, off))
        return Count(items, total, struck, gone)

    def _ordered(self, wanted: ItemFilter, sort: Sort) -> Mask | None:
        mask = self.mask(wanted)
        if mask is None or sort == "path":
            return mask
        version = self.version if wanted.struck is not None else None
        return self.memory.get(
            ("ordered", self.review, wanted, sort, version), lambda: masks.select(mask, self.index.order(sort)), len
        )


def _places(ordered: Mask | None, size: int, place: int, limit: int, *, backwards: bool) -> list[int]:
    if ordered is not None:
        return masks.places(ordered, place, limit, backwards=backwards)
    rows: Iterator[int] = iter(range(place, -1, -1)) if backwards else iter(range(place, size))
    return [row for row, _ in zip(rows, range(limit), strict=False)]
