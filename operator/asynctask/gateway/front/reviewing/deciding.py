"""Approve and reject: a decision is in the Stage's status before the caller is told, or it was not taken."""

from typing import Any

import structlog

from asynctask.adapters import cluster as api
from asynctask.api.approval import MAX_DECISIONS, Decision, ReviewItems
from asynctask.core.times import stamp
from asynctask.gateway.front import matching
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.problems import Conflict
from asynctask.gateway.front.reviewing.gates import Gate, Gates
from asynctask.gateway.front.reviewing.lists import Lists
from asynctask.gateway.front.reviewing.refusals import TooManyDecisions

TRIES = 8

log = structlog.get_logger("api")


class Deciding:
    """Writes decisions down."""

    def __init__(self, desk: Desk, gates: Gates, lists: Lists) -> None:
        self._desk = desk
        self._gates = gates
        self._lists = lists

    async def approve(self, call: Call, review_id: str, message: str) -> Gate:
        """Approve; of a review of items, the list as it is at the version that the caller has seen."""
        gate = await self._gates.find_open(call, review_id, approving=True)
        frozen = None
        if gate.approval.items:
            version = matching.wanted(call, required=True)
            frozen = await self._lists.freeze(gate, version)
        decided = await self._write(call, gate, "Approved", message, frozen)
        before = gate.stage.status.review_items
        if frozen and before and before.artifact != frozen.artifact:
            try:
                await self._lists.forget(gate, before)
            except OSError as error:
                log.warning("an approved list of before was not removed", review=gate.id, error=str(error))
        return decided

    async def reject(self, call: Call, review_id: str, message: str) -> Gate:
        """Reject, whatever the list is by now."""
        gate = await self._gates.find_open(call, review_id, approving=False)
        return await self._write(call, gate, "Rejected", message, None)

    async def _write(self, call: Call, gate: Gate, word: str, message: str, frozen: ReviewItems | None) -> Gate:
        meta = gate.stage.metadata
        decision = Decision.model_validate(
            {
                "by": call.caller.name[:256],
                "decision": word,
                "message": message,
                "time": self._desk.now(),
                "itemsDigest": frozen.digest if frozen else "",
            }
        )
        for _ in range(TRIES):
            self._gates.check_open(gate)
            known = gate.stage.status.reviews
            status: dict[str, Any] = {"reviews": [_written(one) for one in _joined(known, decision, frozen)]}
            if frozen:
                status["reviewItems"] = frozen.model_dump(by_alias=True, mode="json")
            body = {"metadata": {"resourceVersion": gate.stage.metadata.resource_version}, "status": status}
            try:
                fresh = await self._desk.cluster.patch(api.STAGES, meta.namespace, meta.name, body, "status")
            except api.NotFound:
                await call.missing("stages")
            except api.Conflict:
                current = await self._desk.cluster.get(api.STAGES, meta.namespace, meta.name)
                if current["metadata"]["uid"] != meta.uid:
                    await call.missing("stages")
                gate = await self._gates.of(current)
                continue
            call.audit(
                "approveReview" if word == "Approved" else "rejectReview",
                namespace=meta.namespace,
                kind="Stage",
                name=meta.name,
                uid=meta.uid,
                before=None,
                after={**_written(decision), **({"items": status["reviewItems"]} if frozen else {})},
            )
            return await self._gates.of(fresh)
        raise Conflict


def _joined(known: tuple[Decision, ...], decision: Decision, frozen: ReviewItems | None) -> list[Decision]:
    """One decision a person; approvals of older lists make room first."""
    kept = [one for one in known if one.by != decision.by]
    if len(kept) >= MAX_DECISIONS and frozen:
        kept = [one for one in kept if one.decision == "Rejected" or one.items_digest == frozen.digest]
    if len(kept) >= MAX_DECISIONS:
        raise TooManyDecisions
    return [*kept, decision]


def _written(decision: Decision) -> dict[str, Any]:
    body = decision.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    return {**body, "time": stamp(decision.time)}
