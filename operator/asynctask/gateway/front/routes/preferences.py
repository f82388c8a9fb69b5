"""What a user's pages remember: columns, filters, language. The gateway keeps it and reads nothing of it."""

from typing import Annotated, Any

import orjson
from pydantic import Field

from asynctask.adapters.archive import access
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.front import cursors
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.cursors import NoArchive
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import TooLarge

PATH = "/api/v1/preferences"
MAX_BYTES = 16 * 1024


class Preferences(Camel):
    """Whatever pages of the user keep."""

    values: Annotated[dict[str, Any], Field(max_length=1000)]
    """At most 16 KiB as JSON."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """Preferences."""
    return (
        Operation(
            "GET", PATH, "getPreferences", "What one's pages remember", "preferences", show,
            answer=Preferences, errors=(NoArchive,),
        ),
        Operation(
            "PUT", PATH, "replacePreferences", "Remember something else", "preferences", replace,
            body=Preferences, answer=Preferences, audited=False, errors=(NoArchive,),
        ),
    )  # fmt: skip


async def show(call: Call) -> Preferences:
    """The caller's own."""
    async with cursors.archive_of(call.desk).read() as connection:
        found = await access.user_preferences(connection, call.caller.name)
    return Preferences(values=dict(found or {}))


async def replace(call: Call) -> Preferences:
    """Replaced whole."""
    archive, wanted = cursors.archive_of(call.desk), call.body
    if len(orjson.dumps(wanted.values)) > MAX_BYTES:
        raise TooLarge(max=MAX_BYTES)
    async with archive.begin() as transaction:
        await access.keep_preferences(transaction, call.caller.name, wanted.values, micros(call.desk.now()))
    return Preferences(values=wanted.values)
