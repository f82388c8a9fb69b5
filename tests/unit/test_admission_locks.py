"""Locks on trees: who waits for whom, and who does not wait."""

import pytest
from support.waiting import Scene, key, reads, wants, writes

from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Gate

NAS = ("team", "nas")


def test_writers_of_one_tree_run_one_after_the_other() -> None:
    scene = Scene().waits(wants("a", locations=(writes("/x"),)), wants("b", at=1, locations=(writes("/x/y"),)))
    assert scene.admits(2) == ["a"]
    refusal = scene.state.refusal(key("b"), 2)
    assert refusal is not None
    assert (refusal.reason, refusal.holder, refusal.resource) == ("LocationLocked", key("a"), "/x/y")
    assert scene.ends("a").admits(3) == ["b"]


def test_a_lock_between_queues_counts_and_a_task_behind_goes_on() -> None:
    scene = Scene(max_running=1).runs(wants("w", queue="other", locations=(writes("/x"),)))
    scene.waits(wants("blocked", 1, locations=(reads("/x"),)), wants("free", 5, locations=(reads("/y"),)))
    assert scene.admits() == ["free"]


def test_a_writer_does_not_starve_behind_readers() -> None:
    scene = Scene(head_of_line_seconds=100).runs(wants("r1", locations=(reads("/x"),)))
    scene.waits(wants("w", at=0, locations=(writes("/x"),)))
    scene.admits(1)
    assert scene.waits(wants("r2", at=50, locations=(reads("/x"),))).admits(50) == ["r2"]
    assert scene.waits(wants("r3", at=150, locations=(reads("/x"),))).admits(150) == []
    refusal = scene.state.refusal(key("r3"), 150)
    assert refusal is not None
    assert (refusal.holder, refusal.holder_waits) == (key("w"), True)
    assert scene.ends("r1", "r2").admits(200) == ["w"]
    assert scene.ends("w").admits(201) == ["r3"]


def test_more_urgent_readers_do_not_wait_for_a_patient_writer() -> None:
    scene = Scene(head_of_line_seconds=0).runs(wants("r1", locations=(reads("/x"),)))
    scene.waits(wants("w", at=0, locations=(writes("/x"),))).admits(1)
    assert scene.waits(wants("r2", 1, at=50, locations=(reads("/x"),))).admits(50) == ["r2"]


def test_a_writer_of_a_closed_queue_holds_nobody_back() -> None:
    scene = Scene(head_of_line_seconds=0).runs(wants("r1", locations=(reads("/x"),)))
    scene.waits(wants("w", queue="nightly", at=0, locations=(writes("/x"),))).admits(1)
    scene.admits(400)
    assert scene.waits(wants("r2", at=2, locations=(reads("/x"),))).admits(401) == []
    scene.state.set_gate("nightly", Gate(Reason.QUEUE_SUSPENDED))
    assert scene.admits(402) == ["r2"]


@pytest.mark.parametrize("policy", ["Skip", "Fail"])
def test_who_does_not_wait_for_locks_is_out_when_it_is_due_even_if_the_queue_is_full(policy: str) -> None:
    scene = Scene(max_running=1).runs(wants("a", locations=(writes("/x"),)))
    scene.waits(wants("b", locations=(writes("/x"),), overlap_policy=policy))
    scene.admits(1)
    (overlap,) = scene.last.overlapping
    assert (overlap.key, overlap.policy, overlap.holder) == (key("b"), policy, key("a"))
    assert not scene.state.is_waiting(key("b"))


def test_who_does_not_wait_for_locks_starts_when_nobody_is_in_the_way() -> None:
    scene = Scene(max_running=1).runs(wants("a"))
    assert scene.waits(wants("b", locations=(writes("/x"),), overlap_policy="Skip")).admits(1) == []
    assert scene.ends("a").admits(2) == ["b"]


# what is told
