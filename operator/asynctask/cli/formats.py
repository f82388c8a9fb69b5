"""Figures and times as people read them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from asynctask.api.status import Progress

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float | None) -> str:
    """Bytes, in powers of 1000: `1.5 GB`."""
    if count is None:
        return ""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


def span(seconds: float | None) -> str:
    """A length of time, in two units at most: `3m20s`, `4h5m`, `12d`."""
    if seconds is None:
        return ""
    left = max(0, int(seconds))
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    if days:
        return f"{days}d{hours}h" if days < 10 and hours else f"{days}d"
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m{left}s" if minutes and left else f"{minutes}m" if minutes else f"{left}s"


def moment(text: str | None) -> datetime | None:
    """A time as the API server writes it."""
    return datetime.fromisoformat(text) if text else None


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago that was, as a column has it."""
    when = moment(text)
    return span(((now or datetime.now(UTC)) - when).total_seconds()) if when else ""


def clock(text: str | None) -> str:
    """A time in the zone of the reader, with how far away it is."""
    when = moment(text)
    if when is None:
        return ""
    away = when - datetime.now(UTC)
    words = f"in {span(away.total_seconds())}" if away > timedelta() else f"{span(-away.total_seconds())} ago"
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S %Z} ({words})"


def progress(found: dict[str, Any] | None) -> str:
    """One line of progress: `43%  1.5 GB of 3 GB  120/900 items  80 MB/s  12m left`."""
    if not found:
        return ""
    known = Progress.model_validate(found)
    parts = [f"{known.percent}%"] if known.percent is not None else []
    if known.bytes_done is not None:
        total = f" of {size(known.bytes_total)}" if known.bytes_total else ""
        parts.append(size(known.bytes_done) + total)
    if known.items_done is not None:
        parts.append(
            f"{known.items_done}/{known.items_total} items" if known.items_total else f"{known.items_done} items"
        )
    if known.bytes_per_second:
        parts.append(f"{size(known.bytes_per_second)}/s")
    if known.remaining_seconds is not None:
        parts.append(f"{span(known.remaining_seconds)} left")
    return "  ".join([*parts, *([known.message] if known.message else [])])
