"""Trees to back up, and an independent look at what arrived: no code of the mover is used here."""

# Names here are bytes, which pathlib does not take.
# ruff: noqa: PTH118, PTH115, PTH208, PTH211

import hashlib
import os
import stat
from collections import defaultdict
from pathlib import Path
from typing import Any


def snapshot(top: Path, *, times: bool = True, owners: bool = True) -> dict[bytes, tuple[Any, ...]]:
    """Everything of a tree that a backup must keep, by relative path."""
    base = os.fsencode(top)
    found: dict[bytes, tuple[Any, ...]] = {}
    links: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    stack = [b""]
    while stack:
        path = stack.pop()
        full = os.path.join(base, path) if path else base
        info = os.lstat(full)
        kind = stat.S_IFMT(info.st_mode)
        what: Any = None
        if kind == stat.S_IFREG:
            what = hashlib.sha256(Path(os.fsdecode(full)).read_bytes()).hexdigest()
            if info.st_nlink > 1:
                links[info.st_dev, info.st_ino].append(path)
        elif kind == stat.S_IFLNK:
            what = os.readlink(full)
        elif kind == stat.S_IFDIR:
            stack += [os.path.join(path, name) for name in os.listdir(full)]
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            what = info.st_rdev
        attributes: Any = ()
        if kind != stat.S_IFLNK:
            attributes = tuple(sorted((name, os.getxattr(full, name)) for name in os.listxattr(full)))
        found[path] = (
            kind,
            what,
            info.st_mode & 0o7777 if kind != stat.S_IFLNK else None,
            (info.st_uid, info.st_gid) if owners else None,
            info.st_mtime_ns if times else None,
            attributes,
        )
    for paths in links.values():
        if len(paths) > 1:
            for path in paths:
                found[path] += (tuple(sorted(paths)),)
    return found


def make_files(top: Path, count: int, size: int = 2000, *, per_directory: int = 50, seed: int = 0) -> None:
    """``count`` files of about ``size`` bytes in directories of ``per_directory``."""
    for i in range(count):
        directory = top / f"d{i // per_directory:03}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"f{i:05}").write_bytes(block(seed + i, size + i % 97))


def block(seed: int, size: int) -> bytes:
    """``size`` bytes that follow from ``seed`` and do not repeat in a way that hides a mix-up."""
    start = hashlib.sha256(str(seed).encode()).digest()
    return hashlib.shake_128(start).digest(size)


def make_odd(top: Path) -> None:
    """One of everything that a file system may hold."""
    (top / "deep" / "er").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "zero").write_bytes(b"")
    (top / "deep" / "file").write_bytes(b"x" * 5000)
    os.utime(top / "deep" / "file", ns=(1_000_000_001, 1_234_567_890_123_456_789))
    (top / "old").write_bytes(b"before 1970")
    os.utime(top / "old", ns=(0, -1_500_000_001))
    (top / "closed").write_bytes(b"secret")
    (top / "closed").chmod(0o400)
    (top / "deep" / "er").chmod(0o750)
    os.symlink("deep/file", top / "link")
    os.symlink("/nowhere/" + "x" * 200, top / "dangling")
    os.symlink("../../../etc", top / "deep" / "out")
    os.mkfifo(top / "pipe", 0o640)
    for name in (
        b"new\nline",
        b"bad\xff\xfe utf8",
        b" spaces ",
        b"-rf",
        "中文 名字".encode(),
        b"q'\"`$(x)*?[a]",
        b"\x01\x7f",
        b"n" * 255,
    ):
        Path(os.fsdecode(os.path.join(os.fsencode(top), name))).write_bytes(name)
    os.link(top / "deep" / "file", top / "hard")
    os.link(top / "deep" / "file", top / "deep" / "er" / "hard2")
    with (top / "sparse").open("wb") as file:
        file.truncate(3 << 20)
        file.seek(1 << 20)
        file.write(b"island" * 1000)
    with (top / "hole").open("wb") as file:
        file.truncate(20 << 20)
    os.setxattr(top / "zero", "user.colour", b"blue\x00\xff")
    os.setxattr(top / "empty", "user.note", b"directory")
