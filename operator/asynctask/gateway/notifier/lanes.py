"""A lane a channel: takes messages from the outbox, sends a few at once, and says what became of each.

Lanes share nothing but the database, so a mail server that hangs costs its own lane and no other. What a lane took and
could not account for, because its process was killed or the database away, is sent again under the same id.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random
from time import monotonic
from typing import Literal

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, Transaction, outbox
from asynctask.adapters.archive.outbox import StoredMessage
from asynctask.adapters.notify.base import Outgoing, Sender, SendFailed
from asynctask.adapters.notify.config import AnyChannel, Config
from asynctask.core.notifications.delivery import Breaker, Bucket, Failure, Patience, after_failure
from asynctask.core.notifications.wording import Reader, write
from asynctask.gateway.metrics import Metrics

log = structlog.get_logger("notifier")
CLAIM_MARGIN = 30.0
"""A message is a lane's for this long beyond the channel's time limit."""
OVERTIME = 5.0
"""A sender that does not keep its own time limit is cut off this much later."""
MAX_BUCKETS = 10_000
HOUR = 3600.0
Account = Callable[[Transaction], Awaitable[None]]
"""Writes down what became of one message."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often lanes look, and how they treat failures."""

    poll: float = 1.0
    retry_archive: float = 1.0
    retry_archive_longest: float = 30.0
    breaker: Breaker = field(default_factory=Breaker)
    patience: Patience | None = None
    """In place of what the config says."""


async def pause(woken: asyncio.Event, seconds: float) -> None:
    """Wait until woken, or for a time. Not `wait_for`: until Python 3.12 it may swallow a cancellation."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


async def end(tasks: Collection[asyncio.Task[None]], seconds: float) -> None:
    """Let tasks that were told to stop do so; those that don't in time are cancelled."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Lane:
    """One channel's."""

    def __init__(
        self,
        archive: Archive,
        channel: AnyChannel,
        sender: Sender,
        config: Config,
        metrics: Metrics,
        now: Callable[[], datetime],
        pace: Pace,
    ) -> None:
        self._archive, self._channel, self._sender = archive, channel, sender
        self._config, self._metrics, self._now, self._pace = config, metrics, now, pace
        self._patience = pace.patience or Patience(
            max_attempts=config.max_attempts, max_age=timedelta(hours=config.max_age_hours)
        )
        self._woken = asyncio.Event()
        self._flow = Bucket.full(channel.max_per_minute, 60.0, monotonic())
        self._recipients: dict[str, Bucket] = {}
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._accounts: list[tuple[Account, asyncio.Future[None]]] = []
        self._scribe: asyncio.Task[None] | None = None
        self._stopping = False
        self.breaker = pace.breaker
        self.last_error = ""
        self.last_sent: datetime | None = None

    @property
    def name(self) -> str:
        """The channel's."""
        return self._channel.name

    @property
    def held(self) -> frozenset[str]:
        """Messages that are under way here."""
        return frozenset(self._attempts)

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """Of the breaker."""
        return self.breaker.state(monotonic())

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    def stop(self) -> None:
        """Take no more. What is being asked of the database comes to its end, so that no connection is torn."""
        self._stopping = True
        self._woken.set()

    def remember(self, address: str, sent: datetime) -> None:
        """Before a start: what this recipient was sent within the hour counts."""
        ago = max(0.0, (self._now() - sent).total_seconds())
        bucket = self._recipients.get(address) or Bucket.full(30, HOUR, monotonic() - HOUR)
        self._recipients[address] = bucket.take(monotonic() - ago)

    async def run(self) -> None:
        """Send, until told to stop."""
        while not self._stopping:
            self._woken.clear()
            taken = 0
            try:
                taken = await self.take()
            except ArchiveError as error:
                log.info("nothing can be sent while the archive is away", channel=self.name, error=str(error))
            except Exception:
                log.exception("a lane failed; it goes on", channel=self.name)
            if not self._stopping and (not taken or not self._room()):
                await pause(self._woken, self._pace.poll)

    async def take(self) -> int:
        """Take what is due and there is room for, and begin to send it; how many."""
        room, now = self._room(), self._now()
        if not room:
            return 0
        async with self._archive.read() as connection:
            if not await outbox.has_due(connection, self.name, now):
                return 0
        seconds = self._channel.timeout_seconds + OVERTIME + CLAIM_MARGIN
        async with self._archive.begin() as transaction:
            taken = await outbox.claim(transaction, self.name, now, room, seconds)
        for message in taken:
            self._flow = self._flow.take(monotonic())
            self.breaker = self.breaker.tried(monotonic())
            self._attempts[message.message_id] = asyncio.create_task(self._attempt(message))
        return len(taken)

    async def finish(self, seconds: float) -> None:
        """Let what is under way end; what takes longer is left to be sent again."""
        await end(list(self._attempts.values()), seconds)
        if self._scribe and not self._scribe.done():
            await end([self._scribe], 0)
        await self._sender.close()

    def _room(self) -> int:
        now = monotonic()
        free = self._channel.concurrency - len(self._attempts)
        allowed = self.breaker.room(now)
        flow = int(self._flow.at_time(now).level + 1e-9)
        return max(0, min(free, flow, free if allowed is None else allowed))

    async def _attempt(self, message: StoredMessage) -> None:
        try:
            bucket = self._bucket(message)
            wait = bucket.wait(monotonic())
            if wait > 0:
                self.breaker = self.breaker.let_go()
                until = self._now() + timedelta(seconds=wait)
                await self._account("put off", lambda t: outbox.put_off(t, message.message_id, until))
                return
            self._recipients[message.address] = bucket.take(monotonic())
            failure = await self._send(message)
            if failure is None:
                self._went_well()
                await self._account("sent", lambda t: outbox.sent(t, message.message_id, self._now()))
            else:
                self._went_wrong(failure)
                await self._failed(message, failure)
        finally:
            self._attempts.pop(message.message_id, None)
            self._woken.set()

    async def _send(self, message: StoredMessage) -> Failure | None:
        started = monotonic()
        try:
            outgoing = await self._word(message)
            if outgoing is None:
                return Failure("permanent", "its events are gone")
            async with asyncio.timeout(self._channel.timeout_seconds + OVERTIME):
                await self._sender.send(outgoing)
        except SendFailed as error:
            return error.failure
        except TimeoutError:
            return Failure("transient", f"no answer in {self._channel.timeout_seconds:g} s", is_channel=True)
        except ArchiveError:
            return Failure("transient", "the archive was away")
        except Exception as error:  # noqa: BLE001 - one message must not end the lane; its text may hold what was sent
            log.error("a message could not be sent", channel=self.name, error=type(error).__name__)  # noqa: TRY400
            return Failure("transient", f"an error in the gateway ({type(error).__name__})")
        finally:
            self._metrics.notification_seconds.labels(self.name).observe(monotonic() - started)
        return None

    async def _word(self, message: StoredMessage) -> Outgoing | None:
        async with self._archive.read() as connection:
            events = tuple(await outbox.events_of(connection, message.message_id))
        if not events:
            return None
        reader = Reader("zh" if message.language == "zh" else "en", message.time_zone or "UTC", self._config.web_url)
        words = write(events, reader, max(message.event_count, len(events)))
        return Outgoing(message.message_id, message.address, words, events, message.event_count)

    async def _failed(self, message: StoredMessage, failure: Failure) -> None:
        now = self._now()
        next_ = after_failure(failure, message.attempts, message.queued, now, random(), self._patience)  # noqa: S311

        async def write_down(transaction: Transaction) -> None:
            await outbox.failed(
                transaction, message.message_id, next_.state, next_.next_time, failure.error_class, failure.message
            )

        log.warning(
            "a message was not taken",
            channel=self.name,
            message=message.message_id,
            attempt=message.attempts,
            error=failure.message,
            state=next_.state,
        )
        await self._account("dead" if next_.state == "dead" else "failed", write_down)

    async def _account(self, result: str, write_down: Account) -> None:
        """Have it written down what became of a message; back when it is. What ends together is written together."""
        self._metrics.notifications.labels(self.name, result).inc()
        written = asyncio.get_running_loop().create_future()
        self._accounts.append((write_down, written))
        if self._scribe is None or self._scribe.done():
            self._scribe = asyncio.create_task(self._write_accounts())
        await written

    async def _write_accounts(self) -> None:
        """Write, however long the database is away: forgetting what was sent would send it twice."""
        seconds = self._pace.retry_archive
        while self._accounts:
            batch, self._accounts = self._accounts, []
            try:
                async with self._archive.begin() as transaction:
                    for write_down, _ in batch:
                        await write_down(transaction)
            except ArchiveError as error:
                self._accounts = batch + self._accounts
                log.warning("what became of messages can't be written yet", channel=self.name, error=str(error))
                await asyncio.sleep(seconds)
                seconds = min(self._pace.retry_archive_longest, seconds * 2)
                continue
            except Exception:  # a defect must not stop the lane: they will be taken back
                log.exception("what became of messages can't be written", channel=self.name)
            for _, written in batch:
                if not written.done():
                    written.set_result(None)

    def _bucket(self, message: StoredMessage) -> Bucket:
        now = monotonic()
        if len(self._recipients) > MAX_BUCKETS:
            self._recipients = {key: each for key, each in self._recipients.items() if now - each.at < HOUR}
        bucket = self._recipients.get(message.address)
        if bucket is None:
            return Bucket.full(message.max_per_hour, HOUR, now)
        if bucket.capacity != message.max_per_hour:  # another rule's: what was sent goes on to count
            used = bucket.capacity - bucket.at_time(now).level
            return Bucket(message.max_per_hour, HOUR, message.max_per_hour - used, now)
        return bucket

    def _went_well(self) -> None:
        self.breaker = self.breaker.went_well()
        self.last_error, self.last_sent = "", self._now()

    def _went_wrong(self, failure: Failure) -> None:
        if not failure.is_channel:
            # it answered, of this recipient or message
            self.breaker = self.breaker.went_well() if failure.error_class == "permanent" else self.breaker.let_go()
            return
        before = self.state
        self.last_error = failure.message
        self.breaker = self.breaker.failed(monotonic(), failure.retry_after)
        if self.state == "open" and before != "open":
            log.warning("a channel fails and is left in peace for a while", channel=self.name, error=failure.message)
