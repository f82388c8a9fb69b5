"""Trees to back up, and an independent word on whether a copy is right: rsync's."""

import os
import subprocess
from pathlib import Path

USER = 65532
"""Whom the stages run as; trees are theirs, so that owners can be compared as well."""
MEGABYTE = 1_000_000


def make_small_files(top: Path, count: int = 200, *, per_directory: int = 40) -> None:
    """Files of a few KB in directories, links, an empty directory, odd names, old times."""
    for i in range(count):
        directory = top / f"d{i // per_directory:02}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"f{i:04}").write_bytes(os.urandom(1000 + 37 * i))
    (top / "empty").mkdir(mode=0o750)
    (top / "中文 name\n").write_text("odd")
    (top / "old").write_text("before 1970")
    os.utime(top / "old", ns=(0, -1_500_000_001))
    (top / "link").symlink_to("d00/f0000")
    os.link(top / "old", top / "d00" / "hard")
    (top / "old").chmod(0o640)
    give(top)


def make_big_file(path: Path, megabytes: int) -> None:
    """A file that holds nothing twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(MEGABYTE))
    give(path.parent)


def give(top: Path, user: int = USER) -> None:
    """Make everything the stages' own."""
    os.chown(top, user, user)
    for folder, directories, files in os.walk(top):
        for name in (*directories, *files):
            os.chown(Path(folder) / name, user, user, follow_symlinks=False)


def differences(source: Path, target: Path, *options: str) -> str:
    """What rsync would still have to do, owners, modes, times and what is too many included; empty: nothing."""
    command = ["rsync", "-naHAXS", "--checksum", "--delete", "--itemize-changes", "--modify-window=-1", *options]
    done = subprocess.run([*command, f"{source}/", f"{target}/"], capture_output=True, text=True, check=True)
    return done.stdout


def holds_bytes(top: Path) -> int:
    """Bytes on disk below a directory, whatever the files are called."""
    return sum((Path(folder) / name).lstat().st_blocks * 512 for folder, _, files in os.walk(top) for name in files)
