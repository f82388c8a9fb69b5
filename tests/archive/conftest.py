"""Each test gets a fresh database, of each kind in turn; `archive` is one with all its tables."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.databases import DIALECTS, Database, Servers

from asynctask.adapters.archive import Archive, open_archive


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    with servers.fresh(request.param, tmp_path) as database:
        yield database


@pytest.fixture
async def archive(database: Database) -> AsyncIterator[Archive]:
    async with open_archive(database.url) as archive:
        await archive.upgrade()
        yield archive
