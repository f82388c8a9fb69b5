"""Temporary names in the target, and file names of any bytes as text."""

import base64
import hashlib
import os
import re
from typing import Any

_TEMPORARY = re.compile(rb"\.asynctask\.([0-9a-f]{8})\.(\d+)\.part")

FOREIGN_SECONDS = 7 * 86400
"""A temporary file of another task is an orphan once nobody has written to it for so long."""


def token_of(task: str) -> str:
    """What marks the temporary names of one task: eight hex digits."""
    return hashlib.blake2s(task.encode(), digest_size=4).hexdigest()


def temporary(token: str, entry_id: int) -> bytes:
    """The temporary name of an entry's copy, in the directory of its final name.

    It follows from the entry alone, so whoever resumes finds it, and has a fixed length, so a name of 255 bytes works.
    """
    return b".asynctask.%s.%d.part" % (token.encode(), entry_id)


def is_temporary(name: bytes) -> bool:
    """Whether this is a temporary name of any task; scans leave those out."""
    return name.startswith(b".asynctask.") and _TEMPORARY.fullmatch(name) is not None


def is_orphan(name: bytes, token: str, mtime: float, now: float) -> bool:
    """Whether a temporary file found in the target when a run begins is left over; times in seconds."""
    match = _TEMPORARY.fullmatch(name)
    return match is not None and (match[1] == token.encode() or now - mtime > FOREIGN_SECONDS)


def display(path: bytes) -> str:
    """A path for people: the root is ``.``, bytes that are not UTF-8 appear as ``\\xNN``."""
    return path.decode("utf-8", "backslashreplace") or "."


def to_json(path: bytes) -> dict[str, Any]:
    """A path as JSON carries it: ``path``, and ``pathBase64`` with the exact bytes where they are not UTF-8."""
    try:
        return {"path": path.decode() or "."}
    except UnicodeDecodeError:
        return {"path": display(path), "pathBase64": base64.b64encode(path).decode()}


def split(path: bytes) -> tuple[bytes, bytes]:
    """Directory and name; the directory of a top-level name is the empty path."""
    directory, _, name = path.rpartition(b"/")
    return directory, name


def join(directory: bytes, name: bytes) -> bytes:
    """The path of ``name`` in ``directory``."""
    return b"%s/%s" % (directory, name) if directory else name


def text_of(path: bytes) -> str:
    """The path as Python's file functions spell it, for matching patterns character by character."""
    return os.fsdecode(path)
