"""What real containers write is collected, whatever it is, and none holds up another."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.nodetasks import Lab, Task

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.reading import LogFilter, Spot
from asynctask.core.loglines import Line
from asynctask.gateway.front.view import View
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.logs.collector import Collector
from asynctask.gateway.metrics import Metrics

CHATTY = (
    "for i in $(seq 1 200); do echo line $i; done; printf '\\000\\001\\377\\033[31mred\\n'; "
    "head -c 100000 /dev/zero | tr '\\0' x; echo; echo WARNING: nearly done; sleep 2; echo the end of it"
)
FLOOD = "yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 60000000; echo the end of the flood"


@asynccontextmanager
async def collecting(lab: Lab, root: Path) -> AsyncIterator[LogBook]:
    """A gateway's collector, in this process."""
    async with api.Cluster(from_kubeconfig(lab.cluster.kubeconfig)) as cluster:
        view, book = View(cluster, [lab.namespace]), LogBook(root, 20 << 20, Metrics())
        collector = Collector(cluster, view, book, [lab.namespace])
        works = [asyncio.create_task(work) for work in (view.run(), book.run(), collector.run())]
        try:
            yield book
        finally:
            for work in reversed(works):
                work.cancel()
                await asyncio.wait([work])


async def lines_until(book: LogBook, task: Task, last: str, within: float) -> list[Line]:
    """A task's log, once it has this line."""
    uid = task.object["metadata"]["uid"]
    async with asyncio.timeout(within):
        while True:
            found = await asyncio.to_thread(reading.tail, book.root, uid, LogFilter(), 20)
            if any(line.text == last for line in found):
                return list(await asyncio.to_thread(lambda: list(reading.every(book.root, uid, LogFilter()))))
            await asyncio.sleep(0.3)


async def lines_until_any(book: LogBook, task: Task, within: float) -> None:
    """Return once the beginning of a task's log is there."""
    uid = task.object["metadata"]["uid"]
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(reading.tail, book.root, uid, LogFilter(), 1):
            await asyncio.sleep(0.3)


async def test_all_that_a_container_writes_is_kept_beside_one_that_floods(lab: Lab, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with collecting(lab, tmp_path) as book:
        flood = await asyncio.to_thread(lab.shell, "flood", FLOOD)
        chatty = await asyncio.to_thread(lab.shell, "chatty", CHATTY)
        try:
            lines = await lines_until(book, chatty, "the end of it", 120)
            texts = [line.text for line in lines]
            assert texts[:200] == [f"line {n}" for n in range(1, 201)]
            assert "red" in texts[200]
            assert sum(text.count("x") for text in texts[201:]) >= 100_000
            assert [line.level for line in lines if "nearly done" in line.text] == ["warning"]
            await lines_until_any(book, flood, 60)
            kept = sum(path.stat().st_size for path in book.root.rglob("*.gz"))
            assert kept < 30 << 20
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 150 * 1024, f"{grown} KiB more"
        finally:
            flood.delete()
            chatty.delete()


async def test_who_takes_over_reads_on_and_finds_what_ended_meanwhile(lab: Lab, tmp_path: Path) -> None:
    async with collecting(lab, tmp_path) as book:
        task = await asyncio.to_thread(lab.shell, "relay", "echo first; sleep 8; echo second; sleep 1; echo third")
        await lines_until(book, task, "first", 60)
    await asyncio.to_thread(task.ending)
    async with collecting(lab, tmp_path) as book:
        lines = await lines_until(book, task, "third", 30)
        assert [line.text for line in lines] == ["first", "second", "third"]
        uid = task.object["metadata"]["uid"]
        assert reading.page(book.root, uid, LogFilter(text="second"), Spot(), 10).lines[0].stage == "s1"
    task.delete()
