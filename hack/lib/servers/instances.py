"""One server with a data directory of its own, on a free port of the loopback interface.

The servers refuse to run as root; then they run as `nobody`, who owns the directory and must be able to reach it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

START_SECONDS = 90.0
STOP_SECONDS = 60.0
USER = "nobody"
PASSWORD = "tests"


class ServerError(Exception):
    """A server can't be installed, started or asked; the message says what its log said."""


class Server:
    """What both have in common. `options` are added to the server's command line."""

    name = ""
    scheme = ""
    admin = ""

    def __init__(self, directory: Path, options: Sequence[str] = ()) -> None:
        self.directory = directory / self.name
        self.options = tuple(options)
        self.log = self.directory / "log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0) -> None:
        """Make the data directory where there is none, start, and wait until it answers. A restart keeps its port."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER)
        if not self.data.exists():
            self._initialise()
        self.port = port or self.port or free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command(), *self.options], stdout=log, stderr=log, start_new_session=True, **_as_user()
            )
        deadline = monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended at its start: {self._tail()}")
            try:
                self.execute("SELECT 1")
                return
            except ServerError:
                if monotonic() > deadline:
                    self.kill()
                    raise ServerError(f"{self.name} did not answer in time: {self._tail()}") from None
                sleep(0.05)

    def stop(self) -> None:
        """End in good order."""
        self._end(signal.SIGINT if self.scheme == "postgresql" else signal.SIGTERM)

    def kill(self) -> None:
        """End as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it answer nothing, its connections left open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def _signal(self, number: int) -> None:
        """To all its processes: PostgreSQL has one for each connection. SIGINT and SIGTERM go to the first alone."""
        if self.process is None or self.process.poll() is not None:
            return
        if number in {signal.SIGINT, signal.SIGTERM}:
            self.process.send_signal(number)
            return
        for pid in (self.process.pid, *_children(self.process.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def url(self, database: str) -> str:
        """The archive's URL of a database."""
        return f"{self.scheme}://{self.admin}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A fresh database; its URL."""
        self.execute(f"CREATE DATABASE {database}")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Away with it."""
        self.execute(f"DROP DATABASE IF EXISTS {database}")

    def run(self, command: Sequence[str | Path], given: bytes | None = None) -> bytes:
        """Run a command of the server's own; what it printed."""
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            list(map(str, command)), input=given, capture_output=True, check=False, **_as_user()
        )
        if done.returncode:
            raise ServerError(done.stderr.decode(errors="replace")[-2000:])
        return done.stdout

    def execute(self, sql: str, database: str = "") -> str:
        """Run SQL as its administrator; what it answered, a row a line."""
        raise NotImplementedError

    @property
    def data(self) -> Path:
        """Where its data is."""
        return self.directory / "data"

    def _initialise(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "no log"


class PostgreSql(Server):
    """PostgreSQL."""

    name, scheme, admin = "postgresql", "postgresql", "postgres"

    def execute(self, sql: str, database: str = "") -> str:
        """Run SQL as its administrator."""
        return self.run(
            [*self.client("psql"), "-v", "ON_ERROR_STOP=1", "-tA", "-c", sql, database or "postgres"]
        ).decode()

    def client(self, program: str) -> list[str]:
        """One of its client programs, connected."""
        return [_postgres(program), "-h", str(self.directory), "-p", str(self.port), "-U", self.admin]

    def drop(self, database: str) -> None:
        """Away with it, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _initialise(self) -> None:
        settings = [
            "--username",
            self.admin,
            "--auth-local=trust",
            "--auth-host=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]
        self.run([_postgres("initdb"), "-D", self.data, "--no-sync", *settings])

    def _command(self) -> list[str]:
        place = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.directory)]
        return [_postgres("postgres"), "-D", str(self.data), *place, "-c", "max_connections=200"]


class MariaDb(Server):
    """MariaDB."""

    name, scheme, admin = "mariadb", "mysql", "tests"

    def execute(self, sql: str, database: str = "") -> str:
        """Run SQL as its administrator."""
        return self.run([*self.client("mariadb"), "-N", "-B", "-e", sql, *([database] if database else [])]).decode()

    def client(self, program: str) -> list[str]:
        """One of its client programs, connected."""
        return [program, "--no-defaults", f"--socket={self.directory / 'socket'}", "--user=root"]

    def start(self, port: int = 0) -> None:
        """Start, with a user that may do all over TCP."""
        super().start(port)
        self.execute(
            f"CREATE USER IF NOT EXISTS {self.admin}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT ALL ON *.* TO {self.admin}@'127.0.0.1'"
        )

    def _initialise(self) -> None:
        place = [f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        self.run(["mariadb-install-db", "--no-defaults", *place, "--innodb-flush-log-at-trx-commit=0"])

    def _command(self) -> list[str]:
        return [
            shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mariadbd",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=200",
        ]


def installed() -> bool:
    """Whether both are there."""
    try:
        _postgres("postgres")
    except ServerError:
        return False
    return bool(shutil.which("mariadb-install-db"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _postgres(program: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[4]))
    if not found:
        raise ServerError("PostgreSQL is not installed: hack/setup databases")
    return str(found[-1])


def _as_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _children(pid: int) -> list[int]:
    try:
        lines = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in lines.split()]
