"""Bounds on every string that leaves the pod: valid UTF-8, cut to size, no passwords of URLs."""

import re

MESSAGE_BYTES = 1024
"""Longest message of an ending, of an item error or of progress."""

LOG_BYTES = 4096
"""Longest log message of a report."""

PATH_BYTES = 4096
"""Longest path of an item error."""

_USER_INFO = re.compile(r"//[^/\s@]+@")
_NOT_A_REASON = re.compile(r"[^A-Za-z0-9]")


def clip(text: str, limit: int) -> str:
    """``text`` as at most ``limit`` bytes of UTF-8, ending in an ellipsis where it was cut.

    File names that are not UTF-8 reach Python as lone surrogates, which JSON can't carry; their bytes are shown
    as ``\\xNN``.
    """
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        text = _show_surrogates(text)
        encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(0, limit - 3)].decode("utf-8", "ignore") + "…"


def message(text: str, *, limit: int = MESSAGE_BYTES) -> str:
    """A bounded message for people, without the user and password of URLs in it."""
    return clip(_USER_INFO.sub("//***@", text), limit)


def reason(text: str) -> str:
    """A reason that Kubernetes takes in a condition: one PascalCase word."""
    word = _NOT_A_REASON.sub("", text)[:128]
    return word if word and word[0].isalpha() else "Unknown"


def _show_surrogates(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
