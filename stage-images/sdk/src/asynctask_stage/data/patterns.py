r"""Include and exclude patterns, with the meaning they have in ``.gitignore``.

* ``*`` is any number of characters, ``?`` one, ``[a-z]`` one of a set, ``[!a-z]`` one not of it; none is ever a ``/``.
* A ``/`` at the start or in the middle ties a pattern to the root: ``/logs`` and ``a/*.tmp``. Without one it may match
  at any depth: ``*.tmp``.
* A ``/`` at the end matches directories only: ``cache/``.
* ``**`` as a whole component is any number of directories: ``**/x``, ``a/**/x``, ``a/**`` (everything below ``a``).
* ``\`` takes the meaning from the next character.

An excluded directory is not entered at all. With ``include`` only files that match (or lie below a directory that
matches) are taken, and the directories that lead to them. ``exclude`` outranks ``include``; no ``!`` undoes one.
Letters are compared exactly; a character is a Unicode one, or a single byte of a name that is not UTF-8.
"""

import re
from collections.abc import Sequence

from asynctask_stage.errors import PermanentError

MAX_PATTERNS = 1000
MAX_LENGTH = 1024


class Rules:
    """Which paths take part."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        """``PermanentError``, reason ``InvalidPattern``, names a pattern that is none."""
        self._include = _union(include)
        self._exclude = _union(exclude)

    @property
    def is_open(self) -> bool:
        """Whether everything takes part, so that nobody need ask."""
        return self._include is None and self._exclude is None

    @property
    def is_selective(self) -> bool:
        """Whether there is an ``include``: directories then count only for what is taken below them."""
        return self._include is not None

    def excludes(self, path: str, *, is_directory: bool) -> bool:
        """Whether ``path`` (relative to the root) is left out, with all below it."""
        return self._exclude is not None and bool(self._exclude.fullmatch(_subject(path, is_directory)))

    def includes(self, path: str, *, is_directory: bool) -> bool:
        """Whether ``path`` itself, or all below it for a directory, is asked for."""
        return self._include is None or bool(self._include.fullmatch(_subject(path, is_directory)))

    def takes_part(self, path: str, *, is_directory: bool) -> bool:
        """Whether ``path`` takes part; of a directory, whether it is entered."""
        if self.excludes(path, is_directory=is_directory):
            return False
        if is_directory or not self.is_selective or self.includes(path, is_directory=False):
            return True
        parts = path.split("/")[:-1]
        return any(self.includes("/".join(parts[: i + 1]), is_directory=True) for i in range(len(parts)))


def _subject(path: str, is_directory: bool) -> str:
    return f"{path}/" if is_directory else path


def _union(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if len(patterns) > MAX_PATTERNS:
        raise PermanentError(f"more than {MAX_PATTERNS} patterns", reason="InvalidPattern")
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_translate(pattern)})" for pattern in patterns), re.DOTALL)


def _translate(pattern: str) -> str:
    body = pattern.removesuffix("/") if not pattern.endswith("\\/") else pattern
    directories_only = body != pattern
    anchored = "/" in body
    parts = body.removeprefix("/").split("/")
    if not body or len(pattern) > MAX_LENGTH or "\0" in pattern or any(part in ("", ".", "..") for part in parts):
        raise PermanentError(f"{pattern!r} is not a pattern", reason="InvalidPattern")
    try:
        regex = _anchored(parts) if anchored else f"(?:.*/)?{_component(parts[0])}"
        re.compile(regex)
    except (re.error, IndexError):
        raise PermanentError(f"{pattern!r} is not a pattern", reason="InvalidPattern") from None
    return regex + ("/" if directories_only else "/?")


def _anchored(parts: list[str]) -> str:
    out = ""
    for i, part in enumerate(parts):
        is_last = i == len(parts) - 1
        if part == "**":
            out += ".+" if is_last else "(?:[^/]+/)*"
        else:
            out += _component(part) + ("" if is_last else "/")
    return out


def _component(part: str) -> str:
    out, i = "", 0
    while i < len(part):
        char = part[i]
        i += 1
        if char == "*":
            while part[i : i + 1] == "*":
                i += 1
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[":
            text, i = _set(part, i)
            out += text
        elif char == "\\":
            out += re.escape(part[i])
            i += 1
        else:
            out += re.escape(char)
    return out


def _set(part: str, start: int) -> tuple[str, int]:
    """The character set after ``[``; IndexError when it has no end."""
    i = start
    negated = part[i] in "!^"
    i += negated
    members: list[str] = []
    while part[i] != "]" or not members:
        low, i = _member(part, i)
        if part[i] == "-" and part[i + 1] != "]":
            high, i = _member(part, i + 1)
            if low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
            else:
                members.append("")  # an empty range matches nothing
        else:
            members.append(re.escape(low))
    inside = "".join(members)
    if negated:
        return f"[^/{inside}]", i + 1
    return (f"(?!/)[{inside}]" if inside else "(?!)"), i + 1


def _member(part: str, i: int) -> tuple[str, int]:
    return (part[i + 1], i + 2) if part[i] == "\\" else (part[i], i + 1)
