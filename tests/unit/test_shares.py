"""Looking into mounted shares: one level at a time, and never out of them."""

import os
from pathlib import Path

import pytest

from asynctask.adapters.shares import NotADirectory, NotMounted, NotThere, Shares


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "shares" / "tenant" / "photos"
    (top / "2020").mkdir(parents=True)
    (top / "2021").mkdir()
    (top / "a.txt").write_text("hello")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("x")
    (top / "out").symlink_to(tmp_path / "secret")
    return top


@pytest.fixture
def shares(tmp_path: Path) -> Shares:
    return Shares(tmp_path / "shares")


async def test_one_level_is_listed_by_name_in_pages(top: Path, shares: Shares) -> None:
    first = await shares.list("tenant", "photos", (), "", 2)
    assert [(entry.name, entry.kind) for entry in first.entries] == [("2020", "Directory"), ("2021", "Directory")]
    assert first.more
    rest = await shares.list("tenant", "photos", (), "2021", 10)
    assert [(entry.name, entry.kind) for entry in rest.entries] == [("a.txt", "File"), ("out", "Link")]
    assert not rest.more


@pytest.mark.parametrize(
    "parts", [("out",), ("out", "key"), ("a.txt",), ("2020", "..", "..", ".."), ("..",), ("a/b",), ("\0",)]
)
async def test_nothing_outside_is_seen(top: Path, shares: Shares, parts: tuple[str, ...]) -> None:
    with pytest.raises((NotADirectory, NotThere)):
        await shares.list("tenant", "photos", parts, "", 10)


async def test_a_link_is_told_and_not_followed(top: Path, shares: Shares) -> None:
    assert (await shares.check("tenant", "photos", ("out",))).kind == "Link"
    with pytest.raises(NotADirectory):
        await shares.check("tenant", "photos", ("out", "key"))


@pytest.mark.parametrize(
    ("namespace", "endpoint"), [("tenant", "music"), ("..", ".."), ("tenant", ""), ("tenant/photos", "2020")]
)
async def test_only_mounts_are_entered(top: Path, shares: Shares, namespace: str, endpoint: str) -> None:
    with pytest.raises(NotMounted):
        await shares.list(namespace, endpoint, (), "", 10)


async def test_a_mount_that_is_a_link_is_none(top: Path, shares: Shares, tmp_path: Path) -> None:
    (top.parent / "bad").symlink_to(tmp_path / "secret")
    with pytest.raises(NotMounted):
        await shares.list("tenant", "bad", (), "", 10)


async def test_names_that_are_no_text_are_shown_all_the_same(top: Path, shares: Shares) -> None:
    (top / "2020" / os.fsdecode(b"\xff")).mkdir()
    [entry] = (await shares.list("tenant", "photos", ("2020",), "", 10)).entries
    assert entry.name == "\ufffd"


async def test_a_path_is_checked(top: Path, shares: Shares) -> None:
    (top / "2020").chmod(0o750)
    found = await shares.check("tenant", "photos", ("2020",))
    assert (found.exists, found.kind) == (True, "Directory")
    assert found.writable_by(found.user, 1)
    assert not found.writable_by(found.user + 1, found.group)
    assert found.total_bytes >= found.free_bytes > 0
    assert not (await shares.check("tenant", "photos", ("none", "at", "all"))).exists
