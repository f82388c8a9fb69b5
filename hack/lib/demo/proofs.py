"""Is the copy equal to the source? Asked of a program that knows nothing of AsyncTask."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from . import inputs
from .terminal import DemoError, size

if TYPE_CHECKING:
    from pathlib import Path

    from .terminal import Terminal

SECONDS = 1800


def equal(source: Path, copy: Path, terminal: Terminal, *, owners: bool) -> None:
    """Compare two trees; DemoError with the first differences when they differ."""
    entries, total = inputs.count(source)
    if shutil.which("rsync"):
        kinds = "-aHX" if owners else "-rlptDHX"
        command = ["rsync", "-n", kinds, "--checksum", "--delete", "--modify-window=-1", "--itemize-changes"]
        command += [f"{source}/", f"{copy}/"]
        covers = "content, modes, times to the nanosecond, links, extended attributes"
    else:
        command = ["diff", "--recursive", "--no-dereference", "--brief", str(source), str(copy)]
        covers = "content and symbolic links (diff; install rsync to compare modes and times as well)"
    terminal.say(" ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    found = [line for line in done.stdout.splitlines() if line]
    if found or done.returncode:
        some = "\n   ".join([*found[:20], done.stderr.strip()])
        raise DemoError(f"source and copy differ in {len(found)} entries:\n   {some}\nBoth are kept: {source}, {copy}")
    what = f"{covers} and owners" if owners else covers
    terminal.proven(f"{entries} entries, {size(total)}: 0 differences in {what}")
    if not owners:
        terminal.say(
            "Owners were not compared: a pod without rights can't give files away, and the stage says so"
            " (notPreserved in its outputs).\n   --owners runs the demo with the DataOwner profile, which can."
        )
