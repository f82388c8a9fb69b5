"""Lists, expiry, limits, protection; and a deletion over random trees that others change in random ways."""

import contextlib
import io
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asynctask_stage.data import candidates
from asynctask_stage.data.candidates import Candidate
from asynctask_stage.data.deletion import Deletion, Safeguards
from asynctask_stage.data.emptying import Emptying
from asynctask_stage.data.expiry import DAY_NS, Amount, Expiry, Limits
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.holds import Protection
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.quarantine import VERSION, Area
from asynctask_stage.data.removals import Fate, Removals
from asynctask_stage.data.roots import Root
from asynctask_stage.data.undoing import Undo
from asynctask_stage.errors import PermanentError

PURE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SMALL = settings(PURE, max_examples=60)
names = st.binary(min_size=1, max_size=8).filter(lambda name: b"/" not in name and b"\0" not in name)
paths = st.lists(names.filter(lambda name: name not in (b".", b"..")), min_size=1, max_size=4).map(b"/".join)
int64s = st.integers(-(2**63), 2**63 - 1)


# -- the list


@PURE
@given(paths, st.integers(0, 2**62), int64s, int64s, int64s, int64s)
def test_a_line_comes_back_as_it_was(path, size, mtime, atime, ino, dev):
    candidate = Candidate(path, size, mtime, atime, ino, dev, 1)
    assert list(candidates.read(io.BytesIO(candidate.to_line().encode()))) == [candidate]


@PURE
@given(st.binary(max_size=300))
def test_whatever_is_in_a_list_it_is_read_or_refused(content):
    try:
        for candidate in candidates.read(io.BytesIO(content)):
            assert not candidate.path.startswith(b"/")
    except PermanentError as error:
        seen = error.reason
    else:
        seen = "InvalidList"
    assert seen == "InvalidList"


leaves = st.sampled_from(
    [None, True, -1, 0, 2**64, 10**400, 1.5, "", "..", "a/../b", "Li4vYQ==", "\0", "\ud800", [], {}]
)
json_values = leaves | leaves.map(lambda leaf: [leaf]) | leaves.map(lambda leaf: {"a": leaf})
FIELDS = ("path", "pathBase64", "size", "mtimeNs", "atimeNs", "inode", "device", "kind")


@PURE
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_whatever_the_fields_hold_a_line_is_read_or_refused(body):
    good = {"path": "a", "size": 1, "mtimeNs": 1, "atimeNs": 1, "inode": 1, "device": 1, "kind": "File"}
    try:
        for found in candidates.read(io.BytesIO(json.dumps(good | body).encode() + b"\n")):
            assert b".." not in found.path.split(b"/")
    except PermanentError as error:
        seen = error.reason
    else:
        seen = "InvalidList"
    assert seen == "InvalidList"


# -- expiry and limits


def found(path: Path, *, size=10, modified=0, read=0):
    """A file's figures; times are days."""
    path.write_bytes(b"x" * size)
    os.utime(path, ns=(read * DAY_NS, modified * DAY_NS))
    return path.lstat()


@pytest.mark.parametrize(
    ("modified", "read", "by_access", "expired"),
    [(9, 50, False, True), (10, 0, False, False), (9, 9, True, True), (9, 11, True, False), (11, 9, True, False)],
)
def test_age(tmp_path, modified, read, by_access, expired):
    rule = Expiry.at(110 * DAY_NS, 100, by_access=by_access)
    assert rule.has_expired(found(tmp_path / "f", modified=modified, read=read)) is expired


@pytest.mark.parametrize(("size", "expired"), [(9, False), (10, True), (20, True), (21, False)])
def test_sizes(tmp_path, size, expired):
    rule = Expiry(DAY_NS, least_bytes=10, most_bytes=20)
    assert rule.has_expired(found(tmp_path / "f", size=size)) is expired


def test_only_regular_files_expire(tmp_path):
    (tmp_path / "link").symlink_to("/nowhere")
    assert not Expiry(2**62).has_expired((tmp_path / "link").lstat())
    assert not Expiry(2**62).has_expired(tmp_path.lstat())


@pytest.mark.parametrize(
    ("limits", "asked", "fits"),
    [
        (Limits(), Amount(10, 10), True),
        (Limits(files=10), Amount(10, 0), True),
        (Limits(files=9), Amount(10, 0), False),
        (Limits(bytes=9), Amount(1, 10), False),
        (Limits(percent=10), Amount(10, 100), True),
        (Limits(percent=10), Amount(11, 0), False),
        (Limits(percent=10), Amount(1, 101), False),
    ],
)
def test_limits(limits, asked, fits):
    tree = Amount(100, 1000)
    if fits:
        limits.check(asked, tree)
        return
    with pytest.raises(PermanentError) as refused:
        limits.check(asked, tree)
    assert refused.value.reason == "LimitExceeded"


def test_a_share_of_nothing_is_too_much():
    with pytest.raises(PermanentError):
        Limits(percent=100).check(Amount(1, 1), Amount(0, 0))


@pytest.mark.parametrize("path", ["/elsewhere", "/rootless", "/root", "..", "a/../b", "", "/", "a\0b"])
def test_a_protected_path_that_protects_nothing_is_refused(path):
    with pytest.raises(PermanentError):
        Protection([path], "/root")


def test_protection_covers_all_below_and_nothing_beside():
    protection = Protection(["a/b/", "/root/c"], "/root")
    assert [protection.covers(path) for path in (b"a/b", b"a/b/x/y", b"c", b"a", b"a/bc", b"cc")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


# -- random trees


class Stage:
    """As much of a stage as item errors need."""

    item_error_count = 0

    def __init__(self):
        self.errors = []

    def item_error(self, path, **what):
        self.errors.append((path, what["reason"]))


OURS = ("c.sqlite", "c.sqlite-journal", "manifest.jsonl", ".asynctask-hold")


class Estate:
    """A tree, a place outside of it, and others who move, exchange and change things, but destroy none."""

    def __init__(self, base: Path, rng: random.Random) -> None:
        self.base, self.rng = base, rng
        self.root, self.outside, self.trash = base / "root", base / "outside", base / "trash"
        self.trash.mkdir()
        for top in (self.root, self.outside):
            for i in range(12):
                folder = top / f"d{i % 4}" / f"e{i % 3}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"f{i}").write_bytes(b"%d" % i * rng.randrange(1, 9))
        chosen = [path for path in self.tree() if rng.random() < 0.7]
        self.approved = {path.lstat().st_ino for path in chosen}
        self.scanned = [Candidate.of(os.fsencode(path.relative_to(self.root)), path.lstat()) for path in chosen]
        self.changed: set[int] = set()
        self.gone_out: set[int] = set()

    def tree(self, top: Path | None = None) -> list[Path]:
        """Regular files of the tree; not the quarantine's, and no marks of holds, which others leave where they are."""
        found = sorted((top or self.root).rglob("*"))
        found = [p for p in found if p.is_file() and not p.is_symlink() and p.name not in OURS]
        return [p for p in found if ".asynctask-quarantine" not in p.parts]

    def disturb(self) -> None:
        """Do one of the things that people, and attackers, do."""
        folders = [p for p in sorted(self.root.rglob("*")) if p.is_dir() and not p.is_symlink()]
        folders = [p for p in folders if ".asynctask-quarantine" not in p.parts]
        files = self.tree()
        if not folders or not files:
            return
        deed, folder, file = self.rng.randrange(8), self.rng.choice(folders), self.rng.choice(files)
        elsewhere = self.trash / f"{self.rng.random()}"
        if deed in (0, 1):
            self.gone_out |= {path.lstat().st_ino for path in self.tree(folder)}
            folder.rename(elsewhere)
            if deed == 1:
                folder.symlink_to(self.outside / folder.relative_to(self.root))
        elif deed == 2:
            folder.rename(folder.with_name(f"away{self.rng.random()}"))
        elif deed == 3:
            if file.stat().st_nlink == 1:
                self.changed.add(file.stat().st_ino)
                file.write_bytes(b"new content %f" % self.rng.random())
        elif deed == 4:
            (folder / ".asynctask-hold").touch()
        elif deed == 5:
            file.rename(self.rng.choice(folders) / f"{self.rng.random()}")
        else:
            self.gone_out.add(file.lstat().st_ino)
            file.rename(elsewhere)
            if deed == 6:
                file.symlink_to(self.outside / "d0" / "e0" / "f0")
            else:
                os.link(self.outside / "d1" / "e1" / "f1", file)

    def delete(self, *, delete: bool) -> Removals:
        """Run the deletion; its record."""
        root = Root.open(str(self.root))
        removals = Removals.open(self.base / "c.sqlite", create=True)
        failures = Failures(removals, Stage(), "delete")
        safeguards = Safeguards(Protection([], str(self.root)), by_access=False)
        removals.load(self.scanned)
        with Area.open(root, create=True).enter("test-1", create=True) as place:
            place.append([{"version": VERSION, "folder": place.inode}])
            Deletion(removals, root, place, failures, safeguards, delete=delete, threads=1).run()
            Emptying(removals, root, place, failures, safeguards, delete=delete).run()
        return removals

    def undo(self) -> None:
        """Put everything back."""
        root = Root.open(str(self.root))
        with Area.open(root).enter("test-1") as place:
            Undo(root, place, Rules(), tell_item=lambda *_: None).run()

    def inodes(self, top: Path) -> set[int]:
        """All files below; links not followed."""
        found = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
        # Files made since may have been given the number of one that was deleted.
        return {path.lstat().st_ino for path in found if path.name not in OURS}

    def beside(self) -> dict[Path, tuple[int, bytes]]:
        """What must never change: names, files and contents outside."""
        return {p: (p.lstat().st_ino, p.read_bytes()) for p in self.outside.rglob("*") if p.is_file()}


@contextlib.contextmanager
def disturbed(estate: Estate, deeds: int) -> Iterator[None]:
    """Between the look at a file and its move, and between that and the next look, others do something."""
    real = os.rename
    left = [deeds]

    def rename(source, target, **handles):
        is_ours = "src_dir_fd" in handles and estate.rng.random() < 0.5
        os.rename = real
        if is_ours and left[0] > 0:
            left[0] -= 1
            estate.disturb()
        try:
            real(source, target, **handles)
        finally:
            if is_ours and left[0] > 0:
                left[0] -= 1
                estate.disturb()
            os.rename = rename

    os.rename = rename
    try:
        yield
    finally:
        os.rename = real


@pytest.mark.parametrize("delete", [False, True], ids=["quarantine", "delete"])
@SMALL
@given(seed=st.integers(0, 2**32), before=st.integers(0, 5), during=st.integers(0, 12))
def test_whatever_others_do_only_approved_unchanged_files_of_the_tree_go(delete, seed, before, during):
    with tempfile.TemporaryDirectory() as directory:
        estate = Estate(Path(directory), random.Random(seed))
        beside = estate.beside()
        for _ in range(before):
            estate.disturb()
        held = {
            path.lstat().st_ino
            for path in estate.tree()
            if any((above / ".asynctask-hold").exists() for above in path.parents)
        }
        everything = estate.inodes(estate.base)
        with disturbed(estate, during), estate.delete(delete=delete) as removals:
            gone, stuck = removals.count(Fate.GONE), removals.count(Fate.STUCK)
            went = {row[0] for row in removals.execute("SELECT ino FROM items WHERE fate = ?", (Fate.GONE,))}

        assert estate.beside() == beside
        assert len(went) == gone
        assert went <= estate.approved - estate.changed - estate.gone_out - held
        if before == during == 0:
            assert went == estate.approved
        missing = everything - estate.inodes(estate.base)
        assert missing == (went if delete else set())
        quarantined = estate.inodes(estate.root / ".asynctask-quarantine")
        assert len(quarantined - (set() if delete else went)) == stuck
        if not delete:
            with disturbed(estate, during):
                estate.undo()
            assert estate.beside() == beside
            assert everything - estate.inodes(estate.base) == set()
