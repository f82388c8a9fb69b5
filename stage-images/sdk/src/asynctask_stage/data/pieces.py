"""Large files as pieces: which ranges of a file are safely in the target, and which are still to be moved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blake3 import blake3

from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Entry


@dataclass(frozen=True)
class Piece:
    """A range of a file that is on stable storage; ``hash`` is the blake3 of its content."""

    start: int
    length: int
    hash: bytes | None


@dataclass(frozen=True)
class Partial:
    """Which temporary file holds the pieces of which version of the source."""

    ino: int
    size: int
    mtime_ns: int

    def is_of(self, entry: Entry) -> bool:
        """Whether the source is still that version."""
        return (self.size, self.mtime_ns) == (entry.size, entry.mtime_ns)


def gaps(pieces: Iterable[Piece], size: int, chunk: int) -> Iterator[tuple[int, int]]:
    """What ``pieces`` leave open of ``[0, size)``, as (start, end) of at most ``chunk`` bytes."""
    position = 0
    for start, length in [*sorted((p.start, p.length) for p in pieces), (size, 0)]:
        while position < min(start, size):
            end = min(start, size, position + chunk)
            yield position, end
            position = end
        position = max(position, start + length)


def combined(pieces: Iterable[Piece]) -> bytes | None:
    """The hash of a whole file: its only piece's, or the blake3 of all pieces' hashes in order; None if one lacks."""
    ordered = sorted(pieces, key=lambda piece: piece.start)
    hashes = [piece.hash for piece in ordered if piece.hash is not None]
    if len(hashes) < len(ordered) or not hashes:
        return None
    return hashes[0] if len(hashes) == 1 else blake3(b"".join(hashes)).digest()


def read(catalog: Catalog, entry_id: int) -> list[Piece]:
    """The recorded pieces of an entry, in order."""
    sql = "SELECT start, length, hash FROM pieces WHERE entry = ? ORDER BY start"
    return [Piece(*row) for row in catalog.execute(sql, (entry_id,))]


def add(catalog: Catalog, entry_id: int, pieces: Iterable[Piece]) -> None:
    """Record pieces; only once they are synced."""
    catalog.execute_many(
        "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?)", ((entry_id, p.start, p.length, p.hash) for p in pieces)
    )


def clear(catalog: Catalog, entry_id: int) -> None:
    """Forget all of an entry."""
    catalog.execute("DELETE FROM pieces WHERE entry = ?", (entry_id,))
    catalog.execute("DELETE FROM partials WHERE entry = ?", (entry_id,))


def partial(catalog: Catalog, entry_id: int) -> Partial | None:
    """What is under way for an entry."""
    row = catalog.execute("SELECT ino, size, mtime_ns FROM partials WHERE entry = ?", (entry_id,)).fetchone()
    return Partial(*row) if row else None


def begin(catalog: Catalog, entry: Entry, ino: int) -> None:
    """A new temporary file for this version of the source."""
    clear(catalog, entry.id)
    catalog.execute("INSERT INTO partials VALUES (?, ?, ?, ?)", (entry.id, ino, entry.size, entry.mtime_ns))
