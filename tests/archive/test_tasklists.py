"""Pages of tasks: every filter finds what it should, each row once, in submit order, however the search is bounded."""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from archive.makers import Object, task

from asynctask.adapters.archive import Archive, Position, rounds, rows, tasklists, tasks
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.tasklists import TaskFilter
from asynctask.adapters.archive.tasks import TaskRow

NOW = 1_800_000_000_000_000
PHASES = ("Succeeded", "Failed", "Running", "Cancelled")


def bodies(count: int = 240) -> list[Object]:
    chance = random.Random(7)
    return [
        task(
            number,
            chance.choices(PHASES, (90, 5, 4, 1))[0],
            at=number // 3,  # some are submitted in the same second
            namespace=chance.choice(("it", "hr", "lab")),
            name=f"{chance.choice(('Nightly', 'weekly_100%'))}-{number}",
            by=chance.choice(("mia", "noa", "")),
            type=chance.choice(("file-backup", "nas-sync")),
            priority=chance.randint(1, 5),
            queueName=chance.choice(("default", "night")),
        )
        for number in range(count)
    ]


@pytest.fixture
async def filled(archive: Archive) -> list[TaskRow]:
    """All tasks, newest first; two thirds have left the cluster."""
    async with archive.begin() as transaction:
        seen = [Seen(body, NOW if number % 3 else None) for number, body in enumerate(bodies())]
        changes = await tasks.take_tasks(transaction, seen, NOW)
    return sorted((change.new for change in changes), key=lambda row: (row.submit_time, row.task_id), reverse=True)


FILTERS = {
    "all": TaskFilter(),
    "live": TaskFilter(is_gone=False),
    "both": TaskFilter(is_gone=None),
    "status": TaskFilter(task_statuses=("failed",)),
    "statuses": TaskFilter(task_statuses=("failed", "cancelled"), is_gone=None),
    "type and status": TaskFilter(task_types=("nas-sync",), task_statuses=("failed", "cancelled")),
    "namespaces": TaskFilter(namespaces=frozenset({"it", "lab"})),
    "namespaces and owner": TaskFilter(namespaces=frozenset({"hr"}), submitted_by=("mia",)),
    "no namespace": TaskFilter(namespaces=frozenset()),
    "many namespaces": TaskFilter(namespaces=frozenset({"hr", *(f"team-{number}" for number in range(300))})),
    "queue and priority": TaskFilter(queues=("night",), priorities=(1, 5)),
    "text": TaskFilter(text="NIGHTLY-1"),
    "text with signs of LIKE": TaskFilter(text="_100%-2"),
    "text of nobody": TaskFilter(text="nobody", is_gone=None),
    "all at once": TaskFilter(frozenset({"it", "hr"}), ("completed",), ("file-backup",), (1, 2, 3), ("default",), ("noa",)),
    "time": TaskFilter(
        submit_time_from=rows.time_of("2026-03-01T08:00:20Z"), submit_time_before=rows.time_of("2026-03-01T08:00:40Z")
    ),
}  # fmt: skip


def fits(row: TaskRow, wanted: TaskFilter) -> bool:
    told = f"{row.name} {row.task_type} {row.message}".lower()
    return (
        all(getattr(row, name) in values for name, values in wanted.values().items())
        and (wanted.is_gone is None or bool(row.is_gone) == wanted.is_gone)
        and wanted.text.lower() in told
        and row.submit_time >= (wanted.submit_time_from or 0)
        and row.submit_time < (wanted.submit_time_before or 2**62)
    )


async def listed(archive: Archive, wanted: TaskFilter, limit: int) -> list[TaskRow]:
    found: list[TaskRow] = []
    after: Position | None = None
    for _ in range(1000):
        async with archive.read() as connection:
            page = await tasklists.page(connection, wanted, limit=limit, after=after)
        assert len(page.rows) <= limit
        found += page.rows
        after = page.next
        if after is None:
            return found
    raise AssertionError("the list never ends")


@pytest.mark.parametrize(("window", "seconds"), [(2000, 10.0), (3, 10.0), (20, 0.0)], ids=["wide", "narrow", "hurried"])
async def test_every_filter_finds_what_it_should(
    archive: Archive, filled: list[TaskRow], monkeypatch: pytest.MonkeyPatch, window: int, seconds: float
) -> None:
    monkeypatch.setattr(rounds, "WINDOW", window)
    monkeypatch.setattr(rounds, "SECONDS", seconds)
    for name, wanted in FILTERS.items():
        expected = [row for row in filled if fits(row, wanted)]
        assert await listed(archive, wanted, 7) == expected, name
        assert name in {"no namespace", "text of nobody"} or expected, name


async def test_counting_stops_at_the_cap(archive: Archive, filled: list[TaskRow]) -> None:
    async with archive.read() as connection:
        assert await tasklists.count(connection, TaskFilter(), cap=20) == tasklists.Count(20, is_exact=False)
        all_of_it = await tasklists.count(connection, TaskFilter(task_types=("nas-sync",), text="nightly"), seconds=10)
    expected = sum(fits(row, TaskFilter(task_types=("nas-sync",), text="nightly")) for row in filled)
    assert all_of_it == tasklists.Count(expected, is_exact=True)


async def test_a_page_without_time_to_look_says_where_to_look_on(
    archive: Archive, filled: list[TaskRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "WINDOW", 10)
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    async with archive.read() as connection:
        page = await tasklists.page(connection, TaskFilter(text="-1 file"))
    assert page.rows == ()
    assert page.next


async def test_a_round_that_hangs_is_given_up_and_what_was_found_is_the_page(
    archive: Archive, filled: list[TaskRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, calls, read = TaskFilter(text="-1"), [0], tasklists._rows

    async def slow(*given: Any) -> Any:
        calls[0] += 1
        await asyncio.sleep(30 if calls[0] == 2 else 0)
        return await read(*given)

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "WINDOW", 40)
        patched.setattr(rounds, "SECONDS", 10.0)
        patched.setattr(tasklists, "_rows", slow)
        patched.setattr(rounds.Rounds, "patiently", hurried)
        async with archive.read() as connection:
            first = await tasklists.page(connection, wanted, limit=100, after=None)
    assert calls == [2]
    assert first.next
    async with archive.read() as connection:
        second = await tasklists.page(connection, wanted, limit=100, after=first.next)
    assert 0 < len(first.rows) < len(first.rows) + len(second.rows)
    assert [*first.rows, *second.rows] == [row for row in filled if fits(row, wanted)]


async def hurried(_: rounds.Rounds, round_: Awaitable[Any]) -> Any:
    async with asyncio.timeout(1):
        return await round_


async def test_rows_that_come_while_one_reads_on_change_no_later_page(archive: Archive, filled: list[TaskRow]) -> None:
    wanted = TaskFilter()
    async with archive.read() as connection:
        first = await tasklists.page(connection, wanted, limit=5)
    async with archive.begin() as transaction:
        await tasks.take_tasks(transaction, [Seen(task(5000, "Succeeded", at=10_000), NOW)], NOW)
    async with archive.read() as connection:
        second = await tasklists.page(connection, wanted, limit=5, after=first.next)
    expected = [replace(row) for row in filled if row.is_gone]
    assert [*first.rows, *second.rows] == expected[:10]
