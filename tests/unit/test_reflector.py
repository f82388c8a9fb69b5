"""What follows a collection: each line is read once, and one listing does for all who asked for it in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast

import orjson
import pytest

from asynctask.adapters.cluster import PODS, Cluster, Gone
from asynctask.adapters.followed import POD_CHANGE, POD_ITEMS
from asynctask.adapters.reflector import Collection, Reflector, identity
from asynctask.core.observed import Pod


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "team", "name": name, "resourceVersion": str(version), "uid": name}}


@dataclass
class Script:
    """What the server answers: one page of pods, then the lines of a watch."""

    lines: list[dict[str, Any]]
    listings: int = 0
    watched_from: list[str] = field(default_factory=list)

    async def pages(self, *_: Any) -> AsyncIterator[tuple[bytes, str]]:
        self.listings += 1
        yield orjson.dumps({"metadata": {"resourceVersion": "5"}, "items": [pod("old", 4)]}), "5"

    async def watch(self, *arguments: Any, **_: Any) -> AsyncIterator[bytes]:
        self.watched_from.append(arguments[3])
        for line in self.lines:
            yield orjson.dumps(line)
        self.lines = []
        await asyncio.sleep(3600)


@dataclass
class Taken:
    """What was taken in."""

    changes: list[tuple[str, str]] = field(default_factory=list)

    def take(self, event: str, item: Pod) -> set[tuple[str, str]]:
        self.changes.append((event, item.metadata.name))
        return {("team", item.metadata.name)}


def follow(script: Script, taken: Taken) -> Reflector[Pod]:
    collection = Collection(PODS, POD_ITEMS, POD_CHANGE, identity, taken.take, lambda: ())
    return Reflector(cast(Cluster, script), collection)


async def until(holds: Callable[[], bool], running: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_changes_are_taken_in_and_bookmarks_only_noted() -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9", "creationTimestamp": None}}}  # fmt: skip
    script, taken = Script([{"type": "MODIFIED", "object": pod("new", 7)}, bookmark]), Taken()
    reflector = follow(script, taken)
    await until(lambda: reflector._version == "9", asyncio.create_task(reflector.run()))
    assert taken.changes == [("ADDED", "old"), ("MODIFIED", "new")]


async def test_an_error_in_the_stream_has_all_listed_anew() -> None:
    expired = {"type": "ERROR", "object": {"kind": "Status", "metadata": {}, "status": "Failure", "code": 410}}
    script, taken = Script([expired]), Taken()
    await until(lambda: len(script.watched_from) == 2, asyncio.create_task(follow(script, taken).run()))
    assert script.listings == 2


async def test_one_listing_does_for_all_who_asked_before_it_began() -> None:
    script, taken = Script([]), Taken()
    reflector, moment = follow(script, taken), monotonic()
    assert await reflector.list(not_before=moment) == 1
    assert await reflector.list(not_before=moment) == 0
    assert script.listings == 1
    await reflector.list(not_before=monotonic())
    await reflector.list()
    assert script.listings == 3


async def test_who_asks_while_a_listing_is_made_waits_for_it() -> None:
    script, taken = Script([]), Taken()
    reflector, moment = follow(script, taken), monotonic()
    await asyncio.gather(*(reflector.list(not_before=moment) for _ in range(3)))
    assert script.listings == 1


async def test_a_line_that_can_t_be_read_is_no_bookmark() -> None:
    with pytest.raises(ValueError, match="Expected"):
        follow(Script([]), Taken())._take_note(orjson.dumps({"type": "MODIFIED", "object": {"metadata": 7}}))
    with pytest.raises(Gone):
        follow(Script([]), Taken())._take_note(orjson.dumps({"type": "ERROR", "object": {"code": 410}}))
