"""Sets of positions in a list, written as ranges: `0-41,43`. Of thousands, most are neighbours."""

from collections.abc import Iterable


def parse(text: str) -> set[int]:
    """The positions that a text names."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def write(positions: Iterable[int]) -> str:
    """The text that names these positions."""
    parts: list[str] = []
    first = last = -2
    for position in sorted(positions):
        if position != last + 1:
            parts.append("")
            first = position
        last = position
        parts[-1] = str(first) if first == last else f"{first}-{last}"
    return ",".join(parts)
