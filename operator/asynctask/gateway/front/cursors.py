"""Cursors of lists that are read by keyset from the archive: opaque to callers, checked when they come back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import orjson
from pydantic import Field

from asynctask.adapters.archive import Archive, Position
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.problems import InvalidField, NotFound

Limit = Annotated[int, Field(ge=1, le=500)]
Cursor = Annotated[str, Field(max_length=200)]


class NoArchive(NotFound):
    """What only the archive has, where there is none."""

    code = "NoArchive"


def archive_of(desk: Desk) -> Archive:
    """The archive. Raises NoArchive."""
    if desk.archive is None:
        raise NoArchive
    return desk.archive


def written(position: Position | None) -> str | None:
    """A position as a cursor."""
    if position is None:
        return None
    return urlsafe_b64encode(orjson.dumps([position.time, position.id])).decode().rstrip("=")


def read(cursor: str) -> Position | None:
    """A cursor as a position; None for the beginning. Raises InvalidField."""
    if not cursor:
        return None
    try:
        time, key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = Position(time, key)
    except (ValueError, TypeError):
        raise InvalidField.of("cursor", "InvalidValue", problem="not a cursor of this list") from None
    if type(time) is not int or not -(2**63) <= time < 2**63 or not isinstance(key, str) or len(key) > 64:
        raise InvalidField.of("cursor", "InvalidValue", problem="not a cursor of this list")
    return position
