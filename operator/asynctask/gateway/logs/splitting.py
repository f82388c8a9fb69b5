"""From what the API server sends of a container's output to lines: bounded whatever the container writes. Pure."""

from asynctask.core import loglines

MAX_PIECE = 16 * 1024


class Splitter:
    """Splits `TIME TEXT` lines, as the API server sends them with timestamps. A line without end is cut into pieces."""

    def __init__(self, after: int = 0) -> None:
        self._rest = b""
        self._after = after
        self._is_inside = False
        """The next piece goes on with a line whose beginning has been given already."""
        self._is_known = False
        """That line is known already."""
        self.last = after
        """The time of the newest line."""

    def feed(self, data: bytes) -> list[tuple[int, str, str]]:
        """Time, level and text of each line that is complete; those known already (`after`) are left out."""
        found: list[tuple[int, str, str]] = []
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            found += self._given([line] if len(line) <= MAX_PIECE else _pieces(line))
            self._is_inside = False
        *pieces, self._rest = _pieces(rest)
        return found + self._given(pieces)

    def end(self) -> list[tuple[int, str, str]]:
        """What came without an end of its line."""
        rest, self._rest = self._rest, b""
        return self._given([rest]) if rest else []

    def _given(self, pieces: list[bytes]) -> list[tuple[int, str, str]]:
        return [found for piece in pieces if (found := self._piece(piece)) is not None]

    def _piece(self, raw: bytes) -> tuple[int, str, str] | None:
        time, text = self.last, raw
        if not self._is_inside:
            stamp, _, rest = raw.partition(b" ")
            stamped = loglines.micros_of(stamp.decode("ascii", "replace")) if 20 <= len(stamp) <= 40 else None
            self._is_inside, self._is_known = True, stamped is not None and stamped <= self._after
            if stamped is not None:  # else nothing that the API server wrote
                time, text = stamped, rest
        elif not raw:
            return None
        if self._is_known:
            return None
        self.last = max(self.last, time)
        shown = loglines.cleaned(text.decode("utf-8", "replace"))
        return time, loglines.level_of(shown), shown


def _pieces(line: bytes) -> list[bytes]:
    """A line cut into pieces; an empty one is one piece."""
    return [line[start : start + MAX_PIECE] for start in range(0, max(len(line), 1), MAX_PIECE)]
