"""How memory is given back: by the C library to the system, by Python's collector to the process."""

import ctypes
import gc
from contextlib import suppress

# mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE_BYTES = 512 * 1024
YOUNG_OBJECTS = 20_000
"""Hardly anything here is garbage in circles: looking for it after every 700 objects, as Python does, is in vain."""


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


def collect_seldom() -> None:
    """Have Python look for garbage in circles less often."""
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def settle() -> None:
    """What is there now stays: going through all of it again and again would hold everything up."""
    gc.collect()
    gc.freeze()
