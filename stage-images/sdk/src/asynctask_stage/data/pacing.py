"""What every moved byte passes: the stop flag, the bandwidth limit, the progress."""

import threading
from collections.abc import Mapping
from typing import Any

from asynctask_stage.stages import Stage

SEGMENT = 1 << 20
"""Bytes moved between two looks at the stop flag and the limit."""

DIRECT_SEGMENT = 4 << 20
"""The same past the page cache, where each call waits for the disk."""


class Pace:
    """Shared by the threads of a stage."""

    def __init__(
        self, stage: Stage, *, bytes_done: int = 0, bytes_total: int = 0, items_done: int = 0, items_total: int = 0
    ) -> None:
        self._stage = stage
        self._lock = threading.Lock()
        self.bytes_done = bytes_done
        self.items_done = items_done
        self.bytes_total = bytes_total
        self.items_total = items_total
        stage.progress(bytes_done=bytes_done, bytes_total=bytes_total, items_done=items_done, items_total=items_total)

    def take(self, size: int) -> None:
        """Wait until ``size`` bytes may move; raises ``Stopped`` when asked to stop."""
        self._stage.bandwidth.take(size)

    def moved(self, size: int, items: int = 0) -> None:
        """Count bytes and items as done; negative to take back what has to be done again."""
        with self._lock:
            self.bytes_done = max(0, self.bytes_done + size)
            self.items_done += items
            # A file that grew since it was listed must not make the bar pass its end.
            self.bytes_total = max(self.bytes_total, self.bytes_done)
            self._stage.progress(bytes_done=self.bytes_done, bytes_total=self.bytes_total, items_done=self.items_done)

    @property
    def direct_segment(self) -> int:
        """Bytes moved at once past the page cache: fewer under a limit, or a thread waits for them for seconds."""
        rate = self._stage.bandwidth.rate
        return DIRECT_SEGMENT if rate is None else min(DIRECT_SEGMENT, max(SEGMENT, int(rate / 20)))

    @property
    def stopping(self) -> bool:
        """Whether the stage was asked to stop."""
        return self._stage.stopping

    def check(self) -> None:
        """Raise ``Stopped`` when asked to stop."""
        self._stage.check()


class Checkpointer:
    """The stage's checkpoint: which catalog, how far; small, and only of what is committed."""

    def __init__(self, stage: Stage, base: Mapping[str, Any]) -> None:
        self._data = dict(base)
        self._given: dict[str, Any] | None = None
        stage.register_checkpoint(self._make)

    def set(self, **values: Any) -> None:
        """Replace values. Call it after the commit that makes them true."""
        self._data = {**self._data, **values}

    def _make(self) -> dict[str, Any] | None:
        """The newest, or None when the stage has it already: each one costs a write at the API server."""
        if self._data == self._given:
            return None
        self._given = self._data
        return self._data

    @property
    def data(self) -> dict[str, Any]:
        """The newest."""
        return self._data
