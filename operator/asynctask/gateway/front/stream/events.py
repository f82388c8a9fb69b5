"""What happened, in order, as far back as there is room: so that who was away for a moment misses nothing."""

from collections import deque
from collections.abc import Iterator
from secrets import token_hex

from asynctask.gateway.front.stream import frames
from asynctask.gateway.front.view.changes import Change
from asynctask.gateway.front.view.rows import ObjectRow, StageRow, TaskRow

MAX_EVENTS = 20_000
MAX_BYTES = 8 << 20
EVENT_BYTES = 400
"""What an event takes beside its frames."""


class Event:
    """One change. Its frames are made when the first client needs them, and then shared."""

    __slots__ = ("_frames", "before", "is_leaving", "kind", "position", "row", "sequence")

    def __init__(self, sequence: int, position: str, change: Change) -> None:
        self.sequence = sequence
        self.position = position
        self.kind = change.kind
        self.row = change.row
        self.before = change.before
        self.is_leaving = False
        """Of a deleted task: that it is in the archive, or will be in a moment."""
        self._frames: dict[str, bytes] = {}

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return EVENT_BYTES + sum(map(len, self._frames.values()))

    @property
    def known(self) -> TaskRow | StageRow | ObjectRow:
        """The newest row that there is of it."""
        row = self.row or self.before
        if row is None:
            raise ValueError("a change of nothing")
        return row

    def frame(self, topic: str, how: str) -> bytes:
        """The bytes for a topic, as `line`, `whole`, `stage` or `queue`, or `gone` from the list or the cluster."""
        key = f"{how} {topic}"
        made = self._frames.get(key)
        if made is None:
            made = self._frames[key] = self._made(topic, how)
        return made

    def _made(self, topic: str, how: str) -> bytes:
        row = self.known
        if isinstance(row, TaskRow):
            if how == "gone":
                data = {"topic": topic, "taskId": row.uid, "archived": self.is_leaving}
                return frames.frame("gone", data, self.position)
            shown = frames.task(row) if how == "line" else frames.whole_task(row)
            return frames.frame("task", {"topic": topic, "task": shown}, self.position)
        if isinstance(row, StageRow):
            gone = {"gone": True} if self.row is None else {}
            return frames.frame("stage", {"topic": topic, "stage": frames.stage(row) | gone}, self.position)
        if self.row is None:
            return frames.frame("gone", {"topic": topic, "name": row.name}, self.position)
        return frames.frame("queue", {"topic": topic, "queue": frames.queue(row)}, self.position)


class History:
    """The newest events. Positions are of this very object: another replica, or a restart, knows none of them."""

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._epoch = token_hex(6)
        self._max_events, self._max_bytes = max_events, max_bytes
        self._events: deque[Event] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._sequence = 0

    @property
    def position(self) -> str:
        """Where it stands."""
        return f"{self._epoch}-{self._sequence}"

    def add(self, change: Change) -> Event:
        """Take a change in."""
        self._sequence += 1
        event = Event(self._sequence, self.position, change)
        self._events.append(event)
        return event

    def settle(self) -> None:
        """The newest events have all the frames that they will have: make room for them."""
        while len(self._sizes) < len(self._events):
            size = self._events[len(self._sizes)].size
            self._sizes.append(size)
            self._bytes += size
        while self._events and (len(self._events) > self._max_events or self._bytes > self._max_bytes):
            self._events.popleft()
            self._bytes -= self._sizes.popleft()

    def forget(self) -> None:
        """Changes were lost: nobody can go on from before."""
        self._events.clear()
        self._sizes.clear()
        self._bytes = 0
        self._sequence += 1

    def after(self, position: str) -> Iterator[Event] | None:
        """The events since a position; None when that is not known any more, or never was."""
        epoch, _, number = position.partition("-")
        if epoch != self._epoch or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        sequence = int(number)
        oldest = self._events[0].sequence if self._events else self._sequence + 1
        if not oldest - 1 <= sequence <= self._sequence:
            return None
        return (event for event in list(self._events) if event.sequence > sequence)
