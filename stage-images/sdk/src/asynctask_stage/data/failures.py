"""Item errors: kept in the catalog, told to the stage once they are durable there, listed for a retry.

Told only after the commit, so a crash in between is seen on resume (the stage's count is behind) and made up for; the
other way round an item would be counted twice.
"""

import errno
import json
import os
from pathlib import Path

from asynctask_stage.data import names
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.errors import PermanentError, StageError, TransientError, classify
from asynctask_stage.stages import Stage

_ENDS_EVERYTHING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_MAY_BE_THE_MOUNT = frozenset(
    {
        errno.ESTALE,
        errno.EIO,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENXIO,
        errno.ENODEV,
    }
)


class ItemFailed(Exception):
    """One item can't be done, for a reason of our own."""

    def __init__(self, reason: str, message: str, error_class: str = "transient") -> None:
        super().__init__(message)
        self.reason = reason
        self.error_class = error_class


class Failures:
    """The item errors of one stage."""

    def __init__(self, catalog: Catalog, stage: Stage, name: str, roots: tuple[int, ...] = ()) -> None:
        """``roots`` are descriptors of the trees' tops, asked when an error may mean that a whole tree went away."""
        self._catalog = catalog
        self._stage = stage
        self._name = name
        self._roots = roots
        self._told = stage.item_error_count

    def add(self, path: bytes, error: Exception) -> None:
        """Record that the item at ``path`` failed; raises a ``StageError`` instead when everything would fail."""
        if isinstance(error, ItemFailed):
            failure = (error.error_class, error.reason, str(error))
        else:
            self.check(error)
            found = classify(error)
            text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else found.message
            failure = (str(found.error_class), found.reason, text)
        self._catalog.execute(
            "INSERT OR IGNORE INTO errors (stage, path, class, reason, message) VALUES (?, ?, ?, ?, ?)",
            (self._name, path, *failure),
        )

    def check(self, error: Exception) -> None:
        """Raise what ends the stage when ``error`` is more than one item's."""
        if isinstance(error, StageError):
            raise error
        if not isinstance(error, OSError):
            return
        if error.errno in _ENDS_EVERYTHING:
            if error.errno == errno.EROFS:
                raise PermanentError("the storage is read-only", reason="ReadOnly") from error
            raise PermanentError(f"the storage is full: {os.strerror(error.errno)}", reason="NoSpace") from error
        if error.errno in _MAY_BE_THE_MOUNT:
            for fd in self._roots:
                try:
                    os.fstatvfs(fd)
                    os.stat(".", dir_fd=fd)
                except OSError as gone:
                    raise TransientError(f"a tree is out of reach: {gone}", reason="StorageUnavailable") from gone

    def commit(self) -> None:
        """Commit the catalog, then tell the stage what is new."""
        self._catalog.commit()
        rows = self._catalog.execute(
            "SELECT path, class, reason, message FROM errors WHERE stage = ? ORDER BY seq LIMIT -1 OFFSET ?",
            (self._name, self._told),
        ).fetchall()
        for path, error_class, reason, message in rows:
            self._stage.item_error(path or b".", reason=reason, message=message, error_class=error_class)
        self._told += len(rows)

    @property
    def count(self) -> int:
        """Item errors of this stage so far."""
        return int(self._catalog.scalar("SELECT count(*) FROM errors WHERE stage = ?", (self._name,)))

    def write_list(self, path: Path) -> None:
        """Write all item errors as lines of JSON (``path``, ``pathBase64``, ``class``, ``reason``, ``message``)."""
        temporary = path.with_name(path.name + ".tmp")
        sql = "SELECT path, class, reason, message FROM errors WHERE stage = ? ORDER BY seq"
        with temporary.open("w", encoding="utf-8") as file:
            for item, error_class, reason, message in self._catalog.execute(sql, (self._name,)):
                line = {**names.to_json(item), "class": error_class, "reason": reason, "message": message}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
