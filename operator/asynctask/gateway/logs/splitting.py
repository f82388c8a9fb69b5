"""From what the API server sends of a container's output to lines: bounded whatever the container writes. Pure."""

from collections import deque

from asynctask.core import loglines

MAX_PIECE = 16 * 1024
ALL = 1 << 40
Found = tuple[int, str, str]
"""Time in microseconds since 1970, level, text."""


class Splitter:
    """Splits `TIME TEXT` lines, as the API server sends them with timestamps. A line without end is cut into pieces."""

    def __init__(self, after: int = 0, seen: int = ALL) -> None:
        self._rest = b""
        self._after = after
        self._seen = seen
        """Lines of just that time that are known; a flood has several within a microsecond."""
        self._passed = 0
        self._is_inside = False
        """The next piece goes on with a line whose beginning has been given already."""
        self._is_known = False
        """That line is known already."""
        self.last = after
        """The time of the newest line."""
        self.same = seen
        """Lines of just that time."""
        self.has_gap = False
        """Whether what came first is newer than what was known: between them something may be missing."""
        self._is_first = after > 0

    def feed(self, data: bytes) -> list[Found]:
        """Time, level and text of each line that is complete; those known already (`after`) are left out."""
        found: list[Found] = []
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            found += self._given([line] if len(line) <= MAX_PIECE else _pieces(line))
            self._is_inside = False
        *pieces, self._rest = _pieces(rest)
        return found + self._given(pieces)

    def end(self) -> list[Found]:
        """What came without an end of its line."""
        rest, self._rest = self._rest, b""
        return self._given([rest]) if rest else []

    def cut(self) -> bytes:
        """What of a line has come so far, for another to go on with."""
        rest, self._rest, self._is_inside = self._rest, b"", False
        return rest

    def _given(self, pieces: list[bytes]) -> list[Found]:
        return [found for piece in pieces if (found := self._piece(piece)) is not None]

    def _piece(self, raw: bytes) -> Found | None:
        time, text = self.last, raw
        if not self._is_inside:
            stamp, _, rest = raw.partition(b" ")
            stamped = loglines.micros_of(stamp.decode("ascii", "replace")) if 20 <= len(stamp) <= 40 else None
            self._is_inside, self._is_known = True, stamped is not None and self._knows(stamped)
            if stamped is not None:  # else nothing that the API server wrote
                time, text = stamped, rest
                self.has_gap |= self._is_first and time > self._after
                self._is_first = False
        elif not raw:
            return None
        if self._is_known:
            return None
        shown = loglines.cleaned(text.decode("utf-8", "replace"))
        return time, loglines.level_of(shown), shown

    def _knows(self, time: int) -> bool:
        """Whether a line of that time was known before; note one that was not."""
        self._passed += time == self._after
        if time < self._after or (time == self._after and self._passed <= self._seen):
            return True
        self.same = self.same + 1 if time == self.last else 1 if time > self.last else self.same
        self.last = max(self.last, time)
        return False


class Skimmer:
    """Passes over output but for its end, and counts what it passes over. Pure."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._blocks: deque[bytes] = deque()
        self._held = 0
        self.bytes = 0
        """Bytes passed over so far, whole lines with their times."""
        self.lines = 0

    def feed(self, data: bytes) -> None:
        """Take in what has come; the oldest goes when more than `keep` bytes are held."""
        self._blocks.append(data)
        self._held += len(data)
        while self._held - len(self._blocks[0]) >= self._keep:
            oldest = self._blocks.popleft()
            self._held -= len(oldest)
            self._pass_over(oldest)

    def end(self) -> bytes:
        """The end of the output, from the beginning of a line on if anything was passed over before it."""
        held = b"".join(self._blocks)
        self._blocks.clear()
        self._held = 0
        if self.bytes:
            start = held.find(b"\n") + 1
            self._pass_over(held[:start])
            held = held[start:]
        return held

    def _pass_over(self, data: bytes) -> None:
        self.bytes += len(data)
        self.lines += data.count(b"\n")


def _pieces(line: bytes) -> list[bytes]:
    """A line cut into pieces; an empty one is one piece."""
    return [line[start : start + MAX_PIECE] for start in range(0, max(len(line), 1), MAX_PIECE)]
