"""What each stage may move now: the estate's limits and stages, put together with what the stages report."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from asynctask.api.stage import Bandwidth
from asynctask.core.grants import Ledger
from asynctask.gateway.errors import NotNow
from asynctask.gateway.estate import Endpoint, Estate
from asynctask.gateway.live import LiveStage

FRESH_SECONDS = 0.25
"""Shares are reckoned anew at most this often for what stages report."""
LEAST_PAUSE = 10
"""Between two reckonings lie so many times what the last one took: a thousand stages must not cost a core."""
PATIENCE_SECONDS = 5.0


class Shares:
    """Answers a stage's question how much it may move."""

    def __init__(
        self,
        estate: Estate,
        *,
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._estate = estate
        self._clock = clock
        self._now = now
        self._ledger = Ledger()
        self._limits: dict[Endpoint, float] = {}
        self._version = -1
        self._fresh_until = self._due_from = 0.0

    async def begin(self, live: LiveStage) -> int | None:
        """What a pod that takes the stage over may move. Raises NotNow when that can't be known yet."""
        if not live.endpoints:
            return None
        if not await self._is_known():
            raise NotNow("the limits of the storage endpoints are not known yet", retry_after=1)
        self._ledger.begun(live.recorded.uid, self._clock())
        return self._tell(live)

    def bandwidth(self, live: LiveStage, used: int | None) -> Bandwidth | None:
        """What the stage's status is to say, given what it reports; None when no endpoint can limit it."""
        if not live.endpoints:
            return None
        told = self._ledger.told(live.recorded.uid)
        if told is None:
            return Bandwidth()
        return Bandwidth(allowed_bytes_per_second=int(told), used_bytes_per_second=used)

    async def report(self, live: LiveStage, used: int | None) -> dict[str, int | None]:
        """The part of the answer that says what the stage may move from now on, given what it used since it was told.

        Empty, which leaves the stage with what it was told, when that can't be known.
        """
        if live.endpoints:
            if not await self._is_known():
                return {}
            self._ledger.heard(live.recorded.uid, used, self._clock())
        return {"bytesPerSecond": self._tell(live) if live.endpoints else None}

    def end(self, live: LiveStage) -> None:
        """The stage moves nothing any more: the others may have its share."""
        self._estate.ended(live.recorded.uid)

    async def _is_known(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._estate.known()
        except TimeoutError:
            return False
        return True

    def _tell(self, live: LiveStage) -> int | None:
        now = self._clock()
        self._estate.begun(live)
        is_new = self._ledger.is_new(live.recorded.uid) and not live.endpoints.isdisjoint(self._limits)
        has_changed = self._version != self._estate.version and now >= self._due_from
        if is_new or has_changed or now >= self._fresh_until:
            self._reckon(now)
        return self._ledger.tell(live.recorded.uid, now)

    def _reckon(self, now: float) -> None:
        self._version = self._estate.version
        self._limits = self._estate.limits(self._now())
        self._ledger.divide(self._limits, self._estate.parties(self._limits), now)
        end = self._clock()
        self._due_from = end + LEAST_PAUSE * (end - now)
        self._fresh_until = max(self._due_from, now + FRESH_SECONDS)
