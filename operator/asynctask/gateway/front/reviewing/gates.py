"""Finds reviews, and says who may decide on them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.api.approval import ApprovalStage
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage
from asynctask.core.reviews import decisions
from asynctask.core.reviews.decisions import Tally
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.problems import Refusal
from asynctask.gateway.front.reviewing.models import State
from asynctask.gateway.front.reviewing.refusals import NotAnApprover, OwnSubmission, ReviewOver, SubmitterUnknown
from asynctask.gateway.front.tasks.desk import ARRIVAL_SECONDS, canonical
from asynctask.gateway.front.view.rows import StageRow, TaskRow

RESOURCE = "stages"
MAX_DEPTH = 16
_STATES: dict[str, State] = {Reason.REJECTED: "rejected", Reason.REVIEW_EXPIRED: "expired"}


@dataclass(frozen=True)
class Gate:
    """An approval stage, as the API server has it."""

    stage: Stage
    submitter: str | None
    """Who submitted the task; empty: nobody, a schedule did; None: not known."""

    @property
    def approval(self) -> ApprovalStage:
        """How it is written down."""
        found = self.stage.spec.template.approval
        if found is None:
            raise TypeError("not an approval")
        return found

    @property
    def id(self) -> str:
        """Of the review."""
        return self.stage.metadata.uid

    @property
    def began(self) -> datetime:
        """Since when it waits."""
        created = self.stage.metadata.creation_timestamp
        if created is None:
            raise TypeError("an object of the API server has a time")
        return created

    def tally(self, now: datetime) -> Tally:
        """What was decided so far."""
        return decisions.tally(self.approval, self.stage.status, self.began, now, self.submitter or "")

    def state(self, now: datetime) -> State:
        """How it stands: as the operator has said, or soon will."""
        for condition in self.stage.status.conditions:
            if condition.type == "Succeeded" and condition.status == "True":
                return "approved"
            if condition.type == "Succeeded" and condition.status == "False":
                return _STATES.get(condition.reason, "cancelled")
        known: dict[str, State] = {"Approved": "approved", "Rejected": "rejected", "Expired": "expired"}
        return known.get(self.tally(now).outcome, "waiting")

    def why_not(self, call: Call, *, approving: bool = True) -> type[Refusal] | None:
        """What keeps somebody who has the right to review from deciding on this one."""
        approvers, caller = self.approval.approvers, call.caller
        if approvers and (approvers.users or approvers.groups):
            is_named = caller.name in approvers.users or not set(caller.groups).isdisjoint(approvers.groups)
            if not is_named:
                return NotAnApprover
        if approving and self.approval.separation_of_duties:
            if self.submitter is None:
                return SubmitterUnknown
            if self.submitter == caller.name:
                return OwnSubmission
        return None


class Gates:
    """The approval stages of the cluster."""

    def __init__(self, desk: Desk) -> None:
        self._cluster = desk.cluster
        self._view = desk.view
        self._now = desk.now

    async def find(self, call: Call, review_id: str) -> Gate:
        """A review that the caller may see. Raises NotFound."""
        uid = canonical(review_id)
        row = await self._arrived(uid) if uid else None
        if row is None or row.kind != "approval":
            await call.missing(RESOURCE)
        await call.authorize("get", RESOURCE, row.namespace, row.name)
        gate = await self.read(row)
        return gate or await call.missing(RESOURCE)

    async def find_open(self, call: Call, review_id: str, *, approving: bool) -> Gate:
        """One that the caller may decide on, now. Raises NotFound, Forbidden, ReviewOver and the like."""
        gate = await self.find(call, review_id)
        meta = gate.stage.metadata
        await call.authorize("review", RESOURCE, meta.namespace, meta.name)
        if refusal := gate.why_not(call, approving=approving):
            raise refusal(action="review", resource=RESOURCE)
        self.check_open(gate)
        return gate

    def check_open(self, gate: Gate) -> None:
        """Raise ReviewOver when nothing can be decided any more."""
        state = gate.state(self._now())
        if state == "waiting" and gate.stage.metadata.deletion_timestamp is not None:
            state = "cancelled"
        if state != "waiting":
            raise ReviewOver(state=state)

    async def may_decide(self, call: Call, gate: Gate) -> bool:
        """Whether the caller may approve it."""
        meta = gate.stage.metadata
        return gate.why_not(call) is None and await call.may("review", RESOURCE, meta.namespace, meta.name)

    async def read(self, row: StageRow) -> Gate | None:
        """The stage as the API server has it now; None when it is gone."""
        try:
            body = await self._cluster.get(api.STAGES, row.namespace, row.name)
        except api.NotFound:
            return None
        if body["metadata"]["uid"] != row.uid:
            return None
        return await self.of(body)

    async def of(self, body: api.Object) -> Gate:
        """A review from a Stage."""
        self._view.saw_stage(body)
        stage = Stage.model_validate(body)
        return Gate(stage, await self._submitter(stage))

    def rows(self, namespaces: frozenset[str] | None) -> list[StageRow]:
        """All there are in these namespaces, the newest first."""
        found = [row for row in self._view.stages.within(namespaces) if row.kind == "approval"]
        return sorted(found, key=lambda row: (row.created, row.uid), reverse=True)

    async def _arrived(self, uid: str) -> StageRow | None:
        """A Stage; one that was made a moment ago is waited for."""
        if found := self._view.stages.get(uid):
            return found
        try:
            with self._view.listen("stage") as listener:
                async with asyncio.timeout(ARRIVAL_SECONDS):
                    while (found := self._view.stages.get(uid)) is None:
                        await listener.next()
        except TimeoutError:
            return None
        return found

    async def _submitter(self, stage: Stage) -> str | None:
        """Who submitted the task, or the one that started it."""
        spec, namespace = stage.spec, stage.metadata.namespace
        if not (spec.template.approval and spec.template.approval.separation_of_duties):
            return None
        uid, name = spec.task_uid, spec.task_name
        for _ in range(MAX_DEPTH):
            row = self._view.tasks.get(uid) or await self._read_task(namespace, name, uid)
            if row is None:
                return None
            if row.owner:
                return row.owner
            if row.schedule:
                return ""
            parent = self._view.tasks.get(row.parent_uid) if row.parent_uid else None
            if parent is None or parent.namespace != namespace:
                return None
            uid, name = parent.uid, parent.name
        return None

    async def _read_task(self, namespace: str, name: str, uid: str) -> TaskRow | None:
        try:
            body = await self._cluster.get(api.TASKS, namespace, name)
        except api.NotFound:
            return None
        return self._view.saw_task(body) if body["metadata"]["uid"] == uid else None


def source_run(stage: Stage, maker: str) -> int:
    """The run whose stage made the list: an earlier one where a restart kept it."""
    known = next((entry.object for entry in stage.spec.inputs if entry.stage == maker), "")
    return names.run_of(known) or stage.spec.run


def iterate(rows: list[StageRow], before: tuple[int, str] | None) -> Iterator[StageRow]:
    """The rows after a place in the list."""
    for row in rows:
        if before is None or (row.created, row.uid) < before:
            yield row
