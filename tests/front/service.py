"""What a Service is to clients: one address, and behind it whichever replica takes the connection."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from support.ports import free_port

CHUNK = 65536


@asynccontextmanager
async def service(ports: Sequence[int]) -> AsyncIterator[str]:
    """Connections go to these ports of this machine in turn, past those where nobody listens; gives the URL."""
    turn = itertools.cycle(range(len(ports)))
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        open_ones.add(task)
        first = next(turn)
        with suppress(asyncio.CancelledError):  # at the end; asyncio would complain of it
            for port in (*ports[first:], *ports[:first]):
                with suppress(OSError):
                    there, back = await asyncio.open_connection("127.0.0.1", port)
                    await _both_ways(reader, writer, there, back)
                    break
        await _close(writer)
        open_ones.discard(task)

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)


async def _both_ways(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: asyncio.StreamReader, back: asyncio.StreamWriter
) -> None:
    """Until one side ends: then the other is ended too."""
    ways = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        back.close()  # before anything is waited for: that may be cancelled
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
