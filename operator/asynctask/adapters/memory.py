"""How the C library gives memory back, for processes that are to stay small."""

import ctypes
from contextlib import suppress

# mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE_BYTES = 512 * 1024


def give_back() -> None:
    """Have what large blocks took returned when they are freed, and all threads take from one heap.

    glibc otherwise keeps a heap for each thread, and after the first large block that is freed no longer returns such
    blocks: 20 MB of a gateway in which a million items are under review. Call it before there are threads. C libraries
    that know no mallopt, musl among them, have neither habit.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)
