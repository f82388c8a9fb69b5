"""The stages that this replica has heard of lately."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import structlog

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.errors import GatewayError, NotAStage, StageGone
from asynctask.gateway.identity import Freshness, Identity
from asynctask.gateway.live import LiveStage
from asynctask.gateway.metrics import Metrics

FORGET_SECONDS = 120.0
SWEEP_SECONDS = 15.0
FLUSHES = 64
"""Stages flushed at once when the gateway ends."""

log = structlog.get_logger("gateway")


class Stages:
    """Opens stages for the pods that work on them."""

    def __init__(
        self,
        cluster: api.Cluster,
        metrics: Metrics,
        freshness: Freshness,
        *,
        period: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._freshness = freshness
        self._period = period
        self._clock = clock
        self._live: dict[str, LiveStage] = {}

    async def open(self, identity: Identity) -> LiveStage:
        """The stage that a pod works on. Raises StageGone, and NotAStage when Job and Stage don't belong together."""
        job = identity.job
        live = self._live.get(job.stage_uid)
        if live is None:
            try:
                stage = await self._cluster.get(api.STAGES, identity.namespace, job.stage_object)
            except api.NotFound:
                raise StageGone("the stage was deleted") from None
            if stage["metadata"]["uid"] != job.stage_uid:
                raise StageGone("the stage was deleted")
            fresh = LiveStage(
                self._cluster,
                stage,
                period=self._period,
                read_period=self._freshness.stage,
                metrics=self._metrics,
                now=lambda: datetime.now(UTC),
                clock=self._clock,
            )
            live = self._live.setdefault(job.stage_uid, fresh)
            self._metrics.live_stages.set(len(self._live))
        _check_kinship(identity, live)
        return live

    async def sweep(self) -> None:
        """Forget stages that have fallen silent, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._clock()
            for uid, live in list(self._live.items()):
                if now - live.heard_at > FORGET_SECONDS and live.is_idle:
                    live.close()
                    del self._live[uid]
            self._metrics.live_stages.set(len(self._live))

    async def flush(self) -> None:
        """Write what waits of all stages, as far as the API server takes it. Called once, at the end."""
        turns = asyncio.Semaphore(FLUSHES)

        async def flush(live: LiveStage) -> None:
            async with turns:
                try:
                    await live.flush()
                except (GatewayError, api.ApiError) as error:
                    log.warning("the last progress of a stage was not written", stage=live.name, error=str(error))
                finally:
                    live.close()

        await asyncio.gather(*(flush(live) for live in self._live.values()))


def _check_kinship(identity: Identity, live: LiveStage) -> None:
    """The Job must be the one that the operator makes for this attempt of this stage: see identity."""
    job, spec = identity.job, live.spec
    name = names.child_name(spec.task_name, spec.task_uid, spec.template.name, spec.run, job.attempt)
    if (
        identity.namespace != live.namespace
        or identity.job_name != name
        or (job.task_uid, job.run, job.stage) != (spec.task_uid, spec.run, spec.template.name)
    ):
        raise NotAStage("the pod's Job is not the one made for this stage")
