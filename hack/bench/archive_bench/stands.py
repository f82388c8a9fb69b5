"""A filled database of each kind. They are kept, so that a second measurement need not fill them again."""

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from asynctask.adapters.archive import open_archive
from asynctask.adapters.archive.tables.tasks import tasks
from servers import MariaDb, PostgreSql, Server

from .estate import COLUMNS, NULL, Year

SAFE = {  # as an administrator of a small machine would set them; nothing that loses data
    "postgresql": ("-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB"),
    "mysql": ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M"),
}


class Stand:
    """One database."""

    def __init__(self, dialect: str, directory: Path) -> None:
        self.dialect = dialect
        self.directory = directory / dialect
        self.server: Server | None = None
        self.url = f"sqlite:///{self.directory / 'archive.db'}"

    def start(self) -> None:
        """Start its server, if it has one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.dialect == "sqlite":
            return
        kind = PostgreSql if self.dialect == "postgresql" else MariaDb
        self.server = kind(self.directory, SAFE[self.dialect])
        self.server.start()
        self.url = self.server.url("archive")

    def stop(self) -> None:
        """End its server."""
        if self.server:
            self.server.stop()

    async def fill(self, year: Year) -> bool:
        """Make the year, unless it is there; whether it had to be made."""
        marker = self.directory / "filled"
        wanted = repr(year)
        if marker.exists() and marker.read_text() == wanted:
            return False
        marker.unlink(missing_ok=True)
        if self.server:
            self.server.drop("archive")
            self.server.create("archive")
        else:
            for file in self.directory.glob("archive.db*"):
                file.unlink()
        async with open_archive(self.url) as archive:
            await archive.upgrade()
        {"sqlite": self._sqlite, "postgresql": self._postgresql, "mysql": self._mysql}[self.dialect](year)
        marker.write_text(wanted)
        return True

    def _file(self, year: Year) -> Path:
        """The rows as tab-separated text, shared by all databases."""
        path = self.directory.parent / "tasks.tsv"
        stamp = self.directory.parent / "tasks.year"
        if not stamp.exists() or stamp.read_text() != repr(year):
            with path.open("w") as file:
                for row in year.rows():
                    file.write("\t".join(row) + "\n")
            path.chmod(0o644)
            stamp.write_text(repr(year))
        return path

    def _sqlite(self, year: Year) -> None:
        def rows() -> Iterator[list[str | None]]:
            with self._file(year).open() as file:
                for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    yield [None if value == NULL else value for value in row]

        connection = sqlite3.connect(self.directory / "archive.db")
        for pragma in ("synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        names, places = ",".join(COLUMNS), ",".join("?" * len(COLUMNS))
        with connection:
            for statement in _indexes("DROP INDEX {name}"):
                connection.execute(statement)
            connection.executemany(f"INSERT INTO tasks ({names}) VALUES ({places})", rows())
            for statement in _indexes(CREATE):
                connection.execute(statement)
            for statement in _children("task_id || '.1'"):
                connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _postgresql(self, year: Year) -> None:
        assert self.server
        names, file = ",".join(COLUMNS), self._file(year)
        for statement in _indexes("DROP INDEX {name}"):
            self.server.execute(statement, "archive")
        self.server.execute(f"COPY tasks ({names}) FROM '{file}'", "archive")
        for statement in _indexes(CREATE):
            self.server.execute(f"SET maintenance_work_mem='512MB'; {statement}", "archive")
        for statement in _children("task_id || '.1'"):
            self.server.execute(statement, "archive")
        self.server.execute("VACUUM ANALYZE", "archive")

    def _mysql(self, year: Year) -> None:
        assert self.server
        names, file = ",".join(COLUMNS), self._file(year)
        load = f"LOAD DATA INFILE '{file}' INTO TABLE tasks CHARACTER SET utf8mb4 ({names})"
        for statement in _indexes("DROP INDEX {name} ON tasks"):
            self.server.execute(statement, "archive")
        self.server.execute(f"SET unique_checks=0; {load}", "archive")
        for statement in _indexes(CREATE):
            self.server.execute(statement, "archive")
        for statement in _children("CONCAT(task_id, '.1')"):
            self.server.execute(statement, "archive")
        self.server.execute("ANALYZE TABLE tasks", "archive")

    def size(self) -> int:
        """Bytes on disk."""
        if self.server is None:
            return sum(file.stat().st_size for file in self.directory.glob("archive.db*"))
        return sum(file.stat().st_size for file in self.server.data.rglob("*") if file.is_file())


CREATE = "CREATE INDEX {name} ON tasks ({columns})"


def _indexes(statement: str) -> list[str]:
    """A statement for each index: made after the rows, they are made ten times faster."""
    return [
        statement.format(name=index.name, columns=", ".join(column.name for column in index.columns))
        for index in sorted(tasks.indexes, key=lambda index: str(index.name))
    ]


def _children(joined: str) -> list[str]:
    """An object and a run of each task, so that details are found among as many."""
    columns = "task_id, namespace, run, start_time, end_time, priority, item_error_count, resource_version"
    history = f"INSERT INTO task_execution_history (history_id, execution_result, {columns})"
    return [
        f"{history} SELECT {joined}, task_status, {columns} FROM tasks",
        """INSERT INTO task_objects SELECT task_id, '{"metadata":{},"spec":{},"status":{}}' FROM tasks""",
    ]
