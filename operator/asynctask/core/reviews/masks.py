"""Sets of rows of a list, as a byte for each row: 1 in it, 0 not.

A million rows are a megabyte, which the interpreter's own byte and integer routines go through in well under a
millisecond. What they cannot do at once is done in blocks, so that no other thread waits long for its turn.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import compress

Mask = bytes
BLOCK = 1 << 17


def nothing(size: int) -> Mask:
    """No row."""
    return bytes(size)


def everything(size: int) -> Mask:
    """All rows."""
    return b"\x01" * size


def span(size: int, low: int, high: int) -> Mask:
    """The rows from `low` to before `high`."""
    low, high = min(low, size), min(high, size)
    return bytes(low) + b"\x01" * max(0, high - low) + bytes(size - max(low, high))


def of(size: int, rows: Sequence[int]) -> Mask:
    """These rows."""
    found = bytearray(size)
    for row in rows:
        found[row] = 1
    return bytes(found)


def both(one: Mask, other: Mask) -> Mask:
    """The rows in both."""
    return _bytes(_int(one) & _int(other), len(one))


def differ(one: Mask, other: Mask) -> Mask:
    """The rows in just one of them."""
    return _bytes(_int(one) ^ _int(other), len(one))


def without(one: Mask, other: Mask) -> Mask:
    """The rows of one that are not in the other."""
    return both(one, invert(other))


def invert(mask: Mask) -> Mask:
    """All other rows."""
    return mask.translate(_INVERTED)


def count(mask: Mask, low: int = 0, high: int | None = None) -> int:
    """How many rows are in it, between two rows."""
    return mask.count(1, low, len(mask) if high is None else high)


def weight(mask: Mask, values: Sequence[int], low: int = 0, high: int | None = None) -> int:
    """The sum of a column over the rows in it."""
    high = len(mask) if high is None else high
    return sum(sum(compress(values[at:end], mask[at:end])) for at, end in blocks(low, high))


def select(mask: Mask, order: Sequence[int]) -> Mask:
    """The mask in another order: the byte at `i` is that of row `order[i]`."""
    pick = mask.__getitem__
    return b"".join(bytes(map(pick, order[at:end])) for at, end in blocks(0, len(order)))


def nth(mask: Mask, number: int) -> int:
    """The place of the row that has `number` rows of the mask before it. The mask has more rows than that."""
    for at, end in blocks(0, len(mask)):
        here = mask.count(1, at, end)
        if number < here:
            break
        number -= here
    place = at
    while end - place > 64:
        middle = (place + end) // 2
        here = mask.count(1, place, middle)
        if number < here:
            end = middle
        else:
            number, place = number - here, middle
    for _ in range(number):
        place = mask.index(1, place) + 1
    return mask.index(1, place)


def places(mask: Mask, start: int, limit: int, *, backwards: bool = False) -> list[int]:
    """At most `limit` places from `start` on, which counts, in this direction."""
    found: list[int] = []
    place = start
    while len(found) < limit:
        place = mask.rfind(1, 0, place + 1) if backwards else mask.find(1, max(place, 0))
        if place < 0:
            break
        found.append(place)
        place += -1 if backwards else 1
        if place < 0:
            break
    return found


def pack(mask: Mask) -> bytes:
    """For keeping: at most a fifth of its size, and next to nothing where neighbours agree."""
    return zlib.compress(mask, 1)


def unpack(packed: bytes) -> Mask:
    """What was packed."""
    return zlib.decompress(packed)


def blocks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The way from one row to another in steps."""
    for at in range(low, high, BLOCK):
        yield at, min(high, at + BLOCK)


_INVERTED = bytes([1, 0]) + bytes(254)


def _int(mask: Mask) -> int:
    return int.from_bytes(mask, "little")


def _bytes(number: int, size: int) -> Mask:
    return number.to_bytes(size, "little")
