"""What can go wrong with the archive. Nothing of SQLAlchemy or a driver leaves `adapters/archive`."""

import asyncio

from sqlalchemy import exc


class ArchiveError(Exception):
    """The archive did not do as asked. `code` says why, for programs."""

    code = "ArchiveFailed"


class InvalidArchiveUrl(ArchiveError):
    """The URL of the setting names no database that can be used."""

    code = "InvalidArchiveUrl"


class ArchiveUnavailable(ArchiveError):
    """The database is away, too slow, or not looked at yet: the same may do later."""

    code = "ArchiveUnavailable"


class ArchiveFull(ArchiveUnavailable):
    """The database has no room left: the same may do once there is some."""

    code = "ArchiveFull"


class ArchiveTooNew(ArchiveError):
    """The database was written by a newer release. It is not touched."""

    code = "ArchiveTooNew"


class ArchiveTooOld(ArchiveError):
    """The database has not been brought to this release's tables yet: `asynctask-archive upgrade`."""

    code = "ArchiveTooOld"


class ForeignSchema(ArchiveError):
    """The database holds tables of something else under our names. It is not touched."""

    code = "ForeignSchema"


class ArchiveConflict(ArchiveError):
    """A row breaks a constraint: it is there already, or what it refers to is not."""

    code = "ArchiveConflict"


_FULL = ("disk is full", "disk full", "no space left", "is full", "diskfull", "errno: 28", "quota exceeded")
_DRIVERS = ("asyncpg", "aiomysql", "pymysql", "aiosqlite", "sqlite3")
_DEFECTS = (exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
"""Statements that are wrong: trying again won't help."""


def translated(error: BaseException) -> ArchiveError | None:
    """What an exception of SQLAlchemy, a driver or the network means; None when it is none of theirs."""
    if isinstance(error, ArchiveError):
        return error
    text = _said(error)
    if isinstance(error, exc.IntegrityError):
        return ArchiveConflict(text)
    is_full = any(sign in text.lower() for sign in _FULL)
    if isinstance(error, exc.SQLAlchemyError):
        if is_full:
            return ArchiveFull(text)
        if isinstance(error, (exc.DBAPIError, exc.TimeoutError)) and not isinstance(error, _DEFECTS):
            return ArchiveUnavailable(text)
        if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
            return ArchiveUnavailable(text)
        return ArchiveError(text)
    is_driver = type(error).__module__.split(".", 1)[0] in _DRIVERS
    if is_driver or isinstance(error, (OSError, TimeoutError, asyncio.TimeoutError, EOFError)):
        return ArchiveFull(text) if is_full else ArchiveUnavailable(text)
    return None


def _said(error: BaseException) -> str:
    """The database's words alone: statements and their values can hold what users wrote."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {original}"[:500] if str(original) else type(original).__name__
