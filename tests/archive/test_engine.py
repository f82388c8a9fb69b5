"""Connections: whoever is cancelled, at whatever moment, leaves none behind."""

import asyncio
import gc
from contextlib import suppress

from sqlalchemy import text

from asynctask.adapters.archive import Archive


async def test_whoever_is_cancelled_leaves_no_connection_behind(archive: Archive) -> None:
    async def read() -> None:
        async with archive.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def write() -> None:
        async with archive.begin() as transaction:
            await transaction.execute(text("SELECT 1"))

    for steps in range(60):
        task = asyncio.ensure_future(read() if steps % 2 else write())
        for _ in range(steps // 2):  # one turn of the loop further each time
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await archive.settled()
    gc.collect()  # what was left behind would be told as a warning, which is an error here
    assert archive.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await asyncio.gather(*(read() for _ in range(20)))
