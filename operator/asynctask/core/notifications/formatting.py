"""Numbers, times and durations as people of either language write them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from asynctask.texts import Language

DURATIONS: dict[Language, tuple[str, str, str, str]] = {
    "en": ("{} d", "{} h", "{} min", "{} s"),
    "zh": ("{} 天", "{} 小时", "{} 分钟", "{} 秒"),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int) -> str:
    """With thousands apart: 1,234,567 in both languages."""
    return f"{value:,}"


def duration(length: timedelta, language: Language) -> str:
    """By its two largest units: `2 h 5 min`, `2 小时 5 分钟`."""
    seconds = max(0, int(length.total_seconds()))
    parts = (seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    named = [(value, unit.format(value)) for value, unit in zip(parts, DURATIONS[language], strict=True)]
    first = next((index for index, (value, _) in enumerate(named) if value), len(named) - 1)
    return " ".join(text for index, (value, text) in enumerate(named[first : first + 2]) if value or index == 0)


def moment(time: datetime, zone: str, language: Language) -> str:
    """A wall time with its zone: `28 Nov 2026 14:41 (Europe/Berlin)`, `2026年11月28日 14:41（Asia/Shanghai）`.

    The names of months are written here: the locale of the process must not decide what a message says.
    """
    local = time.astimezone(_zone(zone))
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}（{zone}）"
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local:%H:%M} ({zone})"


def clock(time: datetime, zone: str) -> str:
    """Hour and minute, for the lines of a list."""
    return f"{time.astimezone(_zone(zone)):%H:%M}"


def one_line(text: str, limit: int) -> str:
    """Without line breaks or control characters, cut with an ellipsis: fit for a mail's subject or an SMS."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")
