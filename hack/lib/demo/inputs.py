"""The data that is backed up: a copy of a part of this machine's system, awkward names, and one big file."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import DemoError, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .terminal import Terminal

TREES = ("/usr/share", "/usr/lib", "/usr/include", "/opt")
LARGEST = 32 << 20
"""Larger files of the system are left out: the big file stands for them."""
BLOCK = 8 << 20
READABLE = stat.S_IROTH | stat.S_IXOTH


@dataclass(frozen=True)
class Wanted:
    """How much input there is to be."""

    files: int
    tree_bytes: int
    big_bytes: int


def ensure(source: Path, target: Path, wanted: Wanted, terminal: Terminal) -> None:
    """Make the input, unless the same was made by an earlier demo."""
    stamp = source.parent / "input.json"
    if stamp.exists() and json.loads(stamp.read_text()) == asdict(wanted):
        terminal.say(f"{source}: there from the last time ({stamp} says which sizes)")
        return
    stamp.unlink(missing_ok=True)
    for path in (source, target):
        empty(path)
    needed = 2 * (wanted.big_bytes + wanted.tree_bytes) + (1 << 30)
    free = shutil.disk_usage(source).free
    if free < needed:
        raise DemoError(
            f"{source} has {size(free)} free, the demo needs {size(needed)}: give a smaller --size, or free some space"
        )
    files, left_out = _copy_system(source / "system", wanted, terminal)
    _awkward(source / "awkward names")
    _big(source / "disk.img", wanted.big_bytes, terminal)
    terminal.say(
        f"{source}: {files} files of this machine's system, a few with awkward names, and {size(wanted.big_bytes)} that"
        f" do not compress.\n   Left out, because a pod without rights may not read them: {left_out}"
    )
    stamp.write_text(json.dumps(asdict(wanted)))


def empty(directory: Path) -> None:
    """Delete all that is in a directory of the demo, but not the directory: a volume is mounted over it."""
    try:
        for child in directory.iterdir() if directory.exists() else ():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
    except PermissionError as error:
        raise DemoError(
            f"what an earlier demo copied belongs to the user of its pods: {error}\n"
            f"delete it by hand, then run the demo again:  sudo find {directory} -mindepth 1 -delete"
        ) from error


def count(directory: Path) -> tuple[int, int]:
    """Entries below it, and the bytes of its files."""
    entries = total = 0
    for found in _walk(directory):
        entries += 1
        details = found.stat(follow_symlinks=False)
        total += details.st_size if stat.S_ISREG(details.st_mode) else 0
    return entries, total


def _walk(directory: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))


def _copy_system(target: Path, wanted: Wanted, terminal: Terminal) -> tuple[int, int]:
    done = total = left_out = 0
    for tree in TREES:
        pending = [(Path(tree), target / Path(tree).name)]
        while pending and done < wanted.files and total < wanted.tree_bytes:
            here, there = pending.pop()
            if not here.is_dir() or (here.stat().st_mode & READABLE) != READABLE:
                left_out += here.is_dir()
                continue
            there.mkdir(parents=True, exist_ok=True)
            for entry in sorted(os.scandir(here), key=lambda item: item.name):
                if done >= wanted.files or total >= wanted.tree_bytes:
                    break
                if entry.is_dir(follow_symlinks=False):
                    pending.append((Path(entry.path), there / entry.name))
                    continue
                details = entry.stat(follow_symlinks=False)
                is_link, is_file = stat.S_ISLNK(details.st_mode), stat.S_ISREG(details.st_mode)
                if is_file and not details.st_mode & stat.S_IROTH:
                    left_out += 1
                elif is_link or (is_file and details.st_size <= LARGEST):
                    _copy(entry, there / entry.name, details, is_link=is_link)
                    done, total = done + 1, total + details.st_size
            terminal.moving(f"   copying this machine's system: {done} files, {size(total)}")
            shutil.copystat(here, there)
    return done, left_out


def _copy(entry: os.DirEntry[str], there: Path, details: os.stat_result, *, is_link: bool) -> None:
    if is_link:
        there.symlink_to(os.readlink(entry.path))  # noqa: PTH115 - the text as it is
        return
    shutil.copyfile(entry.path, there)
    there.chmod(stat.S_IMODE(details.st_mode) & 0o777)
    os.utime(there, ns=(details.st_atime_ns, details.st_mtime_ns))


def _awkward(folder: Path) -> None:
    """What trips copy programs: odd names, links of both kinds, holes, empty things, files that nobody may write."""
    folder.mkdir()
    (folder / "a line\nbreak").write_text("one\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/not utf-8 \xff\xfe")).write_text("two\n")
    (folder / "图片 🗂 ümläut").write_text("three\n")
    (folder / "-rf *").write_text("four\n")
    (folder / "empty").touch()
    (folder / "empty folder").mkdir()
    (folder / "nobody may write").write_text("five\n")
    (folder / "nobody may write").chmod(0o444)
    (folder / "hard link").hardlink_to(folder / "empty")
    (folder / "dangling link").symlink_to("nowhere")
    with (folder / "holes").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"not a hole")
    deep = folder.joinpath(*["deep"] * 30)
    deep.mkdir(parents=True)
    (deep / ("n" * 200)).write_text("six\n")
    os.utime(folder / "empty folder", (1_000_000_000, 1_000_000_000))


def _big(path: Path, length: int, terminal: Terminal) -> None:
    with path.open("wb", buffering=0) as file:
        for done in range(0, length, BLOCK):
            file.write(os.urandom(min(BLOCK, length - done)))
            terminal.moving(f"   writing {path.name}: {size(done)} of {size(length)}")
    path.chmod(0o644)
