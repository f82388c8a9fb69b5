"""JSON merge patches (RFC 7386)."""

from collections.abc import Mapping
from typing import Any

EMPTY: tuple[Any, ...] = (None, "", [], {}, ())


def difference(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that turns what is into what should be; empty when nothing differs.

    Keys that `wanted` does not name are left alone at the top and removed below it. Absent and empty are the same.
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        have = current.get(key)
        if value in EMPTY:
            if have not in EMPTY:
                patch[key] = None
        elif isinstance(value, Mapping) and isinstance(have, Mapping):
            inner = difference(have, {**dict.fromkeys(have), **value})
            if inner:
                patch[key] = inner
        elif isinstance(value, Mapping):
            patch[key] = {name: inner for name, inner in value.items() if inner not in EMPTY}
        elif have != value:
            patch[key] = value
    return patch
