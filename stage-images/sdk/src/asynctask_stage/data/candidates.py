"""The lines of a list of files that may be deleted: written by the scan, approved by people, read by the deletion.

One JSON object a line: ``path`` (with ``pathBase64`` where it is not UTF-8), ``size``, ``mtimeNs``, ``atimeNs``,
``inode``, ``device``, ``kind``. It says which file was meant, not only which name; so nothing else can be deleted
under that name later.
"""

import base64
import binascii
import json
import os
import stat
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from asynctask_stage.data import names
from asynctask_stage.data.entries import int64
from asynctask_stage.errors import PermanentError

FILE = "File"
"""The only kind that is ever listed: links, pipes and devices are left alone."""

MAX_LINE = 64 * 1024
_UNSIGNED = 2**64


class Candidate(NamedTuple):
    """One file as it was scanned. Times in nanoseconds; ``ino`` and ``dev`` as signed 64-bit numbers."""

    path: bytes
    """Relative to the root."""
    size: int
    mtime_ns: int
    atime_ns: int
    ino: int
    dev: int
    nlink: int

    @classmethod
    def of(cls, path: bytes, found: os.stat_result) -> "Candidate":
        """A file as it is now."""
        return cls(
            path=path,
            size=found.st_size,
            mtime_ns=int64(found.st_mtime_ns),
            atime_ns=int64(found.st_atime_ns),
            ino=int64(found.st_ino),
            dev=int64(found.st_dev),
            nlink=found.st_nlink,
        )

    def to_line(self, *, by_access: bool = False) -> str:
        """As a line of the list, with its end. ``by_access`` adds when it was last used at all, as its age counts."""
        body = {
            **names.to_json(self.path),
            "size": self.size,
            "mtimeNs": self.mtime_ns,
            "atimeNs": self.atime_ns,
            "inode": self.ino % _UNSIGNED,
            "device": self.dev % _UNSIGNED,
            "kind": FILE,
            **({"timeNs": max(self.mtime_ns, self.atime_ns)} if by_access else {}),
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n"


class _Unusable(ValueError):
    pass


def read(stream: IO[bytes]) -> Iterator[Candidate]:
    """The lines of a list, which is taken whole or not at all.

    ``PermanentError``, reason ``InvalidList``, names the first line that is not one; every name must lie below
    the root.
    """
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        try:
            if len(line) > MAX_LINE:
                raise _Unusable("is too long")
            yield _parse(line)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, _Unusable) else "is not JSON"
            raise PermanentError(f"line {number} of the approved list {why}", reason="InvalidList") from error


def path_of(body: dict[str, Any]) -> bytes:
    """The exact bytes of the path in a line; ``ValueError`` for one that does not lie below the root."""
    try:
        exact = body.get("pathBase64")
        path = body["path"].encode() if exact is None else base64.b64decode(exact, validate=True)
    except (KeyError, TypeError, AttributeError, binascii.Error, UnicodeEncodeError) as error:
        raise _Unusable("has no path") from error
    parts = path.split(b"/")
    if b"\0" in path or any(part in (b"", b".", b"..") for part in parts):
        raise _Unusable("has a path that does not lie below the root")
    return path


def _parse(line: bytes) -> Candidate:
    body = json.loads(line)
    if not isinstance(body, dict):
        raise _Unusable("is not an object")
    if body.get("kind") != FILE:
        raise _Unusable("is not about a file")
    return Candidate(
        path=path_of(body),
        size=_number(body, "size", least=0),
        mtime_ns=_number(body, "mtimeNs"),
        atime_ns=_number(body, "atimeNs"),
        ino=_number(body, "inode", least=0),
        dev=_number(body, "device", least=0),
        nlink=1,
    )


def _number(body: dict[str, Any], name: str, *, least: int = -(2**63)) -> int:
    value = body.get(name)
    if type(value) is not int or not least <= value < _UNSIGNED:
        raise _Unusable(f"has no {name}")
    return int64(value)


def difference(candidate: Candidate, found: os.stat_result, device: int, *, by_access: bool) -> str:
    """In what ``found`` is not the file that was scanned, in a word or two; empty when it is that file, unchanged.

    ``device`` is the root's now: a device's number may change with each mount, what must not change is that the file
    lies on the root's.
    """
    if not stat.S_ISREG(found.st_mode):
        return "kind"
    if int64(found.st_ino) != candidate.ino:
        return "identity"
    if found.st_dev != device:
        return "file system"
    if found.st_size != candidate.size:
        return "size"
    if int64(found.st_mtime_ns) != candidate.mtime_ns:
        return "time of last change"
    if by_access and int64(found.st_atime_ns) > candidate.atime_ns:
        return "time of last access"
    return ""
