"""Audit records are kept whatever becomes of the database: in the journal meanwhile, each once in the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asynctask.adapters.archive import Archive, audit, open_archive
from asynctask.adapters.archive.audit import AuditFilter, AuditRecord
from asynctask.gateway.front.audit.journal import Journal, JournalFull
from asynctask.gateway.front.audit.trail import Trail
from asynctask.gateway.front.problems import Unavailable


def record(number: int) -> AuditRecord:
    return AuditRecord(f"id-{number}", number, "maria", "oidc", "10.0.0.1", "pause", after={"n": number})


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """Not looked at yet: as good as away until `upgrade`."""
    async with open_archive(f"sqlite:///{tmp_path}/archive.db") as archive:
        yield archive


async def found(archive: Archive) -> list[str]:
    async with archive.read() as connection:
        page = await audit.page(connection, AuditFilter(), limit=500)
    return sorted(row.audit_id for row in page.rows)


async def replayed(trail: Trail, archive: Archive, count: int) -> list[str]:
    task = asyncio.create_task(trail.run())
    async with asyncio.timeout(20):
        while len(await found(archive)) < count:
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
    return await found(archive)


async def test_records_go_straight_to_the_database(archive: Archive, tmp_path: Path) -> None:
    await archive.upgrade()
    trail = Trail(archive, Journal(tmp_path / "journal"))
    await asyncio.gather(*(trail.write([record(number)]) for number in range(300)))
    assert len(await found(archive)) == 300
    assert not (tmp_path / "journal").exists()


async def test_while_the_database_is_away_records_wait_on_disk(archive: Archive, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    trail = Trail(archive, Journal(directory))
    await asyncio.gather(*(trail.write([record(number)]) for number in range(30)))
    assert list(directory.glob("audit-*.jsonl"))
    await archive.upgrade()
    assert len(await replayed(trail, archive, 30)) == 30
    await trail.write([record(99)])
    assert len(await found(archive)) == 31


async def test_what_a_dead_gateway_left_is_taken_over_but_not_what_a_live_one_writes(
    archive: Archive, tmp_path: Path
) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    dead = directory / "audit-dead.jsonl"
    live = Journal(directory)
    await Trail(archive, live).write([record(1)])
    lines = (next(directory.glob("audit-*.jsonl"))).read_bytes()
    dead.write_bytes(lines.replace(b"id-1", b"id-2") + b'{"torn": ')
    await archive.upgrade()
    assert await replayed(Trail(archive, Journal(directory)), archive, 1) == ["id-2"]
    assert not dead.exists()
    assert await replayed(Trail(archive, live), archive, 2) == ["id-1", "id-2"]


async def test_with_no_room_anywhere_changes_are_refused_beforehand(archive: Archive, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    trail = Trail(archive, Journal(directory, max_bytes=10))
    trail.check()
    await trail.write([record(1)])
    with pytest.raises(Unavailable):
        trail.check()
    with pytest.raises(Unavailable):
        await trail.write([record(2)])
    await archive.upgrade()
    trail.check()
    assert await replayed(trail, archive, 1) == ["id-1"]


async def test_a_full_disk_leaves_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append([b'{"a": 1}'])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append([b'{"b": 2}'])
    journal.append([b'{"c": 3}'])
    [(path, lines)] = list(journal.segments())
    assert lines == [b'{"a": 1}', b'{"c": 3}']
    journal.done(path)
    assert not list(journal.segments())


def test_a_full_journal_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=5)
    journal.append([b"12345"])
    with pytest.raises(JournalFull):
        journal.append([b"6"])
