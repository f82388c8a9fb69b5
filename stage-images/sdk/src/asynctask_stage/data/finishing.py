"""From a complete listing to a plan: hard links, what earlier runs know, totals, the plan's digest."""

from dataclasses import asdict, dataclass
from pathlib import Path

from blake3 import blake3

from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Kind, State

_DONE = f"({int(State.DONE)}, {int(State.VERIFIED)})"
_THERE = f"({int(Action.KEEP)}, {int(Action.ADJUST)})"


@dataclass(frozen=True)
class Totals:
    """What the source holds and what is to be done; sizes in bytes."""

    entries: int
    files: int
    directories: int
    symlinks: int
    bytes: int
    files_to_copy: int
    bytes_to_copy: int
    files_unchanged: int
    allocated_to_copy: int
    """Room that the copies take, holes left out."""
    largest_replaced: int
    """The most that an old file and its new copy need at once beyond the new copy alone."""
    new_entries: int
    """Inodes that the target will need."""


def finish(catalog: Catalog, *, previous: Path | None, prune: bool) -> Totals:
    """Complete the plan; safe to repeat. ``previous`` is the newest catalog of an earlier run.

    ``prune`` drops directories that nothing was taken from.
    """
    catalog.execute("CREATE UNIQUE INDEX IF NOT EXISTS entries_path ON entries (path)")
    if prune:
        _prune(catalog)
    if previous is not None:
        _inherit(catalog, previous)
    _link(catalog)
    totals = _totals(catalog)
    catalog.put({"totals": asdict(totals), "digest": _digest(catalog)})
    catalog.commit()
    return totals


def totals_of(catalog: Catalog) -> Totals:
    """The totals of a finished plan."""
    return Totals(**catalog.get("totals"))


def _prune(catalog: Catalog) -> None:
    catalog.execute(
        f"""WITH RECURSIVE keep (id) AS (
              SELECT parent FROM entries WHERE kind != {int(Kind.DIRECTORY)}
              UNION SELECT parent FROM entries JOIN keep USING (id))
            DELETE FROM entries
              WHERE kind = {int(Kind.DIRECTORY)} AND parent != 0 AND id NOT IN (SELECT id FROM keep)"""  # noqa: S608
    )


def _inherit(catalog: Catalog, previous: Path) -> None:
    """Take over the hashes of files that have not changed, and copy again what was found damaged."""
    with catalog.attached(previous):
        catalog.execute(
            f"""UPDATE entries SET suspect = 1, action = {int(Action.COPY)}, state = {int(State.PENDING)}
                WHERE kind = {int(Kind.FILE)} AND target_size >= 0 AND EXISTS (SELECT 1 FROM previous.entries old
                  WHERE old.path = entries.path AND (old.suspect OR old.state = {int(State.MISMATCH)}))"""  # noqa: S608
        )
        catalog.execute(
            f"""UPDATE entries SET hash = (SELECT old.hash FROM previous.entries old WHERE old.path = entries.path
                  AND old.size = entries.size AND old.mtime_ns = entries.mtime_ns AND old.state IN {_DONE})
                WHERE kind = {int(Kind.FILE)} AND action IN {_THERE}"""  # noqa: S608
        )
        catalog.execute(
            """INSERT OR IGNORE INTO pieces SELECT new.id, piece.start, piece.length, piece.hash
                FROM previous.pieces piece JOIN previous.entries old ON old.id = piece.entry
                JOIN entries new ON new.path = old.path WHERE new.hash = old.hash"""
        )


def _link(catalog: Catalog) -> None:
    """Name the leader of each group of hard links; the others become links unless the target has them already."""
    catalog.execute("DROP TABLE IF EXISTS temp.groups")
    catalog.execute("CREATE TEMP TABLE groups (dev INTEGER, ino INTEGER, first INTEGER, PRIMARY KEY (dev, ino))")
    catalog.execute(
        f"""INSERT INTO temp.groups SELECT dev, ino, min(id) FROM entries
            WHERE kind = {int(Kind.FILE)} AND nlink > 1 GROUP BY dev, ino HAVING count(*) > 1"""  # noqa: S608
    )
    catalog.execute(
        f"""UPDATE entries SET leader = coalesce((SELECT first FROM temp.groups g
              WHERE g.dev = entries.dev AND g.ino = entries.ino AND first != entries.id), 0)
            WHERE kind = {int(Kind.FILE)} AND nlink > 1"""  # noqa: S608
    )
    same = f"""action IN {_THERE} AND EXISTS (SELECT 1 FROM entries first WHERE first.id = entries.leader
               AND first.action IN {_THERE} AND first.target_ino = entries.target_ino)"""  # noqa: S608
    keep, done = int(Action.KEEP), int(State.DONE)
    catalog.execute(
        f"""UPDATE entries SET action = {int(Action.LINK)}, state = {int(State.PENDING)}, loss = 0, hash = NULL
            WHERE leader != 0 AND NOT ({same})"""  # noqa: S608
    )
    catalog.execute(
        f"UPDATE entries SET action = {keep}, state = {done} WHERE leader != 0 AND action = {int(Action.ADJUST)}"  # noqa: S608
    )


def _totals(catalog: Catalog) -> Totals:
    file, copy = f"kind = {int(Kind.FILE)}", f"action = {int(Action.COPY)}"
    row = catalog.execute(
        f"""SELECT count(*), sum({file}), sum(kind = {int(Kind.DIRECTORY)}), sum(kind = {int(Kind.SYMLINK)}),
              coalesce(sum(CASE WHEN {file} AND leader = 0 THEN size END), 0), sum({copy}),
              coalesce(sum(CASE WHEN {copy} THEN size END), 0), sum({file} AND action IN {_THERE}),
              coalesce(sum(CASE WHEN {copy} THEN max(0, min(size, blocks * 512) - max(0, target_size)) END), 0),
              coalesce(max(CASE WHEN {copy} AND target_size > 0 THEN min(size, blocks * 512) END), 0),
              sum(target_ino = 0 AND action IN ({int(Action.COPY)}, {int(Action.CREATE)}))
            FROM entries"""  # noqa: S608
    ).fetchone()
    return Totals(*(value or 0 for value in row))


def _digest(catalog: Catalog) -> str:
    state = blake3()
    for row in catalog.execute("SELECT path, kind, size, mtime_ns FROM entries ORDER BY id"):
        state.update(b"%d:%s %d %d %d\n" % (len(row[0]), *row))
    return state.hexdigest(16)
