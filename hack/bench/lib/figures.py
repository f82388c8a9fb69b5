"""Medians, ranges, percentiles, and tables of them."""

from collections.abc import Iterable, Sequence
from math import ceil, isnan
from statistics import median


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the range when there is one: `1,530 (1,370–1,549)`."""
    known = [value for value in values if not isnan(value)]
    if not known:
        return "–"
    middle = f"{median(known):,.{digits}f}"
    low, high = f"{min(known):,.{digits}f}", f"{max(known):,.{digits}f}"
    return middle if low == high else f"{middle} ({low}–{high})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
