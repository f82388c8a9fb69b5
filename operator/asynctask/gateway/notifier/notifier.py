"""The notifier: reads the channels' file, tells, sends, tidies up. Runs while its gateway leads, until cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, Transaction, inbox, notifyrules, outbox
from asynctask.adapters.notify import channels
from asynctask.adapters.notify.channels import Setup
from asynctask.adapters.notify.config import BadConfig, Config
from asynctask.gateway.metrics import Metrics
from asynctask.gateway.notifier.lanes import Lane, Pace, end, pause
from asynctask.gateway.notifier.telling import EVENTS_AT_ONCE, MaySee, Teller

log = structlog.get_logger("notifier")
NO_CHANNELS = Setup(Config(), {}, ())
FINISH_SECONDS = 5.0
PRUNE_AT_ONCE = 500
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often it looks at what."""

    tell: float = 1.0
    config: float = 10.0
    tidy: float = 15.0
    prune: float = 3600.0
    lanes: Pace = field(default_factory=Pace)


def _utc() -> datetime:
    return datetime.now(UTC)


async def _nobody(_: frozenset[str]) -> None:
    """Nobody wants to know whose inbox got something."""


class Notifier:
    """Everything about notifications that one gateway does for all."""

    def __init__(
        self,
        archive: Archive,
        file: Path | None,
        metrics: Metrics,
        may_see: MaySee,
        *,
        delivered: Callable[[frozenset[str]], Awaitable[None]] = _nobody,
        now: Callable[[], datetime] = _utc,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._archive, self._file, self._metrics = archive, file, metrics
        self._delivered, self._now, self._rhythm = delivered, now, rhythm or Rhythm()
        self._teller = Teller(archive, may_see)
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._has_begun = False
        self._setup = NO_CHANNELS
        self._lanes: dict[str, Lane] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._published: dict[str, dict[str, object]] = {}
        self._complaint = ""

    def wake(self) -> None:
        """Something may have happened, or be there to send: look now and not in a second."""
        self._news.set()
        for lane in self._lanes.values():
            lane.wake()

    async def run(self) -> None:
        """Work until cancelled; then let what is under way end."""
        works = (
            self._every(self._rhythm.config, self._follow_config),
            self._tell(),
            self._every(self._rhythm.tidy, self._tidy),
            self._every(self._rhythm.prune, self._prune),
        )
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            self._news.set()
            await end(tasks, FINISH_SECONDS)
            await self._close()

    async def _tell(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            told = 0
            try:
                if not self._has_begun:
                    await self._begin()
                told = await self.tell_once()
            except ArchiveError as error:
                log.warning("nothing can be told while the archive is away", error=str(error))
            except Exception:
                log.exception("telling failed")
            if told < EVENTS_AT_ONCE and not self._stopping.is_set():
                await pause(self._news, self._rhythm.tell)

    async def _begin(self) -> None:
        """What happens from the first time on that a notifier runs is told."""
        async with self._archive.begin() as transaction:
            await notifyrules.begun(transaction, self._now())
        self._has_begun = True

    async def tell_once(self) -> int:
        """Apply the rules to what is due; how many events."""
        told = await self._teller.tell(self._setup.config, self._now())
        for kind in told.kinds:
            self._metrics.notification_events.labels(kind).inc()
        if told.messages:
            for lane in self._lanes.values():
                lane.wake()
        if told.users:
            await self._delivered(told.users)
        return told.events

    async def _follow_config(self) -> None:
        """Take the file in when it or a secret has changed. One that can't be used changes nothing and is told once."""
        if self._file is None:
            return
        try:
            if self._setup is not NO_CHANNELS:
                stamp = await asyncio.to_thread(channels.stamp, self._file, self._setup.config)
                if stamp == self._setup.stamp:
                    return
            setup = await asyncio.to_thread(channels.load, self._file)
        except BadConfig as error:
            self._metrics.notification_config.set(0)
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.error("the notifications' file can't be used", file=str(self._file), error=str(error))  # noqa: TRY400
            return
        self._complaint = ""
        self._metrics.notification_config.set(1)
        await self._change(setup)

    async def _change(self, setup: Setup) -> None:
        await self._close()
        self._setup = setup
        for channel in setup.config.channels:
            lane = Lane(
                self._archive,
                channel,
                setup.senders[channel.name],
                setup.config,
                self._metrics,
                self._now,
                self._rhythm.lanes,
            )
            self._lanes[channel.name] = lane
        await self._remember()
        for lane in self._lanes.values():
            self._workers[lane.name] = asyncio.create_task(lane.run(), name=f"lane {lane.name}")
        log.info("channels in force", channels=list(self._lanes))

    async def _remember(self) -> None:
        """What was sent within the hour counts towards the limits of those who got it."""
        with suppress(ArchiveError):
            async with self._archive.read() as connection:
                lately = await outbox.sent_since(connection, self._now() - timedelta(hours=1), REMEMBERED)
            for name, address, sent in lately:
                if lane := self._lanes.get(name):
                    lane.remember(address, sent)

    async def _close(self) -> None:
        workers, lanes = list(self._workers.values()), list(self._lanes.values())
        self._workers, self._lanes = {}, {}
        for lane in lanes:
            lane.stop()
        await end(workers, FINISH_SECONDS)
        await asyncio.gather(*(lane.finish(FINISH_SECONDS) for lane in lanes), return_exceptions=True)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except ArchiveError as error:
                log.info("the archive is away", error=str(error))
            except Exception:
                log.exception("the notifier failed at its upkeep")
            await pause(self._stopping, seconds)

    async def _tidy(self) -> None:
        """Take back what senders that died had taken, give up what waited too long, tell how channels fare."""
        now, held = self._now(), frozenset[str]().union(*(lane.held for lane in self._lanes.values()))
        async with self._archive.read() as connection:
            counts = await outbox.counts(connection)
            lost = await outbox.has_lost(connection, now)
        if lost:
            async with self._archive.begin() as transaction:
                await outbox.take_back(transaction, now, held)
            self.wake()
        too_old = now - timedelta(hours=self._setup.config.max_age_hours + 1)
        if any(state == "pending" for _, state in counts):
            async with self._archive.begin() as transaction:
                await outbox.expire(transaction, too_old, now, PRUNE_AT_ONCE)
        self._metrics.notifications_kept.clear()
        for (channel, state), count in counts.items():
            self._metrics.notifications_kept.labels(channel, state).set(count)
        await self._publish(now)

    async def _publish(self, now: datetime) -> None:
        states: dict[str, dict[str, object]] = {}
        for lane in self._lanes.values():
            self._metrics.notification_breaker.labels(lane.name).set(lane.state != "closed")
            states[lane.name] = {
                "breaker": lane.state,
                "lastError": lane.last_error,
                "lastSent": lane.last_sent.isoformat() if lane.last_sent else None,
            }
        changed = {name: state for name, state in states.items() if self._published.get(name) != state}
        if changed:
            async with self._archive.begin() as transaction:
                await notifyrules.keep_channels(transaction, changed, now)
            self._published.update(changed)

    async def _prune(self) -> None:
        """Remove what is old, a little at a time, so that nobody waits for it."""
        now, days = self._now(), timedelta(days=self._setup.config.keep_days)
        news = timedelta(hours=self._setup.config.news_age_hours)
        rounds: tuple[Callable[[Transaction], Awaitable[int]], ...] = (
            lambda t: outbox.prune(t, now - days, now - days * 3, PRUNE_AT_ONCE),
            # what is still worth telling must still be known to have been told
            lambda t: outbox.prune_events(t, now - max(days * 3, news * 2), PRUNE_AT_ONCE),
            lambda t: inbox.prune(t, now - days * 3, PRUNE_AT_ONCE),
        )
        for some in rounds:
            while True:
                async with self._archive.begin() as transaction:
                    gone = await some(transaction)
                if gone < PRUNE_AT_ONCE or self._stopping.is_set():
                    break
                await pause(self._stopping, self._rhythm.tell)
