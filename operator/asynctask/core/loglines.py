"""Lines of stages' logs: how they are kept, cleaned, and how serious they are. Pure.

A kept line is `TIME<tab>LEVEL<tab>TEXT`, so that a log can be read with nothing but `zcat`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
MAX_TEXT = 16 * 1024
"""Characters of a line; what a program writes without ever ending the line is cut into pieces."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "trace": "debug", "debug": "debug", "info": "info", "notice": "info", "warn": "warning", "warning": "warning",
    "error": "error", "err": "error", "critical": "critical", "fatal": "critical", "panic": "critical",
}  # fmt: skip
_SAID = re.compile(
    r"""["']?level["']?\s*[=:]\s*["']?([a-z]{3,8})|(?:^|[\s\[<|(])(trace|debug|info|notice|warn|warning|error|err|critical|fatal|panic)(?=[\s\]>|):])""",
    re.IGNORECASE,
)
_LOOKED_AT = 160
"""Characters at the beginning of a line in which its level is looked for."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line, in the order in which lines of several sources are shown."""

    time: int
    """Microseconds since 1970, UTC."""
    run: int
    stage: str
    attempt: int
    source: str
    """Who wrote it down."""
    number: int
    """Which of that source's, from 0."""
    level: str
    text: str
    cut: int = 0
    """This stands for so many lines that were not kept."""


def cleaned(text: str) -> str:
    """Without escape sequences and control characters; tabs stay."""
    return _CONTROL.sub("", text)[:MAX_TEXT]


def level_of(text: str) -> str:
    """How serious a line of an unknown program seems; `info` when it does not say."""
    found = _SAID.search(text[:_LOOKED_AT])
    if found is None:
        return "info"
    return _WORDS.get((found[1] or found[2]).lower(), "info")


def kept(time: int, level: str, text: str) -> bytes:
    """A line as it is stored."""
    stamp = (EPOCH + timedelta(microseconds=time)).isoformat("T", "microseconds")[:26]
    return f"{stamp}Z\t{level}\t{text}\n".encode("utf-8", "replace")


def parsed(raw: bytes) -> tuple[int, str, str] | None:
    """Time, level and text of a stored line; None for what is none, such as the end of a file that broke off."""
    parts = raw.rstrip(b"\n").split(b"\t", 2)
    if len(parts) != 3:
        return None
    time = micros_of(parts[0].decode("ascii", "replace"))
    return None if time is None else (time, parts[1].decode("ascii", "replace"), parts[2].decode("utf-8", "replace"))


def micros_of(text: str) -> int | None:
    """RFC 3339 to microseconds since 1970; of finer fractions the rest is dropped. None for what is no time."""
    head, dot, fraction = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(f"{head}.{fraction[:6]}" if dot and fraction.isdigit() else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)
