"""The order that makes a power cut harmless: content is synced before its name, its name before its row."""

import os

import pytest
from trees import block, make_files

from asynctask_stage.data import kernel, opening, pieces
from asynctask_stage.data.transfers import Transfer

MIB = 1 << 20


@pytest.fixture
def events(monkeypatch):
    """What happened, in order: ``(what, subject)``."""
    seen = []

    def watch(owner, name, note):
        real = getattr(owner, name)

        def watched(*arguments, **named):
            result = real(*arguments, **named)
            seen.extend(note(*arguments))
            return result

        monkeypatch.setattr(owner, name, watched)

    watch(kernel, "syncfs", lambda _: [("syncfs", None)])
    watch(os, "fdatasync", lambda _: [("fdatasync", None)])
    watch(opening, "write_all", lambda *_: [("write", None)])
    watch(opening.Mover, "move", lambda *_: [("write", None)])
    watch(Transfer, "rename", lambda _, entry: [("rename", entry.id)])
    watch(Transfer, "done", lambda _, entries: [("done", entry.id) for entry in entries])
    watch(pieces, "add", lambda _, entry, found: [("piece", entry) for _piece in found])
    return seen


def between(events, first, last, what):
    """Whether ``what`` happened between two positions."""
    return any(event[0] == what for event in events[first + 1 : last])


def test_a_small_file_is_synced_before_its_name_and_named_before_it_is_done(backup, events):
    make_files(backup.source, 200)
    backup.stage("metadata")
    events.clear()
    backup.stage("content")

    renames = [(i, subject) for i, (what, subject) in enumerate(events) if what == "rename"]
    last_write = max(i for i, (what, _) in enumerate(events) if what == "write")
    assert len(renames) == 200
    assert between(events, last_write, renames[-1][0], "syncfs")
    for position, subject in renames:
        assert between(events, position, events.index(("done", subject)), "syncfs")


def test_a_piece_is_synced_before_it_is_recorded_and_all_of_them_before_the_name(backup, events):
    backup.config = {"chunk_megabytes": 1}
    (backup.source / "large").write_bytes(block(1, 30 * MIB))
    backup.stage("metadata")
    events.clear()
    backup.stage("content")

    recorded = [i for i, (what, _) in enumerate(events) if what == "piece"]
    rename = next(i for i, (what, _) in enumerate(events) if what == "rename")
    done = next(i for i, (what, _) in enumerate(events) if what == "done")
    assert len(recorded) >= 30
    for position in recorded:
        assert ("fdatasync", None) in events[:position]
    assert max(recorded) < rename < done
    assert between(events, rename, done, "syncfs")
