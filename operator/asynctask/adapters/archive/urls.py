"""The archive's URL as administrators write it, as SQLAlchemy wants it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from asynctask.adapters.archive.errors import InvalidArchiveUrl

Dialect = Literal["sqlite", "postgresql", "mysql"]
_DRIVERS: dict[str, tuple[Dialect, str]] = {
    "sqlite": ("sqlite", "sqlite+aiosqlite"),
    "postgres": ("postgresql", "postgresql+asyncpg"),
    "postgresql": ("postgresql", "postgresql+asyncpg"),
    "mysql": ("mysql", "mysql+aiomysql"),
    "mariadb": ("mysql", "mysql+aiomysql"),
}
CONNECT_SECONDS = 5
COMMAND_SECONDS = 60
"""A statement of a batch takes at most this long; what people wait for is given up sooner."""


@dataclass(frozen=True)
class Address:
    """Where the database is, and how to connect."""

    dialect: Dialect
    url: URL
    connect_args: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The URL without its password."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.url.database) if self.dialect == "sqlite" and self.url.database else None


def parse(text: str) -> Address:
    """Read `sqlite:////path`, `postgresql://user:password@host/database` or `mysql://…`. Raises InvalidArchiveUrl.

    The parameters `sslmode` (`disable`, `require`, `verify-ca`, `verify-full`) and `sslrootcert` mean the same on both
    servers. The text itself is never part of a message: it holds a password.
    """
    try:
        given = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidArchiveUrl("not a database URL; give sqlite:////path, postgresql://… or mysql://…") from None
    scheme = given.drivername.split("+", 1)[0]
    if scheme not in _DRIVERS:
        raise InvalidArchiveUrl(f"no such database: {scheme}; there are sqlite, postgresql and mysql")
    dialect, driver = _DRIVERS[scheme]
    url = given.set(drivername=driver)
    if dialect == "sqlite":
        if not url.database or url.database == ":memory:" or not url.database.startswith("/"):
            raise InvalidArchiveUrl("sqlite wants an absolute path: sqlite:////var/lib/asynctask/archive/archive.db")
        return Address(dialect, url)
    if not url.database:
        raise InvalidArchiveUrl("the URL names no database: write it after the host, as in postgresql://host/asynctask")
    context, url = _tls(url)
    arguments: dict[str, Any] = {"ssl": context} if context else {}
    if dialect == "postgresql":
        arguments |= {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
        # plans are made for the values at hand: how common a status is decides which index is best
        planner = {"jit": "off", "plan_cache_mode": "force_custom_plan"}
        arguments["server_settings"] = {"application_name": "asynctask", "timezone": "UTC", **planner}
    else:
        arguments |= {"connect_timeout": CONNECT_SECONDS}
        url = url.update_query_dict({"charset": "utf8mb4"})
    return Address(dialect, url, arguments)


def _tls(url: URL) -> tuple[ssl.SSLContext | None, URL]:
    mode, root = (str(url.query.get(name, "")) for name in ("sslmode", "sslrootcert"))
    url = url.difference_update_query(["sslmode", "sslrootcert"])
    if mode in {"", "disable"} and not root:
        return None, url
    if mode not in {"", "require", "verify-ca", "verify-full"}:
        raise InvalidArchiveUrl(f"sslmode is disable, require, verify-ca or verify-full, not {mode!r}")
    try:
        context = ssl.create_default_context(cafile=root or None)
    except OSError as error:
        raise InvalidArchiveUrl(f"sslrootcert can't be read: {error}") from None
    context.check_hostname = mode in {"", "verify-full"}
    if mode == "require" and not root:
        context.verify_mode = ssl.CERT_NONE
    return context, url
