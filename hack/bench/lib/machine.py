"""CPU time and memory as the kernel counts them, and what machine this is."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
IDLE_COLUMNS = (3, 4)
"""`idle` and `iowait` of the first line of /proc/stat; guest time (from column 8 on) is in `user` already."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds() -> float:
    """CPU time that anything on this machine has used since it booted."""
    columns = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(value for column, value in enumerate(columns) if column not in IDLE_COLUMNS) / TICKS


def resident_mib(pid: int) -> float:
    """Resident memory now."""
    return _status_kib(pid, "VmRSS") / 1024


def peak_mib(pid: int) -> float:
    """The most resident memory that the process has had."""
    return _status_kib(pid, "VmHWM") / 1024


def conditions(**more: str) -> dict[str, str]:
    """What a reader needs to judge the figures: when, on what, with which versions."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": str(os.cpu_count()),
        "cpu": _cpu_model(Path("/proc/cpuinfo").read_text().splitlines()),
        "memory": f"{int(memory.split()[1]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **more,
    }


def _cpu_model(lines: Iterable[str]) -> str:
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _status_kib(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)
