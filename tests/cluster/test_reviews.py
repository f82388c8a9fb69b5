"""Stages that wait for several people, on a real API server."""

from typing import Any

from support.estate import Estate, job
from support.operators import OperatorProcess

DIGEST, OLDER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
FROZEN = {"artifact": "check-approved.jsonl", "digest": DIGEST, "total": 3, "approved": 2, "struck": 1, "bytes": 20}


def gate_of(estate: Estate, name: str) -> str:
    """The path of the approval's status."""
    (gate,) = [stage for stage in estate.stages_of(name) if stage["spec"]["template"]["name"] == "check"]
    return estate.path("stages", gate["metadata"]["name"]) + "/status"


def says(who: str, decision: str = "Approved", **more: Any) -> dict[str, Any]:
    return {"by": who, "decision": decision, **more}


def test_two_of_two_must_approve(estate: Estate, operator: OperatorProcess) -> None:
    approval = {"quorum": 2, "approvers": {"users": ["ada", "bo"]}}
    name = estate.submit({"name": "check", "approval": approval}, job("delete"))
    estate.until(name, "Unknown WaitingForApproval")
    gate = gate_of(estate, name)
    estate.api.merge(gate, {"status": {"reviews": [says("ada"), says("eve")]}})
    estate.until_holds(name, lambda task: "(1 of 2 have approved)" in task["status"].get("message", ""))
    assert not estate.kubelet.lives_of(name)
    estate.api.merge(gate, {"status": {"reviews": [says("ada"), says("eve"), says("bo")]}})
    estate.until(name, "True Succeeded")
    assert len(estate.kubelet.lives_of(name, "delete")) == 1


def test_the_outputs_say_which_list_was_approved(estate: Estate, operator: OperatorProcess) -> None:
    approval = {"quorum": 2, "items": {"stage": "scan", "artifact": "list.jsonl"}}
    name = estate.submit(
        job("scan"), {"name": "check", "approval": approval}, {**job("delete"), "when": "outputs.check.approved == 2"}
    )
    estate.until(name, "Unknown WaitingForApproval")
    gate = gate_of(estate, name)
    first = {**FROZEN, "digest": OLDER, "approved": 3}
    estate.api.merge(gate, {"status": {"reviews": [says("ada", itemsDigest=OLDER)], "reviewItems": first}})
    changed = [says("ada", itemsDigest=OLDER), says("bo", itemsDigest=DIGEST)]
    estate.api.merge(gate, {"status": {"reviews": changed, "reviewItems": FROZEN}})
    estate.until_holds(name, lambda task: "another list" in task["status"].get("message", ""))
    agreed = [says("ada", itemsDigest=DIGEST), says("bo", itemsDigest=DIGEST)]
    estate.api.merge(gate, {"status": {"reviews": agreed}})
    estate.until(name, "True Succeeded")
    (check,) = [stage for stage in estate.stages_of(name) if stage["spec"]["template"]["name"] == "check"]
    assert check["status"]["outputs"] == FROZEN
    assert [entry["stage"] for entry in check["spec"]["inputs"]] == ["scan"]
    assert len(estate.kubelet.lives_of(name, "delete")) == 1


def test_what_nobody_decides_is_rejected_in_time(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit({"name": "check", "approval": {"expiresAfterSeconds": 1}}, job("delete"))
    task = estate.until(name, "False ReviewExpired")
    assert "nobody decided until" in task["status"]["message"]
    assert not estate.kubelet.lives_of(name)


def test_what_nobody_objects_to_goes_on_where_the_stage_says_so(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(
        {"name": "check", "approval": {"expiresAfterSeconds": 1, "atExpiry": "Approve"}}, job("delete")
    )
    estate.until(name, "True Succeeded")
    assert len(estate.kubelet.lives_of(name, "delete")) == 1
