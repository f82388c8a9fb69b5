"""Cluster and archive as one list of tasks.

Live tasks come from the view, those that left the cluster from the archive. The view is read first: a task that leaves
in between is then in both, never in neither. While the archive is away the list shows the cluster alone and says so:
its first page, and those that follow from it. A walk that had begun with the archive is refused instead, for it would
skip what the archive holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from asynctask.core import tasklists
from asynctask.core.tasklists import BrokenCursor, Cursor, Filter, Place
from asynctask.gateway.front.problems import BadRequest, Unavailable
from asynctask.gateway.front.tasks.rows import Row

log = structlog.get_logger("api")
ArchiveState = Literal["Available", "Unavailable", "None"]


class InvalidCursor(BadRequest):
    """The cursor is not one of this list."""

    code = "InvalidCursor"


class ArchiveAway(Unavailable):
    """The history can't be read right now."""

    code = "ArchiveAway"


class SourceAway(Exception):
    """A source can't be read right now."""


class Live(Protocol):
    """The tasks of the cluster, in memory."""

    async def known(self) -> None:
        """Return once all of them are known. Raises Unavailable."""

    def page(self, wanted: Filter, after: Place | None, limit: int) -> Sequence[Row]:
        """The newest of those wanted, after a place."""


class Archived(Protocol):
    """The tasks that have left the cluster."""

    async def page(self, wanted: Filter, after: Place | None, limit: int) -> tuple[Sequence[Row], Place | None]:
        """The newest of those wanted, after a place, and how far was looked; None: to the end. Raises SourceAway."""


@dataclass(frozen=True)
class Listed:
    """A page."""

    rows: Sequence[Row]
    next_cursor: str
    """Empty: the list has ended."""
    archive: ArchiveState


class Listing:
    """Lists of tasks, newest first."""

    def __init__(self, live: Live, archived: Archived | None) -> None:
        self._live = live
        self._archived = archived

    async def page(self, wanted: Filter, cursor: str, limit: int) -> Listed:
        """One page. Raises InvalidCursor and ArchiveAway."""
        digest = wanted.digest
        try:
            begun = tasklists.decoded(cursor, digest) if cursor else None
        except BrokenCursor:
            raise InvalidCursor from None
        if wanted.namespaces is not None and not wanted.namespaces:
            return Listed((), "", self._state)
        after = begun.place if begun else None
        await self._live.known()
        live = self._live.page(wanted, after, limit + 1)
        if self._archived is None or (begun and begun.is_live_only):
            state: ArchiveState = "None" if self._archived is None else "Unavailable"
            return _page(live, limit, digest, state=state)
        try:
            archived, horizon = await self._archived.page(wanted, after, limit + 1)
        except SourceAway as error:
            if begun:
                raise ArchiveAway(retry_after=5) from error
            log.warning("the archive can't be read: a list shows the cluster alone", error=str(error)[:200])
            return _page(live, limit, digest, state="Unavailable")
        if horizon is not None:
            live = [row for row in live if row.place >= horizon]
        rows = tasklists.merged(live, archived, lambda row: row.place, limit + 1)
        return _page(rows, limit, digest, state="Available", horizon=horizon)

    @property
    def _state(self) -> ArchiveState:
        return "None" if self._archived is None else "Available"


def _page(
    rows: Sequence[Row], limit: int, digest: bytes, *, state: ArchiveState, horizon: Place | None = None
) -> Listed:
    """The first rows; the next page begins after the last of them, or where the archive has been looked through to."""
    place = rows[limit - 1].place if len(rows) > limit else horizon
    following = Cursor(place, is_live_only=state == "Unavailable").encoded(digest) if place else ""
    return Listed(rows[:limit], following, state)
