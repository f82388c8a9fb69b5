"""SIGTERM and SIGINT as a request to stop, heard even while the main thread hangs in a system call."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

from asynctask_stage.stops import StopFlag

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a stage to stop."""

_watching: set[socket.socket] = set()


@contextlib.contextmanager
def watched(stop: StopFlag) -> Iterator[None]:
    """Set ``stop`` on SIGTERM and SIGINT while the block runs; does nothing outside the main thread.

    The interpreter's C handler writes the signal's number into a socket, and a thread reads it: no Python code
    runs inside the interrupted main thread, which may hold any lock. A handler must be there all the same, for PID 1
    ignores a signal that has none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    old_handlers = {number: signal.signal(number, _handled_by_the_thread) for number in STOP_SIGNALS}
    old_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    _watching.add(writer)
    thread = threading.Thread(target=_listen, args=(reader, stop), name="asynctask-signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _watching.discard(writer)
        signal.set_wakeup_fd(old_fd)
        for number, handler in old_handlers.items():
            signal.signal(number, handler)
        writer.close()
        thread.join()
        reader.close()


def _forget_in_child() -> None:
    """A forked worker that is terminated must not look like a SIGTERM of its parent, whose socket it has."""
    if _watching:
        _watching.clear()
        signal.set_wakeup_fd(-1)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget_in_child)


def _handled_by_the_thread(_number: int, _frame: FrameType | None) -> None:
    pass


def _listen(reader: socket.socket, stop: StopFlag) -> None:
    while received := reader.recv(64):
        for number in received:
            if number in STOP_SIGNALS:
                stop.set(signal.Signals(number).name)
