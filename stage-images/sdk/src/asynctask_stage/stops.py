"""The one flag that says a stage must stop, and who has to hear of it."""

import threading
from collections.abc import Callable

from asynctask_stage.errors import Stopped, Superseded


class StopFlag:
    """Set once by a signal, a ``stop`` command or a refusal of the gateway; never cleared.

    Not to be set from a Python signal handler: the handler runs inside the main thread, which may hold the very lock.
    ``signals`` sets it from a thread of its own.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.reason = ""
        self.is_set = False
        self.is_superseded = False

    def set(self, reason: str, *, superseded: bool = False) -> None:
        """Ask to stop. A second call changes nothing, unless it is the first to say ``superseded``."""
        with self._lock:
            if self.is_set and (self.is_superseded or not superseded):
                return
            self.reason = reason
            self.is_superseded = self.is_superseded or superseded
            self.is_set = True
            listeners = tuple(self._listeners)
        self._event.set()
        for listener in listeners:
            listener()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` from the setting thread on each change; at once when it is set already."""
        with self._lock:
            self._listeners.append(listener)
            late = self.is_set
        if late:
            listener()

    def check(self) -> None:
        """Raise ``Superseded`` or ``Stopped`` when set."""
        if self.is_superseded:
            raise Superseded(self.reason)
        if self.is_set:
            raise Stopped(self.reason)

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until set or until ``timeout`` seconds have passed; whether it is set."""
        return self._event.wait(timeout)
