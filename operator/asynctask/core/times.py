"""Times and durations as texts."""

from datetime import UTC, datetime


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC to the second, as the API server writes it."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat("T", "seconds")[:19] + "Z"


def duration(seconds: float) -> str:
    """A duration for people, by its two largest units: `45s`, `12m`, `3h20m`, `2d4h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s" if whole < 600 and whole % 60 else f"{whole // 60}m"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60}m" if whole % 3600 >= 60 else f"{whole // 3600}h"
    return f"{whole // 86_400}d{whole % 86_400 // 3600}h"


def rate(bytes_per_second: int) -> str:
    """A rate for people, in decimal units."""
    for unit, size in (("GB/s", 10**9), ("MB/s", 10**6), ("kB/s", 10**3)):
        if bytes_per_second >= size:
            return f"{bytes_per_second / size:.3g} {unit}"
    return f"{bytes_per_second} B/s"
