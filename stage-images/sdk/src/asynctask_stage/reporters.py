"""The thread that talks to the gateway, so that the work never waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from asynctask_stage.clients import Backoff, GatewayAway, GatewayClient, Refused
from asynctask_stage.contexts import Context
from asynctask_stage.errors import Superseded
from asynctask_stage.logs import ReportHandler
from asynctask_stage.reports import PER_CALL, Report
from asynctask_stage.stages import State

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 30.0
LIMITED_PERIOD_SECONDS = 2.0
"""Under a bandwidth limit a stage reports at least this often: so long does a new limit or priority take to hold, and
what one stage leaves to reach the others."""


class Reporter:
    """Sends a report each period, and at once when asked; keeps the workspace's checkpoint up to date besides.

    While the gateway is away nothing piles up but bounded details: each try sends the newest state.
    """

    def __init__(
        self,
        state: State,
        client: GatewayClient | None,
        handler: ReportHandler,
        *,
        attached: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._client = client
        self._handler = handler
        self._clock = clock
        self._context = state.context if attached or client is None else None
        self._period = state.context.report_period
        self._backoff = Backoff(min(1.0, self._period), min(LONGEST_PAUSE_SECONDS, 6 * self._period))
        self._changed = threading.Condition()
        self._urgent = False
        self._closed = False
        self._started = self._finished = 0
        self._is_away = False
        # A pod that started without the gateway keeps knocking, to become the holder of its stage.
        self._next_round = clock() + (self._period_now if self._context else 0.0)
        self._hold_until = 0.0
        self._thread = threading.Thread(target=self._run, name="asynctask-reporter", daemon=True)
        state.stop.add_listener(self._wake)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End the thread, waiting at most ``timeout`` seconds for a call that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def wait_for_context(self, timeout: float) -> Context | None:
        """The gateway's context, waited for where it was away at the start; None when it still is, or on a stop."""
        with self._changed:
            self._urgent = self._context is None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._context is not None or self._state.stop.is_set, timeout)
            return self._context

    def flush(self, generation: int) -> bool:
        """Send this checkpoint now, and wait for one try; whether the gateway has it.

        While the gateway is known to be away and the workspace has it, there is no try and no wait.
        """
        checkpoints = self._state.checkpoints
        with self._changed:
            if self._client is None or self._closed or self._clock() < self._hold_until:
                return False
            if self._is_away and checkpoints.is_written(generation):
                return False
            ticket = self._started
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    self._finished > ticket
                    or self._closed
                    or checkpoints.is_sent(generation)
                    or self._state.stop.is_superseded
                )
            )
        return checkpoints.is_sent(generation)

    @property
    def _period_now(self) -> float:
        limited = self._state.bandwidth.rate is not None
        return min(self._period, LIMITED_PERIOD_SECONDS) if limited else self._period

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._closed and not self._state.stop.is_superseded:
            try:
                self._keep()
                if self._is_round_due():
                    self._round()
            except Superseded as error:
                self._state.stop.set(str(error), superseded=True)
            except Exception:
                log.exception("the reporter failed, and goes on")
                self._next_round = self._clock() + self._period
            with self._changed:
                if not self._urgent and not self._closed:
                    self._changed.wait(self._seconds_to_sleep())
        self._wake()

    def _keep(self) -> None:
        """Ask for a checkpoint when one is due, and keep the workspace up to date."""
        checkpoints = self._state.checkpoints
        is_fresh = checkpoints.is_requested and self._state.save_registered()
        if is_fresh or checkpoints.seconds_to_write() == 0:
            checkpoints.write()
        self._state.items.write()

    def _is_round_due(self) -> bool:
        if self._client is None:
            return False
        with self._changed:
            if self._urgent and self._clock() < self._hold_until:
                # Who waits for a try learns that there is none before Retry-After has passed.
                self._urgent = False
                self._started += 1
                self._finished = self._started
                self._changed.notify_all()
        return self._urgent or self._clock() >= self._next_round

    def _seconds_to_sleep(self) -> float:
        period = min(self._period, self._state.checkpoints.period)
        times = [period, self._state.checkpoints.seconds_to_write() or period]
        if self._client is not None:
            times.append(self._next_round - self._clock())
        return max(0.0, min(times))

    def _round(self) -> None:
        assert self._client is not None
        with self._changed:
            self._started += 1
            self._urgent = False
        try:
            if self._context is None:
                self._attach(self._client)
            command = self._send(self._client)
        except GatewayAway as error:
            self._went_away(error)
        except Refused as error:
            self._state.stop.set(str(error), superseded=True)
        else:
            self._came_back()
            self._obey(command)
        finally:
            with self._changed:
                self._finished = self._started
                self._changed.notify_all()

    def _attach(self, client: GatewayClient) -> None:
        """Become the holder of the stage, where the gateway was away when the pod started."""
        try:
            context = self._state.context.updated(client.context())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GatewayAway(f"not a context: {error!r}") from error
        if context.checkpoint:
            log.warning("the gateway had a checkpoint that this pod did not know of when it started")
            self._state.checkpoints.raise_sequence(context.checkpoint.sequence)
        self._period = context.report_period
        self._state.checkpoints.period = context.checkpoint_period
        self._state.bandwidth.set_rate(context.bytes_per_second)
        with self._changed:
            self._context = context
            self._changed.notify_all()

    def _send(self, client: GatewayClient) -> str:
        """One report, mended as often as the gateway objects; the command of the answer."""
        report = Report.gather(self._state, self._handler)
        try:
            answer = report.send(client.report)
        except Exception:
            report.put_back()
            raise
        return self._accept(answer)

    def _accept(self, answer: Mapping[str, Any]) -> str:
        if "bytesPerSecond" in answer:
            rate = answer["bytesPerSecond"]
            self._state.bandwidth.set_rate(float(rate) if rate is not None else None)
        return str(answer.get("command") or "continue")

    def _obey(self, command: str) -> None:
        if command == "stop":
            self._state.stop.set("the gateway said stop")
        elif command == "checkpoint" and not self._state.stop.is_set:
            self._state.checkpoints.request()
            if self._state.save_registered():
                with self._changed:
                    self._urgent = True

    def _went_away(self, error: GatewayAway) -> None:
        if not self._is_away:
            log.warning("the gateway is away, going on without it: %s", error)
        self._is_away = True
        pause = self._backoff.pause(error)
        self._next_round = self._clock() + pause
        if error.retry_after is not None:
            self._hold_until = self._next_round

    def _came_back(self) -> None:
        if self._is_away:
            log.info("the gateway is back")
        self._is_away = False
        self._backoff.reset()
        self._next_round = self._clock() + self._period_now
        if max(self._state.items.pending_count, self._handler.pending_count) >= PER_CALL:
            self._next_round = self._clock() + min(self._period, 0.2)
