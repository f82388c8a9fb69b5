"""Memory that is given back when it is free."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from asynctask.adapters import memory
if sys.argv[1] == "yes":
    memory.give_back()

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4

del [bytes(8 << 20)][:]  # the first large block that is freed
before = resident()
blocks = [bytes(1 << 20) for _ in range(30)]
last = bytes(1 << 20)  # stays: what lies before it in a heap can't be cut off
del blocks
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and is about glibc")
def test_large_blocks_are_given_back_when_they_are_freed() -> None:
    kept = [
        int(subprocess.run([sys.executable, "-c", PROGRAM, wanted], capture_output=True, text=True, check=True).stdout)
        for wanted in ("yes", "no")
    ]
    assert kept[0] < 4 * 1024  # KiB; without it some 30,000
    assert kept[0] < kept[1]
