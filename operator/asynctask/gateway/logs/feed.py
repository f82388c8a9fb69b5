"""Logs that are being followed: read from the files as they grow, once for all who follow the same.

From the files, not from who writes them: so it is the same whichever gateway collects, and who follows sees just what
is kept.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.reading import Follower, LogFilter
from asynctask.core.loglines import Line
from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.front.view.rows import EPOCH
from asynctask.gateway.front.view.rows import MICROSECOND as TICK

PERIOD_SECONDS = 1.0
MAX_LINES = 300
"""In one period; of more the last."""
MAX_FRAME_BYTES = 48 * 1024

log = structlog.get_logger("stream")


class LogFeed:
    """Feeds the hub's topics `logs:…`."""

    def __init__(self, hub: Hub, root: Path) -> None:
        self._hub = hub
        self._root = root
        self._followers: dict[str, Follower] = {}
        hub.begin_logs = self.begin

    async def begin(self, name: str, count: int) -> list[dict[str, Any]]:
        """The last lines, for one who begins to follow."""
        uid, _, stage = name.partition("/")
        if name not in self._followers:
            follower = self._followers[name] = Follower(self._root, uid, stage)
            lines = await asyncio.to_thread(follower.begin, count)
        else:
            lines = await asyncio.to_thread(reading.tail, self._root, uid, LogFilter(stage=stage), count)
        return list(_frames(lines, 0))

    async def run(self) -> None:
        """Feed, for ever."""
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            followed = set(self._hub.followed("logs"))
            for name in [name for name in self._followers if name not in followed]:
                del self._followers[name]
            for name, follower in list(self._followers.items()):
                try:
                    lines, skipped = await asyncio.to_thread(follower.new, MAX_LINES)
                except OSError as error:
                    log.warning("a log can't be read", error=str(error))
                    continue
                for data in _frames(lines, skipped):
                    self._hub.send_logs(name, data)


def shown(line: Line) -> dict[str, Any]:
    """A line as it is answered. `id` tells a line from every other of its task."""
    found: dict[str, Any] = {
        "id": f"r{line.run}/{line.stage}/a{line.attempt}/{line.source}/{line.number}",
        "time": (EPOCH + line.time * TICK).isoformat("T", "microseconds")[:26] + "Z",
        "level": line.level,
        "run": line.run,
        "stage": line.stage,
        "attempt": line.attempt,
        "text": line.text,
    }
    return found | ({"missing": line.cut} if line.cut else {})


def _frames(lines: Sequence[Line], skipped: int) -> list[dict[str, Any]]:
    """In portions that a client which keeps up has room for."""
    found: list[dict[str, Any]] = []
    size, part = 0, []
    for line in lines:
        part.append(shown(line))
        size += len(line.text) * 2 + 200
        if size >= MAX_FRAME_BYTES:
            found.append({"lines": part})
            size, part = 0, []
    if part or not found:
        found.append({"lines": part})
    if skipped:
        found[0]["skipped"] = skipped
    return found if lines or skipped else []
