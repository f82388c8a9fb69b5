"""The three databases of the archive: SQLite in a file, PostgreSQL and MariaDB as servers of this test run's own."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import MariaDb, PostgreSql, Server

DIALECTS = ("sqlite", "postgresql", "mysql")
_CARELESS = {  # tests that need a power cut's mercy say so; for the others the disk would only cost time
    "postgresql": ("-c", "fsync=off", "-c", "shared_buffers=64MB", "-c", "autovacuum=off"),
    "mysql": ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--sync-binlog=0"),
}
_number = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A fresh database."""

    dialect: str
    url: str
    server: Server | None
    """The server that it is on; None for SQLite."""

    @property
    def file(self) -> Path:
        """SQLite's file."""
        return Path(self.url.removeprefix("sqlite:///"))


class Servers:
    """Servers that are started when first asked for."""

    def __init__(self) -> None:
        # not pytest's: it is closed to all others, and as root's children the servers are others
        self._directory = Path(tempfile.mkdtemp(prefix="asynctask-servers-"))
        self._directory.chmod(0o755)
        self._more = itertools.count(1)
        self._running: dict[str, Server] = {}

    def get(self, dialect: str) -> Server:
        """The server of a dialect, running."""
        if dialect not in self._running:
            self._running[dialect] = self.start(dialect)
        return self._running[dialect]

    def start(self, dialect: str, directory: Path | None = None, options: tuple[str, ...] | None = None) -> Server:
        """One more server, for a test that ends, fills or freezes it and then stops it."""
        directory = directory or self.directory()
        kind = {"postgresql": PostgreSql, "mysql": MariaDb}[dialect]
        server = kind(directory, _CARELESS[dialect] if options is None else options)
        server.start()
        return server

    def directory(self) -> Path:
        """A place that servers can reach; not made yet."""
        return self._directory / str(next(self._more))

    def stop(self) -> None:
        """End them."""
        for server in self._running.values():
            server.kill()
        shutil.rmtree(self._directory)

    def copy(self, database: Database) -> str:
        """A copy of a database on the same server, through the server's own tools; its URL."""
        assert database.server
        server, old, new = database.server, database.url.rsplit("/", 1)[1], f"copy_{next(_number)}"
        url = server.create(new)
        if isinstance(server, PostgreSql):
            dump = server.run([*server.client("pg_dump"), "--no-owner", "--no-privileges", old])
            server.run([*server.client("psql"), "-q", "-v", "ON_ERROR_STOP=1", new], dump)
        else:
            assert isinstance(server, MariaDb)
            dump = server.run([*server.client("mariadb-dump"), "--single-transaction", "--hex-blob", old])
            server.run([*server.client("mariadb"), new], dump)
        return url

    @contextmanager
    def fresh(self, dialect: str, directory: Path) -> Iterator[Database]:
        """A database with nothing in it."""
        name = f"archive_{next(_number)}"
        if dialect == "sqlite":
            yield Database(dialect, f"sqlite:///{directory / name}.db", None)
            return
        server = self.get(dialect)
        url = server.create(name)
        try:
            yield Database(dialect, url, server)
        finally:
            server.drop(name)
