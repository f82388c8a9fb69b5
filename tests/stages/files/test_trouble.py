"""What goes wrong, and how it is said."""

import os
import threading
import time

import pytest
from places import as_nobody, is_root, tmpfs
from trees import block, make_files, make_odd, snapshot

MIB = 1 << 20


@is_root
def test_what_may_not_be_read_is_an_item_error_and_the_rest_arrives(backup):
    make_files(backup.source, 100)
    (backup.source / "d000" / "f00007").chmod(0)
    (backup.source / "d001").chmod(0)
    with as_nobody(backup.source.parent, backup.workspace):
        endings = backup.run()

    assert [(e["path"], e["reason"]) for e in backup.errors("metadata")] == [("d001", "PermissionDenied")]
    assert [(e["path"], e["reason"]) for e in backup.errors("content")] == [("d000/f00007", "PermissionDenied")]
    assert [ending["outcome"] for ending in endings.values()] == ["partial", "partial", "succeeded"]
    assert endings["content"]["outputs"]["filesCopied"] == 49


@is_root
def test_what_a_user_without_rights_can_not_preserve_is_counted(backup):
    make_odd(backup.source)
    (backup.source / "setuid").write_bytes(b"1")
    (backup.source / "setuid").chmod(0o4755)
    (backup.source / "closed").chmod(0o444)
    (backup.source / "deep" / "er").chmod(0o755)
    with as_nobody(backup.source.parent, backup.workspace):
        first = backup.run(1)
        second = backup.run(2)

    lost = first["content"]["outputs"]["notPreserved"]
    assert lost["owner"] == lost["group"] == len(snapshot(backup.source)) - 2  # links count once: on their leader
    assert lost["mode"] == 1
    assert (backup.target / "setuid").stat().st_mode & 0o7777 == 0o755
    # An owner that can't be set must not make every run touch every file.
    assert second["content"]["outputs"]["filesCopied"] == 0
    assert second["metadata"]["outputs"]["notPreserved"]["owner"] > 0


@is_root
def test_a_closed_directory_in_the_destination_is_opened_and_closed_again(backup):
    make_files(backup.source, 3)
    (backup.source / "d000").chmod(0o555)
    with as_nobody(backup.source.parent, backup.workspace):
        backup.run(1)
        os.seteuid(0)
        (backup.source / "d000" / "new").write_bytes(b"1")
        os.seteuid(65534)
        endings = backup.run(2)

    assert endings["content"]["outputs"]["filesCopied"] == 1
    assert (backup.target / "d000").stat().st_mode & 0o777 == 0o555


@is_root
def test_too_little_room_is_said_before_anything_moves(backup):
    (backup.source / "large").write_bytes(bytes(block(1, MIB)) * 12)
    with tmpfs(backup.target, 8):
        ending = backup.stage("metadata")

    assert (ending["outcome"], ending["class"], ending["reason"]) == ("failed", "permanent", "NoSpace")
    assert str(12 * MIB) in ending["message"]
    assert str(8 * MIB) in ending["message"]


@is_root
@pytest.mark.parametrize("size", [100_000, 12 * MIB])
def test_a_destination_that_fills_up_meanwhile_ends_the_stage_and_is_resumed(backup, size):
    backup.config = {"chunk_megabytes": 1}
    for i in range(24 * MIB // size):
        (backup.source / f"f{i}").write_bytes(block(i, size))
    with tmpfs(backup.target, 32):
        backup.stage("metadata")
        # Taken after the check at the start of the stage: a file that grows in the source would do the same.
        from asynctask_stage.data import spaces

        with (backup.target / "other").open("wb") as file:
            file.write(bytes(16 * MIB))
        real, spaces.check = spaces.check, lambda *_: 0
        try:
            full = backup.stage("content")
        finally:
            spaces.check = real
        assert (full["outcome"], full["class"], full["reason"]) == ("failed", "permanent", "NoSpace")
        done = sum(path.stat().st_size for path in backup.target.glob("f*"))
        assert size > 10 * MIB or done > 8 * MIB
        (backup.target / "other").unlink()
        assert backup.stage("content", attempt=2)["outcome"] == "succeeded"
        assert {p.name: p.read_bytes() for p in backup.target.iterdir()} == {
            p.name: p.read_bytes() for p in backup.source.iterdir()
        }


@is_root
def test_other_file_systems_are_left_out_on_request(backup):
    make_files(backup.source, 3)
    with tmpfs(backup.source / "mount", 1):
        (backup.source / "mount" / "inside").write_bytes(b"1")
        backup.config["one_file_system"] = True
        ending = backup.stage("metadata")
        assert ending["outputs"]["files"] == 3
        assert ending["outputs"]["skippedMounts"] == 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"source_path": "relative"}, "InvalidPath"),
        ({"source_path": "/tmp/../etc"}, "InvalidPath"),
        ({"destination_path": "/tmp/x/.."}, "InvalidPath"),
        ({"source_path": "/does/not/exist"}, "NotFound"),
        ({"source_path": 7}, "InvalidConfig"),
        ({"verify": "maybe"}, "InvalidConfig"),
        ({"threads": 0}, "InvalidConfig"),
        ({"chunk_megabytes": 4096}, "InvalidConfig"),
        ({"exclude": [1]}, "InvalidConfig"),
        ({"exclude": ["a["]}, "InvalidPattern"),
    ],
)
def test_a_bad_config_is_refused_with_a_reason(backup, config, reason):
    backup.config = config
    ending = backup.stage("metadata")
    assert (ending["outcome"], ending["class"], ending["reason"]) == ("failed", "permanent", reason)


def test_without_a_workspace_it_says_what_to_do(backup):
    backup.use_workspace = False
    assert backup.stage("metadata")["reason"] == "NoWorkspace"


def test_a_path_through_a_symbolic_link_is_refused(backup):
    alias = backup.source.parent / "alias"
    alias.symlink_to(backup.source)
    backup.source = alias
    assert backup.stage("metadata")["reason"] == "SymlinkInPath"


def test_a_destination_that_holds_the_source_is_refused(backup):
    backup.target = backup.source.parent
    assert backup.stage("metadata")["reason"] == "DestinationHoldsSource"
    backup.target = backup.source
    assert backup.stage("metadata")["reason"] == "SameDirectory"


def test_a_destination_inside_the_source_does_not_copy_itself(backup):
    make_files(backup.source, 3)
    backup.target = backup.source / "backups" / "now"
    endings = [backup.run(1), backup.run(2)]
    assert [e["metadata"]["outputs"]["skippedTarget"] for e in endings] == [1, 1]
    assert sorted(p.name for p in backup.target.rglob("*")) == ["backups", "d000", "f00000", "f00001", "f00002"]


def test_an_empty_source_that_held_files_is_not_taken_for_a_backup(backup):
    make_files(backup.source, 3)
    backup.run(1)
    for path in sorted(backup.source.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    ending = backup.stage("metadata", 2)
    assert (ending["class"], ending["reason"]) == ("permanent", "SourceEmpty")
    assert len(list(backup.target.rglob("f*"))) == 3


def test_content_without_its_plan_says_where_to_restart(backup):
    backup.target.mkdir()
    assert backup.stage("content")["reason"] == "CatalogMissing"


def test_a_link_planted_in_the_destination_leads_nowhere(backup):
    outside = backup.source.parent / "outside"
    outside.mkdir()
    make_files(backup.source, 3)
    (backup.source / "file").write_bytes(b"new")
    backup.target.mkdir()
    (backup.target / "d000").symlink_to(outside)
    (outside / "victim").write_bytes(b"victim")
    (backup.target / "file").symlink_to(outside / "victim")

    backup.run()

    assert [p.name for p in outside.iterdir()] == ["victim"]
    assert (outside / "victim").read_bytes() == b"victim"
    assert snapshot(backup.target) == snapshot(backup.source)


def test_a_link_planted_between_the_stages_leads_nowhere_either(backup):
    outside = backup.source.parent / "outside"
    outside.mkdir()
    make_files(backup.source, 60)
    backup.stage("metadata")
    (backup.target / "d000").rmdir()
    (backup.target / "d000").symlink_to(outside)

    ending = backup.stage("content")

    assert list(outside.iterdir()) == []
    assert ending["outcome"] == "partial"
    assert {e["reason"] for e in backup.errors("content")} == {"NotADirectory"}
    assert ending["outputs"]["filesCopied"] == 10


def test_a_source_file_swapped_for_a_link_is_not_followed(backup):
    secret = backup.source.parent / "secret"
    secret.write_bytes(b"secret")
    make_files(backup.source, 2)
    backup.stage("metadata")
    (backup.source / "d000" / "f00001").unlink()
    (backup.source / "d000" / "f00001").symlink_to(secret)

    backup.stage("content")

    assert [e["path"] for e in backup.errors("content")] == ["d000/f00001"]
    assert not (backup.target / "d000" / "f00001").exists()


def test_a_file_deleted_meanwhile_is_counted_and_no_error(backup):
    make_files(backup.source, 5)
    backup.stage("metadata")
    (backup.source / "d000" / "f00001").unlink()
    ending = backup.stage("content")
    assert ending["outcome"] == "succeeded"
    assert ending["outputs"]["vanished"] == 1


def test_a_file_changed_since_the_scan_arrives_as_it_is_now(backup):
    make_files(backup.source, 5)
    (backup.source / "large").write_bytes(block(1, 20 * MIB))
    backup.stage("metadata")
    (backup.source / "d000" / "f00001").write_bytes(b"grown" * 10_000)
    (backup.source / "large").write_bytes(block(2, 17 * MIB))
    backup.stage("content")
    verified = backup.stage("verify")
    assert verified["outcome"] == "succeeded"
    assert (backup.target / "large").read_bytes() == block(2, 17 * MIB)
    assert snapshot(backup.target / "d000") == snapshot(backup.source / "d000")


def test_a_large_file_that_never_rests_is_an_item_error(backup):
    backup.config = {"chunk_megabytes": 4}
    with (backup.source / "log").open("wb") as file:
        file.write(bytes(block(0, MIB)) * 300)
    backup.stage("metadata")
    ended = threading.Event()

    def write_on() -> None:
        with (backup.source / "log").open("r+b") as file:
            while not ended.wait(0.002):
                file.seek(0)
                file.write(os.urandom(16))
                file.flush()

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        ending = backup.stage("content")
    finally:
        ended.set()
        writer.join()

    assert [e["reason"] for e in backup.errors("content")] == ["ChangedWhileRead"]
    assert ending["outcome"] == "partial"
    assert list(backup.target.iterdir()) == []


def test_a_limit_is_obeyed(backup):
    from filebackup import content

    from asynctask_stage.testing import run_stage

    make_files(backup.source, 300, 10_000)
    (backup.source / "large").write_bytes(block(1, 17 * MIB))
    backup.stage("metadata")
    size = sum(path.stat().st_size for path in backup.source.rglob("*") if path.is_file())
    rate = size / 4
    begin = time.monotonic()

    result = run_stage(
        content.main,
        config={"source_path": str(backup.source), "destination_path": str(backup.target)},
        outputs={"metadata": {}},
        workspace=backup.workspace,
        bytes_per_second=rate,
    )

    took = time.monotonic() - begin
    assert result.exit_code == 0
    assert size / rate * 0.93 < took < size / rate * 1.1 + 1.0  # a second for start and syncs
