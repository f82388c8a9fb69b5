"""Which files have expired, and how much may go at once. Pure: nothing here touches a file."""

import os
import stat
from dataclasses import dataclass

from asynctask_stage.errors import PermanentError

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Expiry:
    """The rule. A file has expired when it is older, and its size is within the bounds."""

    cutoff_ns: int
    """Nanoseconds since the epoch; older is before this."""
    by_access: bool = False
    """Whether reading a file keeps it young; changing it always does."""
    least_bytes: int = 0
    most_bytes: int | None = None

    @classmethod
    def at(
        cls, now_ns: int, days: float, *, by_access: bool = False, least_bytes: int = 0, most_bytes: int | None = None
    ) -> "Expiry":
        """Older than ``days`` at ``now_ns``."""
        return cls(now_ns - int(days * DAY_NS), by_access, least_bytes, most_bytes)

    def has_expired(self, found: os.stat_result) -> bool:
        """Whether a file has; what is no regular file never does."""
        if not stat.S_ISREG(found.st_mode):
            return False
        if found.st_size < self.least_bytes or (self.most_bytes is not None and found.st_size > self.most_bytes):
            return False
        newest = max(found.st_mtime_ns, found.st_atime_ns) if self.by_access else found.st_mtime_ns
        return newest < self.cutoff_ns


@dataclass(frozen=True)
class Amount:
    """Files and bytes."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Limits:
    """The most that may go at once; 0 is no limit."""

    files: int = 0
    bytes: int = 0
    percent: int = 0
    """Of the tree, in files or in bytes, whichever is more."""

    def check(self, asked: Amount, tree: Amount) -> None:
        """``PermanentError``, reason ``LimitExceeded``, with both figures, when ``asked`` of ``tree`` is too much."""
        if self.files and asked.files > self.files:
            raise _exceeded(f"{asked.files:,} files are on the list; the limit is {self.files:,}")
        if self.bytes and asked.bytes > self.bytes:
            raise _exceeded(f"the list holds {asked.bytes:,} bytes; the limit is {self.bytes:,}")
        if not self.percent:
            return
        for count, total, what in ((asked.files, tree.files, "files"), (asked.bytes, tree.bytes, "bytes")):
            if count * 100 > self.percent * total:
                share = f"{count * 100 / total:.1f} %" if total else "more than all"
                raise _exceeded(
                    f"the list holds {count:,} of the tree's {total:,} {what}, {share};"
                    f" the limit is {self.percent} %. Nothing was deleted"
                )


def _exceeded(message: str) -> PermanentError:
    return PermanentError(message, reason="LimitExceeded")
