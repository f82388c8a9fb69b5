"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), from lines to values."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event of the stream."""

    kind: str
    """What it is: the event's name."""
    data: Any
    """Its JSON."""
    id: str
    """Give it as `last_event_id` to go on after it."""


class Decoder:
    """Puts lines together to events. Comments, which are heartbeats, give nothing."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_seconds: float | None = None
        self._kind, self._data = "", list[str]()

    def line(self, line: str) -> Event | None:
        """Take one line, without its end; the event that it completes, if it does."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._kind = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self.last_event_id = value
            case "retry" if value.isdigit():
                self.retry_seconds = int(value) / 1000
        return None

    def _complete(self) -> Event | None:
        kind, data = self._kind or "message", "\n".join(self._data)
        self._kind, self._data = "", []
        return Event(kind, json.loads(data), self.last_event_id) if data else None
