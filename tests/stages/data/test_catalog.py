"""The catalog: fast, exclusive, and never half written."""

import subprocess
import sys
import time

import pytest

from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Entry, Kind, State
from asynctask_stage.errors import PermanentError, TransientError


def make_entry(number, **changes):
    """A small file."""
    path = b"d%04d/f%06d" % (number // 100, number)
    entry = Entry(
        number, 1, path, Kind.FILE, 10, 1, 0o644, 0, 0, 1, 1, number, 0, 8, None, None, 1, 0, 0, -1, 0, 0, 0, None
    )
    return entry._replace(**changes)


def test_rows_come_back_in_pages_while_they_change(tmp_path):
    with Catalog.open(tmp_path / "c.sqlite", create=True) as catalog:
        catalog.insert(make_entry(n) for n in range(1, 101))
        seen = []
        for entry in catalog.entries("state = ?", (State.PENDING,), page=7):
            catalog.set_states(State.DONE, [entry.id])
            seen.append(entry.id)
    assert seen == list(range(1, 101))


def test_what_was_not_committed_is_gone(tmp_path):
    with Catalog.open(tmp_path / "c.sqlite", create=True) as catalog:
        catalog.insert([make_entry(1)])
        catalog.commit()
        catalog.insert([make_entry(2)])
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        assert catalog.scalar("SELECT count(*) FROM entries") == 1


def test_a_kill_in_the_middle_of_a_commit_leaves_it_whole(tmp_path):
    path = tmp_path / "c.sqlite"
    program = f"""
import itertools, pathlib, sys
sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from test_catalog import make_entry
from asynctask_stage.data.catalog import Catalog
catalog = Catalog.open(pathlib.Path({str(path)!r}), create=True)
last = catalog.scalar("SELECT coalesce(max(id), 0) FROM entries")
for n in itertools.count(last + 1, 50):
    catalog.insert(make_entry(m) for m in range(n, n + 50))
    catalog.commit()
"""
    for delay in (0.5, 0.6, 0.7):
        process = subprocess.Popen([sys.executable, "-c", program])
        time.sleep(delay)
        assert process.poll() is None
        process.kill()
        process.wait()
        with Catalog.open(path, create=True) as catalog:
            assert catalog.scalar("PRAGMA integrity_check") == "ok"
            assert catalog.scalar("SELECT count(*) FROM entries") % 50 == 0


def test_a_second_holder_is_told_to_try_later(tmp_path):
    path = tmp_path / "c.sqlite"
    with Catalog.open(path, create=True), pytest.raises(TransientError) as caught:
        Catalog.open(path, patience=0.1)
    assert caught.value.reason == "CatalogBusy"


def test_a_file_that_is_no_catalog_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(PermanentError) as caught:
        Catalog.open(path)
    assert caught.value.reason == "CatalogDamaged"


def test_a_hundred_thousand_rows_take_a_moment(tmp_path):
    begin = time.process_time()
    with Catalog.open(tmp_path / "c.sqlite", create=True) as catalog:
        catalog.insert(make_entry(n) for n in range(1, 100_001))
        catalog.commit()
        assert sum(1 for _ in catalog.entries("1")) == 100_000
    assert time.process_time() - begin < 5.0
