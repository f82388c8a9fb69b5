"""One stage as this replica knows it: takes calls in, writes the Stage's status as seldom as the promises allow.

A checkpoint and the end are written before they are acknowledged; what comes in while a write is under way goes
together into the next one. Progress waits for `period` seconds since the last write, so that a short stage costs its
claim and one write.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import uniform
from time import monotonic

import structlog

from asynctask.adapters import cluster as api
from asynctask.api.stage import Bandwidth, StageSpec
from asynctask.gateway.changes import NOTHING, Change, Ended, SavedCheckpoint, operations
from asynctask.gateway.errors import GatewayError, InvalidReport, NotNow, StageGone, StaleAttempt
from asynctask.gateway.fencing import Caller, Recorded, check
from asynctask.gateway.messages import Complete, Report
from asynctask.gateway.metrics import Metrics

WRITE_TRIES = 12

log = structlog.get_logger("gateway")


class LiveStage:
    """A stage that has been heard of. Everything here can be lost: the Stage has what was acknowledged as durable."""

    def __init__(
        self,
        cluster: api.Cluster,
        stage: api.Object,
        *,
        period: float,
        read_period: float,
        metrics: Metrics,
        now: Callable[[], datetime],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.namespace: str = stage["metadata"]["namespace"]
        self.name: str = stage["metadata"]["name"]
        self.spec = StageSpec.model_validate(stage["spec"])
        self.endpoints = frozenset((self.namespace, location.endpoint) for location in self.spec.locations)
        self.recorded = Recorded.of(stage)
        self._cluster = cluster
        self._period = period
        self._read_period = read_period
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._read_at = self._written_at = self.heard_at = clock()
        self._youngest: Caller | None = None
        self._sequence = -1
        self._pending: Change = NOTHING
        self._timer: asyncio.TimerHandle | None = None
        self._current: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()

    @property
    def checkpoint_sequence(self) -> int:
        """The sequence of the newest checkpoint in the API server; 0 when there is none."""
        return int(self.recorded.part("checkpoint").get("sequence", 0))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be written."""
        return self._pending == NOTHING and self._current is None and self._next is None

    async def admit(self, caller: Caller) -> None:
        """Let a pod in that has the stage, by what was read lately. Raises StaleAttempt and StageGone."""
        self.heard_at = self._clock()
        if self.heard_at - self._read_at > self._read_period:
            await self._read(not_older_than=self.recorded.version)
        self._admit(caller)

    async def begin(self, caller: Caller) -> Recorded:
        """A pod asks for its context: claim the stage, and return the Stage as it is after that.

        Raises NotNow while another pod of the attempt may still work, StaleAttempt and StageGone.
        """
        self.heard_at = self._clock()
        async with self._beginning:
            await self._read()
            await self._write(caller, NOTHING, claims=True)
            self._admit(caller)
            return self.recorded

    async def report(self, caller: Caller, report: Report, bandwidth: Bandwidth | None = None) -> int:
        """Take a report in and return the last sequence known. A checkpoint is durable when this returns."""
        await self.admit(caller)
        if self.recorded.completed_by(caller.attempt):
            return max(self._sequence, report.sequence)
        if report.sequence > self._sequence:  # else it came twice, or was overtaken
            self._sequence = report.sequence
            self._pending = self._pending.followed_by(_change(report, bandwidth=bandwidth))
        acknowledged = self._sequence
        if report.checkpoint is not None:
            await self._commit(caller)
        else:
            self._arm()
        return acknowledged

    async def complete(self, caller: Caller, complete: Complete) -> None:
        """Record how the attempt ended. `stopped` is no end: only what is new goes into the Stage."""
        ended = None
        if complete.outcome != "stopped":
            error_class = complete.error_class if complete.outcome == "failed" else None
            ended = Ended(complete.outcome, error_class, complete.reason, complete.message, complete.outputs or {})
        try:
            await self.admit(caller)
            if not self.recorded.completed_by(caller.attempt):
                self._sequence = max(self._sequence, complete.sequence)
                self._pending = self._pending.followed_by(_change(complete, ended))
                await self._commit(caller)
        except StaleAttempt:
            if self.recorded.completed_by(caller.attempt) != complete.outcome:
                raise
        recorded = self.recorded.completed_by(caller.attempt)
        if ended and recorded != complete.outcome:
            raise StaleAttempt(f"the attempt has already ended: {recorded}")

    async def flush(self) -> None:
        """Write what waits, now."""
        if not self.is_idle:
            await asyncio.shield(self._round())

    def close(self) -> None:
        """Forget what waits."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    async def _let_go(self, caller: Caller) -> None:
        """Return when the pod that holds the stage for this attempt has no more use for it.

        As a rule it has ended: a Job's next pod is made when the one before has. But when the answer to the creation of
        a pod is lost, the Job controller may make a second one beside it, and takes one of them away a little later.
        """
        holder = self.recorded.holder
        if holder is None or holder.pod_uid == caller.pod_uid or holder.attempt != caller.attempt:
            return
        if self.recorded.completed_by(caller.attempt):
            raise StaleAttempt(f"pod {holder.pod_name} has ended the attempt")
        try:
            pod = await self._cluster.get(api.PODS, self.namespace, holder.pod_name)
        except api.NotFound:
            return
        is_live = pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
        if is_live and pod["metadata"]["uid"] == holder.pod_uid:
            raise NotNow(f"pod {holder.pod_name} has the stage and still runs", retry_after=1)

    def _admit(self, caller: Caller) -> None:
        check(self.recorded, caller)
        self._check_youngest(caller)
        if self._youngest is None or caller.order > self._youngest.order:
            self._youngest, self._sequence, self._pending = caller, -1, NOTHING

    def _check_youngest(self, caller: Caller) -> None:
        if self._youngest and caller.order < self._youngest.order:
            raise StaleAttempt(f"pod {self._youngest.pod_name} has the stage now")

    def _arm(self) -> None:
        """Write what waits when its time has come."""
        if self._timer is None and self._pending != NOTHING:
            delay = max(0.0, self._written_at + self._period - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        self._round()

    async def _commit(self, caller: Caller) -> None:
        """Return once all that waits now is written. One caller that hangs up does not stop it."""
        await asyncio.shield(self._round())
        self._check_youngest(caller)  # a younger pod may have come meanwhile and what waited been dropped

    def _round(self) -> asyncio.Task[None]:
        """The write that will have in it all that waits now: after the current one, shared by all who wait."""
        if self._next is None:
            self._next = asyncio.create_task(self._write_pending(self._current))
            self._next.add_done_callback(_mark_seen)
        return self._next

    async def _write_pending(self, previous: asyncio.Task[None] | None) -> None:
        if previous:
            await asyncio.wait([previous])
        self._current, self._next = self._next, None
        caller, change, self._pending = self._youngest, self._pending, NOTHING
        try:
            if caller:
                await self._write(caller, change)
        except GatewayError as error:
            self._metrics.writes.labels(change.content, error.code).inc()
            if isinstance(error, NotNow):
                self._put_back(caller, change)
            else:
                self._sequence = -1  # what was refused was not taken in: the same sequence may come again
            raise
        except api.ApiError:
            self._metrics.writes.labels(change.content, "Failed").inc()
            self._put_back(caller, change)
            raise
        finally:
            self._current = None

    def _put_back(self, caller: Caller | None, change: Change) -> None:
        if caller is self._youngest:
            self._pending = change.followed_by(self._pending)
            self._written_at = self._clock()  # a server in trouble is not asked again at once
            self._arm()

    async def _write(self, caller: Caller, change: Change, *, claims: bool = False) -> None:
        for tries in range(WRITE_TRIES):
            check(self.recorded, caller)
            self._check_youngest(caller)
            if claims:
                await self._let_go(caller)
            patch = operations(self.recorded, caller, change, self._now(), claims=claims)
            if not patch:
                return
            try:
                stage = await self._cluster.json_patch(api.STAGES, self.namespace, self.name, patch, "status")
            except api.Conflict:
                self._metrics.writes.labels(change.content, "Conflict").inc()
                await asyncio.sleep(uniform(0, 0.01 * tries))  # noqa: S311 - spreading, not secrecy
                await self._read()
                continue
            except api.NotFound:
                raise StageGone("the stage was deleted") from None
            except api.Refused as error:
                if error.status == 422:
                    raise InvalidReport(error.message[:500]) from error
                raise
            self._metrics.writes.labels(change.content, "Written").inc()
            self._written_at = self._clock()
            self._adopt(stage)
            return
        raise NotNow("others keep writing the Stage", retry_after=1)

    async def _read(self, not_older_than: str = "") -> None:
        try:
            stage = await self._cluster.get(api.STAGES, self.namespace, self.name, not_older_than)
        except api.NotFound:
            raise StageGone("the stage was deleted") from None
        self._adopt(stage)

    def _adopt(self, stage: api.Object) -> None:
        recorded = Recorded.of(stage)
        if recorded.uid != self.recorded.uid:
            raise StageGone("the stage was deleted")
        self._read_at = self._clock()
        if int(recorded.version) >= int(self.recorded.version):  # a read may be overtaken by the answer to a write
            self.recorded = recorded


def _change(message: Report | Complete, ended: Ended | None = None, bandwidth: Bandwidth | None = None) -> Change:
    checkpoint = message.checkpoint if isinstance(message, Report) else None
    return Change(
        progress=message.progress.stored() if message.progress else None,
        bandwidth=bandwidth if message.progress else None,
        checkpoint=SavedCheckpoint(message.sequence, checkpoint) if checkpoint is not None else None,
        ended=ended,
        item_errors=tuple(error.stored() for error in message.item_errors or ()),
        item_error_count=message.item_error_count,
    )


def _mark_seen(task: asyncio.Task[None]) -> None:
    """When nobody waits for a write that fails, it is tried again, or its stage hears of it with its next call."""
    if not task.cancelled() and (error := task.exception()):
        log.info("a status was not written", error=str(error))
