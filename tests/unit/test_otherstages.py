"""Stages that wait: for a person, for time to pass."""

from dataclasses import replace
from typing import Any

import pytest
from support.scenes import NOW, Scene, ago, make_task

GATE = make_task().stage("check", approval={"expiresAfterSeconds": 100})
DELAY = make_task().stage("calm", wait={"delaySeconds": 100})
BESIDE = make_task().stage("copy")
WAITING = {"phase": "Waiting"}


def decided(decision: str, **more: Any) -> Scene:
    return GATE.began("check", **WAITING, review={"decision": decision, "by": "ada", "time": ago(5), **more})


SENTENCES = {
    "an approval begins to wait": (GATE, "Waiting", ("start check",)),
    "an approval says that it waits": (GATE.began("check"), "Waiting", ("check: Waiting",)),
    "an approval waits": (GATE.began("check", **WAITING), "Waiting", ()),
    "an approval that is given is done": (decided("Approved"), "Succeeded", ("check: Succeeded",)),
    "an approval that is refused is the end": (decided("Rejected"), "Failed", ("check: Failed",)),
    "an approval that nobody gives expires": (GATE.began("check", seconds_ago=101), "Failed", ("check: Failed",)),
    "a decision that came in time counts after the expiry": (
        replace(decided("Approved"), now=NOW), "Succeeded", ("check: Succeeded",)),
    "an approval is given during a pause": (decided("Approved").paused(), "Succeeded", ("check: Succeeded",)),
    "a pause does not begin an approval": (GATE.paused(), "Paused", ()),
    "a cancel ends an approval": (GATE.began("check", **WAITING).cancelled(), "Cancelled", ("check: Cancelled",)),
    "an approval needs no place": (GATE.not_admitted(), "Waiting", ("start check",)),
    "a delay begins": (DELAY, "Waiting", ("start calm",)),
    "a delay lasts": (DELAY.began("calm", seconds_ago=99, **WAITING), "Waiting", ()),
    "a delay ends": (DELAY.began("calm", seconds_ago=100, **WAITING), "Succeeded", ("calm: Succeeded",)),
    "a delay is cancelled": (DELAY.began("calm", **WAITING).cancelled(), "Cancelled", ("calm: Cancelled",)),
    "an approval is given up when another stage fails": (
        BESIDE.stage("check", needs=[], approval={}).began("check", **WAITING).failed("copy"), "Failed",
        ("check: Cancelled",)),
    "a delay is given up when another stage fails": (
        BESIDE.stage("calm", needs=[], wait={"delaySeconds": 100}).began("calm", **WAITING).failed("copy"), "Failed",
        ("calm: Cancelled",)),
    "a decision counts also when another stage failed": (
        BESIDE.stage("check", needs=[], approval={}).began("check", **WAITING, review={"decision": "Approved"})
        .failed("copy"), "Failed", ("check: Succeeded",)),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_other_stages(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


def test_what_waits_for_a_person_holds_no_place_and_says_where_to_decide() -> None:
    told = GATE.began("check", **WAITING).told()
    assert not told.plan.holds_slot
    assert "check-r1" in told.message


def test_a_rejection_is_told_in_the_words_of_who_rejected() -> None:
    told = decided("Rejected", message="wrong share").told()
    assert "rejected by ada: wrong share" in told.message


def test_who_waits_for_time_is_woken_in_time() -> None:
    for scene in (GATE.began("check", seconds_ago=40), DELAY.began("calm", seconds_ago=40)):
        wake = scene.told().plan.wake_at
        assert wake is not None
        assert (wake - NOW).total_seconds() == 60
