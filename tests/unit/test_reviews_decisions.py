"""What the decisions of people on an approval stage come to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import NOW, Scene, ago, make_task

from asynctask.api import names
from asynctask.api.approval import ApprovalStage
from asynctask.api.stage import StageStatus
from asynctask.core.reviews.decisions import tally

OURS, OTHERS = "sha256:" + "a" * 64, "sha256:" + "b" * 64
LIST = {"stage": "scan", "artifact": "expired.jsonl"}
FROZEN = {"artifact": "check-approved.jsonl", "digest": OURS, "total": 9, "approved": 7, "struck": 2, "bytes": 70}


def gate(**approval: Any) -> Scene:
    """A task that waits at an approval since a minute."""
    return make_task().stage("scan").stage("check", approval=approval).succeeded("scan").began("check", phase="Waiting")


def said(scene: Scene, *decisions: str, **status: Any) -> Scene:
    """`ada+` approves, `ada-` rejects; a list that is named follows a colon: `ada+:ours`."""
    reviews = []
    for text in decisions:
        who, _, digest = text.partition(":")
        decision = {"by": who[:-1], "decision": "Approved" if who[-1] == "+" else "Rejected", "time": ago(5)}
        if digest:
            decision["itemsDigest"] = {"ours": OURS, "others": OTHERS}[digest]
        reviews.append(decision)
    return scene.began("check", reviews=reviews, **status)


TWO = gate(quorum=2)
NAMED = gate(approvers={"users": ["ada", "bo"]})
ITEMS = gate(items=LIST)
MINE = gate(separationOfDuties=True).with_meta(annotations={names.ANNOTATION_SUBMITTED_BY: "ada"})
SOON = {"expiresAfterSeconds": 30}

SENTENCES = {
    "one approval of two is not enough": (said(TWO, "ada+"), "Waiting"),
    "two approvals of two are": (said(TWO, "ada+", "bo+"), "Succeeded"),
    "one rejection outweighs any number of approvals": (said(TWO, "ada+", "bo+", "cy-"), "Failed"),
    "nobody counts twice": (said(TWO, "ada+", review={"by": "ada", "decision": "Approved"}), "Waiting"),
    "a decision without a gateway counts as well": (
        said(TWO, "ada+", review={"by": "bo", "decision": "Approved"}), "Succeeded"),
    "who is no approver does not count": (said(NAMED, "cy+"), "Waiting"),
    "nor does their rejection": (said(NAMED, "cy-"), "Waiting"),
    "nor somebody without a name": (NAMED.began("check", review={"decision": "Approved"}), "Waiting"),
    "an approver counts": (said(NAMED, "bo+"), "Succeeded"),
    "with groups only the gateway can tell": (
        said(gate(approvers={"users": ["ada"], "groups": ["admins"]}), "cy+"), "Succeeded"),
    "who submitted may not approve": (said(MINE, "ada+"), "Waiting"),
    "nor may somebody without a name": (MINE.began("check", review={"decision": "Approved"}), "Waiting"),
    "who submitted may reject": (said(MINE, "ada-"), "Failed"),
    "somebody else may approve": (said(MINE, "bo+"), "Succeeded"),
    "it expires": (gate(**SOON), "Failed"),
    "it expires with too few": (said(gate(quorum=2, **SOON), "ada+"), "Failed"),
    "nobody objected in time": (gate(atExpiry="Approve", **SOON), "Succeeded"),
    "somebody objected in time": (
        gate(atExpiry="Approve", **SOON).began("check", reviews=[{"by": "a", "decision": "Rejected", "time": ago(40)}]),
        "Failed"),
    "a decision after the expiry is none": (said(gate(**SOON), "ada+"), "Failed"),
    "a list is approved by its digest": (said(ITEMS, "ada+:ours", reviewItems=FROZEN), "Succeeded"),
    "an approval of an older list is none": (said(ITEMS, "ada+:others", reviewItems=FROZEN), "Waiting"),
    "an approval of no list is none": (said(ITEMS, "ada+", reviewItems=FROZEN), "Waiting"),
    "a list that nobody froze is not approved": (said(ITEMS, "ada+:ours"), "Waiting"),
    "a list can be rejected without one": (said(ITEMS, "ada-"), "Failed"),
    "two must have approved the same list": (
        said(gate(items=LIST, quorum=2), "ada+:others", "bo+:ours", reviewItems=FROZEN), "Waiting"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_decisions(sentence: str) -> None:
    scene, phase = SENTENCES[sentence]
    told = scene.told()
    found = told.patch("check").get("phase", "Waiting")
    assert found == phase, told.message


def test_later_stages_are_told_which_list_it_is() -> None:
    patch = said(ITEMS, "ada+:ours", reviewItems=FROZEN).told().patch("check")
    assert patch["outputs"] == FROZEN
    assert "7 of 9 items" in patch["message"]


def test_the_stage_says_how_many_have_approved_and_whose_decision_does_not_count() -> None:
    assert "(1 of 2 have approved)" in said(TWO, "ada+").told().patch("check")["message"]
    message = said(NAMED, "cy+").told().patch("check")["message"]
    assert "the decision by cy does not count: not one of the approvers" in message
    silent = said(NAMED, "cy+").began("check", message=message)
    assert "message" not in silent.told().patch("check")


def test_an_expired_review_says_so() -> None:
    condition = gate(**SOON).told().condition("Succeeded")
    assert (condition["reason"], "nobody decided until" in condition["message"]) == ("ReviewExpired", True)


def test_a_review_knows_the_objects_of_the_stages_before_it() -> None:
    scene = make_task().stage("scan").stage("check", approval={"items": LIST}).succeeded("scan")
    (start,) = scene.told().plan.actions
    (made,) = scene.facts.stages
    assert start.stage["spec"]["inputs"] == [{"stage": "scan", "object": made.metadata.name}]  # type: ignore[union-attr,index]


def test_the_list_must_come_from_a_stage_before() -> None:
    scene = make_task().stage("check", approval={"items": LIST}).stage("scan")
    told = scene.told()
    assert (told.phase, "approval.items.stage" in told.message) == ("Invalid", True)


DECISION = st.fixed_dictionaries(
    {"by": st.sampled_from(["ada", "bo", "cy", "di"]), "decision": st.sampled_from(["Approved", "Rejected"])},
    optional={"itemsDigest": st.sampled_from([OURS, OTHERS]), "time": st.integers(0, 90).map(ago)},
)
APPROVAL = st.fixed_dictionaries(
    {"quorum": st.integers(1, 3)},
    optional={
        "separationOfDuties": st.booleans(),
        "items": st.just(LIST),
        "approvers": st.fixed_dictionaries({"users": st.just(["ada", "bo", "cy"])}),
        "expiresAfterSeconds": st.sampled_from([30, 1000]),
    },
)


@given(
    APPROVAL,
    st.lists(DECISION, unique_by=lambda d: d["by"], max_size=4),
    st.none() | DECISION,
    st.none() | st.just(FROZEN),
)
def test_nothing_is_approved_without_enough_people_who_may(
    written: dict[str, Any], reviews: list[dict[str, Any]], review: dict[str, Any] | None, frozen: dict[str, Any] | None
) -> None:
    approval = ApprovalStage.model_validate(written)
    status = StageStatus.model_validate({"reviews": reviews, "review": review, "reviewItems": frozen})
    began = NOW - timedelta(seconds=60)
    result = tally(approval, status, began, NOW, "ada")
    people = {r["by"] for r in [*reviews, *([review] if review else [])] if r["decision"] == "Approved"}
    allowed = people - ({"ada"} if approval.separation_of_duties else set())
    allowed &= set(approval.approvers.users) if approval.approvers else allowed
    if result.outcome == "Approved":
        assert len(allowed) >= approval.quorum
        assert result.rejection is None
        assert not approval.items or frozen
    assert len({r.by for r in result.approvals}) == len(result.approvals)
    later = tally(approval, status, began, NOW + (NOW - began), "ada")
    assert result.outcome == "Waiting" or replace(later, due=None).outcome == result.outcome
