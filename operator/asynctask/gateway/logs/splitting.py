"""From what the API server sends of a container's output to lines: bounded whatever the container writes. Pure."""

from asynctask.core import loglines

MAX_PIECE = 16 * 1024


class Splitter:
    """Splits `TIME TEXT` lines, as the API server sends them with timestamps. A line without end is cut into pieces."""

    def __init__(self, after: int = 0) -> None:
        self._rest = b""
        self._after = after
        self.last = after
        """The time of the newest line."""

    def feed(self, data: bytes) -> list[tuple[int, str, str]]:
        """Time, level and text of each line that is complete; those known already (`after`) are left out."""
        *lines, rest = (self._rest + data).split(b"\n")
        while len(rest) > MAX_PIECE:
            lines.append(rest[:MAX_PIECE])
            rest = rest[MAX_PIECE:]
        self._rest = rest
        return [found for line in lines if (found := self._line(line)) is not None]

    def end(self) -> list[tuple[int, str, str]]:
        """What came without an end of its line."""
        rest, self._rest = self._rest, b""
        found = self._line(rest) if rest else None
        return [] if found is None else [found]

    def _line(self, raw: bytes) -> tuple[int, str, str] | None:
        stamp, space, text = raw[: MAX_PIECE + 40].partition(b" ")
        time = loglines.micros_of(stamp.decode("ascii", "replace")) if 20 <= len(stamp) <= 40 else None
        if time is None:  # the rest of a line that was cut, or nothing that the API server wrote
            time, text = self.last, raw[:MAX_PIECE]
        elif time <= self._after:
            return None
        elif not space:
            text = b""
        self.last = max(self.last, time)
        shown = loglines.cleaned(text.decode("utf-8", "replace"))
        return time, loglines.level_of(shown), shown
