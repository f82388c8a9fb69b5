"""Which items of a list are meant: the filters of a review, and the classes that its facets count by."""

from dataclasses import dataclass
from typing import Literal

Sort = Literal["path", "size", "age"]
DAY_NS = 86_400 * 10**9
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZE_BOUNDS = (1, 4 * KIB, 64 * KIB, MIB, 16 * MIB, 128 * MIB, GIB, 16 * GIB)
"""Where a class of sizes ends and the next begins, in bytes."""
AGE_BOUNDS = (7, 30, 90, 180, 365, 730, 1095, 1825)
"""The same for ages, in days."""
MAX_TYPE = 12


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Items that have all of this; what is empty does not count."""

    folder: str = ""
    """Everything below this folder."""
    text: str = ""
    """Anywhere in the path, in upper or lower case."""
    types: frozenset[str] = frozenset()
    """One of these endings; the empty one is for names without."""
    min_size: int | None = None
    max_size: int | None = None
    """Both count as within."""
    from_time: int | None = None
    before_time: int | None = None
    """Nanoseconds since 1970; the end is not within."""
    struck: bool | None = None
    """Whether it is struck off."""

    @property
    def is_empty(self) -> bool:
        """Whether all items are meant."""
        return self == ItemFilter()


def type_of(path: str) -> str:
    """The ending of a file's name in lower case: `jpg` of `a/B.JPG`; empty where there is none, or no plain one."""
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem and len(ending) <= MAX_TYPE and ending.isalnum() else ""


def folder_of(text: str) -> str:
    """A folder as people write it, as paths of items begin: no `/` at its end."""
    return text.rstrip("/")


def age_bounds(now: int) -> tuple[int, ...]:
    """The moments between the classes of ages, oldest first."""
    return tuple(now - days * DAY_NS for days in reversed(AGE_BOUNDS))
