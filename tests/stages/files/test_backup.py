"""What a backup holds when it is done, and what the next one does."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from trees import block, make_files, make_odd, snapshot


def test_everything_arrives_as_it_is(backup):
    make_odd(backup.source)
    make_files(backup.source, 120)
    (backup.source / "large").write_bytes(block(1, 20 << 20))

    endings = backup.run()

    assert snapshot(backup.target) == snapshot(backup.source)
    assert all(ending["outcome"] == "succeeded" for ending in endings.values())
    assert endings["verify"]["outputs"]["filesVerified"] == endings["metadata"]["outputs"]["files"]


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_rsync_finds_nothing_to_do(backup):
    make_odd(backup.source)
    backup.run()

    command = ["rsync", "-aHAXnc", "--delete", "--itemize-changes", f"{backup.source}/", f"{backup.target}/"]

    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""


def test_holes_stay_holes(backup):
    make_odd(backup.source)
    backup.run()

    for name in ("sparse", "hole"):
        assert (backup.target / name).stat().st_blocks <= (backup.source / name).stat().st_blocks + 16


def test_a_second_run_copies_nothing(backup):
    make_odd(backup.source)
    make_files(backup.source, 60)
    backup.run(1)
    before = {path: os.lstat(path).st_ctime_ns for path in backup.target.rglob("*")}

    endings = backup.run(2)

    assert endings["metadata"]["outputs"]["filesToCopy"] == 0
    assert endings["content"]["outputs"]["filesCopied"] == 0
    assert endings["content"]["outputs"]["hardLinks"] == 0
    assert {path: os.lstat(path).st_ctime_ns for path in backup.target.rglob("*")} == before
    assert endings["verify"]["outputs"] == endings["verify"]["outputs"] | {"withoutHash": 0, "mismatches": 0}


def test_a_second_run_copies_what_changed(backup):
    make_files(backup.source, 60)
    backup.run(1)
    changed = backup.source / "d000" / "f00003"
    changed.write_bytes(b"new")
    (backup.source / "d001" / "new").write_bytes(b"more")
    (backup.source / "d000" / "f00004").chmod(0o600)
    os.setxattr(backup.source / "d000" / "f00005", "user.a", b"b")
    (backup.source / "d000").chmod(0o711)

    endings = backup.run(2)

    assert endings["content"]["outputs"]["filesCopied"] == 2
    assert snapshot(backup.target) == snapshot(backup.source)


def test_what_is_gone_from_the_source_stays_in_the_destination(backup):
    make_files(backup.source, 3)
    backup.run(1)
    (backup.source / "d000" / "f00001").unlink()
    backup.run(2)

    assert (backup.target / "d000" / "f00001").exists()


def test_an_attribute_taken_away_is_taken_away(backup):
    (backup.source / "f").write_bytes(b"x")
    os.setxattr(backup.source / "f", "user.a", b"b")
    backup.run(1)
    os.removexattr(backup.source / "f", "user.a")
    backup.run(2)

    assert os.listxattr(backup.target / "f") == []


@pytest.mark.parametrize("fresh", ["file", "directory", "symlink"])
@pytest.mark.parametrize("stale", ["file", "directory", "symlink"])
def test_a_name_that_is_something_else_now(backup, fresh, stale):
    def make(kind: str, path: Path) -> None:
        if kind == "file":
            path.write_bytes(kind.encode() + str(path).encode())
        elif kind == "directory":
            path.mkdir()
            (path / "inside").write_bytes(b"1")
        else:
            path.symlink_to(f"somewhere-{path.parent.name}")

    backup.target.mkdir()
    make(stale, backup.target / "name")
    make(fresh, backup.source / "name")

    endings = backup.run()

    if stale == "directory" and fresh != "directory":
        assert [error["reason"] for error in backup.errors("metadata")] == ["TypeConflict"]
        assert endings["metadata"]["outcome"] == "partial"
        assert (backup.target / "name" / "inside").exists()
    else:
        assert snapshot(backup.target) == snapshot(backup.source)


def test_hard_links_that_come_and_go(backup):
    a, b, c = (backup.source / name for name in "abc")
    a.write_bytes(b"one")
    os.link(a, b)
    backup.run(1)
    b.unlink()
    b.write_bytes(b"two two")
    os.link(a, c)
    backup.run(2)

    assert snapshot(backup.target) == snapshot(backup.source)


@pytest.mark.parametrize(
    ("verify", "expected"),
    [("hash", "VerifyMismatch"), ("size", None), ("none", None)],
)
def test_damage_of_the_same_size_is_found_by_hash_only(backup, verify, expected):
    backup.config["verify"] = verify
    make_files(backup.source, 5)
    backup.stage("metadata")
    backup.stage("content")
    damage(backup.target / "d000" / "f00002")

    ending = backup.stage("verify")

    assert [error["reason"] for error in backup.errors("verify")] == ([expected] if expected else [])
    assert ending["outcome"] == ("partial" if expected else "succeeded")


def test_damage_of_an_earlier_copy_is_found_and_mended_by_the_run_after(backup):
    make_files(backup.source, 5)
    (backup.source / "large").write_bytes(block(5, 20 << 20))
    backup.run(1)
    damage(backup.target / "d000" / "f00002")
    damage(backup.target / "large", at=15 << 20)

    found = backup.run(2)
    listed = sorted(error["path"] for error in backup.errors("verify", 2))
    backup.stage("metadata", 3)  # a run that gets no further must not lose what was found
    mended = backup.run(4)

    assert found["verify"]["outcome"] == "partial"
    assert listed == ["d000/f00002", "large"]
    assert mended["content"]["outputs"]["filesCopied"] == 2
    assert mended["verify"]["outcome"] == "succeeded"
    assert snapshot(backup.target) == snapshot(backup.source)


def test_a_size_that_differs_is_found_by_size(backup):
    backup.config["verify"] = "size"
    make_files(backup.source, 5)
    backup.stage("metadata")
    backup.stage("content")
    (backup.target / "d000" / "f00001").write_bytes(b"")
    (backup.target / "d000" / "f00002").unlink()

    backup.stage("verify")

    assert sorted(error["path"] for error in backup.errors("verify")) == ["d000/f00001", "d000/f00002"]


def test_files_that_were_there_before_are_counted_as_uncompared(backup):
    make_files(backup.source, 4)
    shutil.copytree(backup.source, backup.target)

    endings = backup.run(1)

    assert endings["content"]["outputs"]["filesCopied"] == 0
    assert endings["verify"]["outputs"]["withoutHash"] == 4


def damage(path: Path, at: int = 1) -> None:
    """Change one byte, and leave size and time as they are."""
    info = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def test_only_what_is_asked_for(backup):
    for path in ("a/x.jpg", "a/x.txt", "b/deep/y.jpg", "c/z.txt", "d/cache/z.jpg", "docs/any"):
        (backup.source / path).parent.mkdir(parents=True, exist_ok=True)
        (backup.source / path).write_bytes(path.encode())
    backup.config = {"include": ["*.jpg", "/docs/"], "exclude": ["cache/"]}

    backup.run()

    found = sorted(str(path.relative_to(backup.target)) for path in backup.target.rglob("*"))
    assert found == ["a", "a/x.jpg", "b", "b/deep", "b/deep/y.jpg", "docs", "docs/any"]


def test_a_deep_tree_and_a_wide_one(backup):
    deep = backup.source
    for _ in range(300):
        deep /= "a" * 10
    deep.parent.parent.mkdir(parents=True)
    (deep.parent.parent / "end").write_bytes(b"end")
    wide = backup.source / "wide"
    wide.mkdir()
    for i in range(5000):
        (wide / f"{i}").touch()

    ending = backup.run()

    assert ending["metadata"]["outputs"]["files"] == 5001
    assert snapshot(backup.target) == snapshot(backup.source)


def test_the_checkpoint_is_small_and_the_errors_name_any_bytes(backup):
    odd = backup.source / os.fsdecode(b"bad\xff\nname")
    odd.write_bytes(b"1")
    backup.stage("metadata")
    odd.unlink()
    odd.mkdir()
    backup.stage("content")

    (error,) = backup.errors("content")
    assert error["path"] == "bad\\xff\nname"
    assert error["pathBase64"] == "YmFk/wpuYW1l"
    for path in (backup.workspace / ".asynctask").glob("r1-*.json"):
        assert path.stat().st_size < 2048
