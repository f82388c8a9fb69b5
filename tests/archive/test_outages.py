"""Databases that go away, freeze, fill up: nothing is lost, callers are told soon, and all goes on when they are back."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from archive.makers import task
from archive.world import World, row, rows_of, until, until_true
from support.databases import Servers
from support.patience import patient
from support.smalldisk import IS_ROOT, SmallDisk, small_disk

from asynctask.adapters.archive import Archive, ArchiveFull, ArchiveUnavailable, engine, open_archive, tasks
from asynctask.adapters.archive.forwards import Seen
from asynctask.gateway.archiver import archiver as module
from servers import Server

needs_root = pytest.mark.skipif(not IS_ROOT, reason="mounting a small disk needs root")
COMFORTABLE_SECONDS = 20.0


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """A server of the test's own, with a database `archive`."""
    server = servers.start(request.param)
    server.create("archive")
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_MAX_SECONDS", 1.0)


async def refused(archive: Archive, seconds: float = 3.0) -> ArchiveUnavailable:
    """How a write is refused now; it must not take long."""
    begun = monotonic()
    with pytest.raises(ArchiveUnavailable) as caught:
        async with archive.begin(seconds) as transaction:
            await tasks.take_tasks(transaction, [Seen(task(4242))], 1)
    assert monotonic() - begun < patient(COMFORTABLE_SECONDS)
    return caught.value


async def test_killed_and_started_again(server: Server, world: World) -> None:
    async with open_archive(server.url("archive")) as archive:
        await archive.upgrade()
        async with world.archiver(archive):
            running, deleted = await world.task("Running"), await world.task("Running")
            for known in (running, deleted):
                await until(archive, known, lambda row: row.task_status == "running")
            server.kill()
            await world.become(running, "Failed", message="no room")
            await world.become(deleted, "Partial", itemErrorCount=7)
            await world.delete(deleted)
            short_lived = await world.task("Succeeded")
            await world.delete(short_lived)
            await refused(archive)
            await until_true(lambda: world.measures[-1].errors.labels("ArchiveUnavailable")._value.get() >= 2)
            server.start()
            assert (await until(archive, running, lambda row: row.task_status == "failed")).message == "no room"
            gone = await until(archive, deleted, lambda row: row.is_gone)
            assert (gone.task_status, gone.item_error_count) == ("partially_completed", 7)
            assert (await until(archive, short_lived, lambda row: row.is_gone)).task_status == "completed"


async def test_frozen_and_thawed(server: Server) -> None:
    async with open_archive(server.url("archive")) as archive:
        await archive.upgrade()
        async with archive.begin() as transaction:
            await tasks.take_tasks(transaction, [Seen(task(1))], 1)
        server.freeze()
        try:
            await refused(archive, 1.0)
            begun = monotonic()
            with pytest.raises(ArchiveUnavailable):
                async with archive.read(1.0) as connection:
                    await tasks.named(connection, "it", "task-1")
            assert monotonic() - begun < patient(COMFORTABLE_SECONDS)
        finally:
            server.thaw()

        async def answers() -> bool:
            try:
                async with archive.read(2.0) as connection:
                    return len(await tasks.named(connection, "it", "task-1")) == 1
            except ArchiveUnavailable:
                return False

        await until_true(answers)


async def test_never_there_at_the_start(server: Server) -> None:
    server.kill()
    async with open_archive(server.url("archive")) as archive:
        with pytest.raises(ArchiveUnavailable):
            await archive.upgrade()
        with pytest.raises(ArchiveUnavailable):
            async with archive.read():
                pass
        server.start()
        assert await archive.upgrade()


async def test_a_wrong_password_is_told_without_the_right_one(server: Server) -> None:
    if server.scheme == "postgresql":
        server.execute("CREATE DATABASE other")
        url = server.url("absent")
    else:
        url = server.url("archive").replace("tests:tests", "tests:s3cret")
    async with open_archive(url) as archive:
        with pytest.raises(ArchiveUnavailable) as caught:
            await archive.upgrade()
    assert "s3cret" not in str(caught.value)


async def test_sqlite_locked_by_another_process(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_MILLISECONDS", 50)
    async with open_archive(f"sqlite:///{tmp_path}/archive.db") as archive:
        await archive.upgrade()
        async with world.archiver(archive):
            other = sqlite3.connect(tmp_path / "archive.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            made = await world.task("Succeeded")
            await refused(archive)
            await until_true(lambda: world.measures[-1].errors.labels("ArchiveUnavailable")._value.get() >= 1)
            assert await row(archive, made) is None, "readers don't wait for the writer"
            other.execute("ROLLBACK")
            other.close()
            await until(archive, made, lambda row: row.task_status == "completed")


class TestFullDisk:
    @needs_root
    async def test_sqlite(self, world: World, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 16) as disk:
            async with open_archive(f"sqlite:///{disk.path}/archive.db") as archive:
                await self.fills_up_and_goes_on(archive, world, disk)

    @needs_root
    @pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
    async def test_servers(self, world: World, servers: Servers, dialect: str) -> None:
        small = {"mysql": ("--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=1"), "postgresql": ()}
        with small_disk(servers.directory(), 160) as disk:
            server = servers.start(dialect, disk.path, small[dialect])
            try:
                async with open_archive(server.create("archive")) as archive:
                    await self.fills_up_and_goes_on(archive, world, disk, server)
            finally:
                server.kill()

    async def fills_up_and_goes_on(
        self, archive: Archive, world: World, disk: SmallDisk, server: Server | None = None
    ) -> None:
        await archive.upgrade()
        async with world.archiver(archive):
            made = await world.task("Running")
            await until(archive, made, lambda row: row.task_status == "running")
            disk.fill()
            big = [task(number, config={"text": "x" * 60_000}) for number in range(400)]

            async def is_full() -> bool:
                try:
                    async with archive.begin(5.0) as transaction:
                        await tasks.take_tasks(transaction, [Seen(body) for body in big], 1)
                except ArchiveUnavailable as error:  # a server may end over it
                    return isinstance(error, ArchiveFull) or server is not None
                return False

            await until_true(is_full)
            await world.become(made, "Failed", message="no room")
            if server is None:  # a server may have room left in its files for one small row
                await until_true(lambda: world.measures[-1].errors.labels("ArchiveFull")._value.get())
            disk.free()
            if server and server.process and server.process.poll() is not None:
                server.start()
            await until(archive, made, lambda row: row.task_status == "failed", seconds=60)
        assert [found.name for found in await rows_of(archive)] == [made["metadata"]["name"]], "all or nothing"


async def test_memory_stays_bounded_while_the_database_is_away(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More changes than may be held: states of what is still there are let go and read again."""
    monkeypatch.setattr(engine, "BUSY_MILLISECONDS", 20)
    async with open_archive(f"sqlite:///{tmp_path}/archive.db") as archive:
        await archive.upgrade()
        other = sqlite3.connect(tmp_path / "archive.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with world.archiver(archive) as archiver:
            archiver._pending._most = 12_000
            made = [await world.task("Failed", {"message": "x" * 900}) for _ in range(30)]
            await until_true(lambda: len(archiver._tasks) == 30)
            assert archiver._pending._held <= 12_000
            other.execute("ROLLBACK")
            other.close()
            for each in made:
                assert (await until(archive, each, lambda row: row.task_status == "failed")).message == "x" * 900
        assert archiver._pending.let_go == 0
