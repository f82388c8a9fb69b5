"""What real containers write is collected, whatever it is, and none holds up another."""

import asyncio
import re
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.nodeapi import Object
from support.nodepods import kill
from support.nodetasks import Lab, Task, shell

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from asynctask.adapters.stagelogs import reading
from asynctask.adapters.stagelogs.reading import LogFilter, Spot
from asynctask.core.loglines import Line
from asynctask.gateway.front.view import View
from asynctask.gateway.logs import reader
from asynctask.gateway.logs.book import LogBook
from asynctask.gateway.logs.collector import Collector
from asynctask.gateway.metrics import Metrics

CHATTY = (
    "for i in $(seq 1 200); do echo line $i; done; printf '\\000\\001\\377\\033[31mred\\n'; "
    "head -c 100000 /dev/zero | tr '\\0' x; echo; echo WARNING: nearly done; sleep 2; echo the end of it"
)
PADDING = "0123456789" * 6
FLOOD_LINES = 800_000
FLOOD = f"seq -f '%.0f {PADDING}' 1 {FLOOD_LINES}; echo the end of the flood"
RIVER = (
    f"end=$(($(date +%s) + 70)); n=1; while [ $(date +%s) -lt $end ]; do "
    f"seq -f '%.0f {PADDING}' $n $((n + 19999)); n=$((n + 20000)); sleep 0.25; done; echo the end of the river"
)
ENDLESS = f"seq -f '%.0f {PADDING}' 1 100000000"


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
    """A task's log, once it ends with this line."""
    await ends_with(book, task, last, within)
    return await asyncio.to_thread(whole, book, task)


def whole(book: LogBook, task: Task) -> list[Line]:
    """All that is kept of a task's log."""
    return list(reading.every(book.root, task.uid, LogFilter()))


async def ends_with(book: LogBook, task: Task, last: str, within: float) -> None:
    """Return once a task's log has this line among its last ones."""
    seen: tuple[Line, ...] = ()
    try:
        async with asyncio.timeout(within):
            while not any(line.text == last for line in seen):
                await asyncio.sleep(0.3)
                seen = await asyncio.to_thread(reading.tail, book.root, task.uid, LogFilter(), 20)
    except TimeoutError:
        pytest.fail(f"{last!r} has not come; the last lines are {[line.text[:200] for line in seen]}")


def numbers(lines: list[Line]) -> list[int]:
    """The numbers of the numbered lines, in order and none twice."""
    found = [int(line.text.split()[0]) for line in lines if line.text.endswith(PADDING)]
    assert found == sorted(set(found))
    return found


def left_out(lines: list[Line]) -> int:
    """How many lines a log says are left out."""
    said = [re.match(r"… ([0-9,]+) lines \([0-9.,]+ MB\) of ", line.text) for line in lines]
    return sum(int(match[1].replace(",", "")) for match in said if match) + sum(line.cut for line in lines)


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

            await ends_with(book, flood, "the end of the flood", 120)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            lines = await asyncio.to_thread(whole, book, flood)
            kept = numbers(lines)
            print(
                f"of {FLOOD_LINES} lines {len(kept)} are kept, {left_out(lines)} are said to be left out; {grown} KiB"
            )
            print([line.text for line in lines if line.text.startswith("…")])
            assert kept[0] == 1, "the beginning"
            assert kept[-1000:] == list(range(FLOOD_LINES - 999, FLOOD_LINES + 1)), "the end"
            assert len(kept) + left_out(lines) == FLOOD_LINES or any("may be missing" in line.text for line in lines)
            size = sum(path.stat().st_size for path in book.root.rglob("*.gz"))
            assert size < 30 << 20
            assert grown < 150 * 1024, f"{grown} KiB more"
        finally:
            flood.delete()
            chatty.delete()


async def test_who_follows_a_flood_that_goes_on_sees_its_present_and_then_its_end(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some 5 MB a second for more than a minute: the kubelet rotates the log several times meanwhile. A tenth of the
    rate is read, so that also a busy machine writes more than that.
    """
    monkeypatch.setattr(reader, "BYTES_PER_SECOND", reader.BYTES_PER_SECOND / 10)
    monkeypatch.setattr(reader, "BYTES_AT_ONCE", reader.BYTES_AT_ONCE / 10)
    async with collecting(lab, tmp_path) as book:
        task = await asyncio.to_thread(lab.shell, "river", RIVER)
        try:
            uid = task.object["metadata"]["uid"]
            await asyncio.to_thread(task.until_runs, "s1")
            async with asyncio.timeout(100):
                while not _is_said(book, uid, "may be missing here"):
                    await asyncio.sleep(0.5)
            (newest,) = await asyncio.to_thread(reading.tail, book.root, uid, LogFilter(), 1)
            behind = time.time() - newest.time / 1e6
            assert behind < 45, f"{behind:.0f} s behind"
            ended = await asyncio.to_thread(task.ending, 1, 150)
            assert ended["status"]["phase"] == "Succeeded"
            lines = await lines_until(book, task, "the end of the river", 90)
            kept = numbers(lines)
            assert kept[0] == 1
            assert len(kept) > 10_000
            assert kept[-1] >= len(kept) + left_out(lines), [x.text for x in lines if x.text.startswith("…")]
        finally:
            task.delete()


def _is_said(book: LogBook, uid: str, text: str) -> bool:
    return bool(reading.page(book.root, uid, LogFilter(text=text), Spot(), 1).lines)


async def test_the_end_of_a_flood_that_is_killed_is_kept(lab: Lab, tmp_path: Path) -> None:
    async with collecting(lab, tmp_path) as book:
        task = await asyncio.to_thread(
            lab.task, "flood-killed", stages=[{"name": "s1", "job": shell(ENDLESS)}], retry={"maxAttempts": 1}
        )
        try:
            uid = task.object["metadata"]["uid"]
            pod = await asyncio.to_thread(task.until_runs, "s1")
            async with asyncio.timeout(60):
                while sum(path.stat().st_size for path in book.root.rglob("*.gz")) < 200_000:
                    await asyncio.sleep(0.3)
            await asyncio.to_thread(kill, pod)
            await asyncio.to_thread(task.ending)
            last = await asyncio.to_thread(last_on_node, lab, pod)
            async with asyncio.timeout(90):
                while last not in [line.text for line in reading.tail(book.root, uid, LogFilter(), 20)]:
                    await asyncio.sleep(0.3)
            kept = numbers(list(reading.every(book.root, uid, LogFilter())))
            assert kept[0] == 1
        finally:
            task.delete()


def last_on_node(lab: Lab, pod: Object) -> str:
    """The last line of a pod's log on the node."""
    meta = pod["metadata"]
    (path,) = (lab.cluster.state / "pod-logs").glob(f"{meta['namespace']}_{meta['name']}_{meta['uid']}/stage/*.log")
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 10_000))
        return file.read().rstrip(b"\n").splitlines()[-1].split(b" ", 3)[3].decode()


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
