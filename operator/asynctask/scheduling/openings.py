"""Who stands before a shut window. At the opening those whose turn comes first are looked at first, and the first
places go out a moment later: else they would go to whoever happened to be looked at."""

from typing import Protocol

from asynctask.adapters.store import Key

Turn = tuple[int, float]
"""Priority and submit time."""


class Timer(Protocol):
    """What `loop.call_later` returns."""

    def cancel(self) -> None:
        """Never mind."""


class Openings:
    """Tasks by the moment at which their windows open."""

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._standing: dict[float, dict[Key, tuple[Turn, str]]] = {}

    def stand(self, key: Key, queue: str, turn: Turn, opens: float) -> None:
        """The task waits for this moment, and for its place in this queue then."""
        self.leave(key)
        self._at[key] = opens
        self._standing.setdefault(opens, {})[key] = (turn, queue)

    def leave(self, key: Key) -> None:
        """The task no longer waits for a window."""
        at = self._at.pop(key, None)
        if at is None:
            return
        del self._standing[at][key]
        if not self._standing[at]:
            del self._standing[at]

    def next(self) -> float | None:
        """The next moment at which a window opens."""
        return min(self._standing, default=None)

    def take(self, now: float) -> list[tuple[Key, str]]:
        """Those whose windows have opened by now, in the order of their turns, each with its queue."""
        opened = [
            (turn, key, queue)
            for at in list(self._standing)
            if at <= now
            for key, (turn, queue) in self._standing.pop(at).items()
        ]
        for _, key, _ in opened:
            del self._at[key]
        return [(key, queue) for _, key, queue in sorted(opened)]
