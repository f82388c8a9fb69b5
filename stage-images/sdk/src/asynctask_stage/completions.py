"""The last words of a stage: what is still unsent, ``complete``, and the termination message."""

import logging
import re
import threading
from collections.abc import Callable
from typing import Any

from asynctask_stage.clients import Backoff, GatewayAway, GatewayClient, Invalid, Refused
from asynctask_stage.contexts import Environment
from asynctask_stage.endings import Ending, Outcome, write_termination_message
from asynctask_stage.errors import Superseded
from asynctask_stage.logs import ReportHandler
from asynctask_stage.reporters import Reporter
from asynctask_stage.reports import PER_CALL, Report
from asynctask_stage.stages import State

log = logging.getLogger(__name__)

_LAST_CALL_SECONDS = 10.0
_MENDS = 6


class Completion:
    """Ends a stage exactly once, by whichever thread comes first: the work's, or the guard's when the work hangs."""

    def __init__(
        self,
        state: State,
        client: GatewayClient | None,
        handler: ReportHandler,
        environment: Environment,
        reporter: Reporter,
    ) -> None:
        self._state = state
        self._client = client
        self._handler = handler
        self._environment = environment
        self._reporter = reporter
        self._lock = threading.Lock()
        self._ending: Ending | None = None
        self._finished = False

    def exit_code(self, default: int) -> int:
        """The exit code as far as it is settled; also leaves a termination message when there is none yet."""
        ending = self._ending
        if ending is None:
            ending = Ending.stopped(self._state.stop.reason, superseded=self._state.stop.is_superseded)
        if not self._finished:
            write_termination_message(self._environment.termination_log, self._body(ending))
        return ending.exit_code if self._ending else default

    def finish(self, ending: Ending, left: Callable[[], float]) -> int:
        """Save, send and write what there is to, in at most ``left()`` seconds; the exit code."""
        with self._lock:
            if self._finished:
                assert self._ending is not None
                return self._ending.exit_code
            self._ending = ending
            self._save(ending)
            self._reporter.close(min(2.0, left()))
            if not self._state.stop.is_superseded:
                self._send(left)
            if self._state.stop.is_superseded:
                self._ending = ending = Ending.stopped(self._state.stop.reason, superseded=True)
            write_termination_message(self._environment.termination_log, self._body(ending))
            log.info("the stage ended: %s %s", ending.outcome, ending.message or "")
            self._finished = True
            return ending.exit_code

    def _save(self, ending: Ending) -> None:
        if self._state.stop.is_superseded:
            return
        if ending.outcome is Outcome.STOPPED:
            self._state.save_registered()
        self._state.items.write()
        try:
            self._state.checkpoints.write()
        except Superseded as error:
            self._state.stop.set(str(error), superseded=True)

    def _send(self, left: Callable[[], float]) -> None:
        if self._client is None:
            return
        backoff = Backoff(min(0.5, self._state.context.report_period), 5.0)
        while True:
            try:
                self._send_once(self._client, left)
            except GatewayAway as error:
                pause = backoff.pause(error)
                if pause >= left():
                    log.warning("ending without the gateway: %s", error)
                    return
                threading.Event().wait(pause)
            except Refused as error:
                self._state.stop.set(str(error), superseded=True)
                return
            else:
                return

    def _send_once(self, client: GatewayClient, left: Callable[[], float]) -> None:
        def timeout() -> float:
            return max(0.1, min(_LAST_CALL_SECONDS, left()))

        while self._has_unsent() and left() > 0:
            report = Report.gather(self._state, self._handler)
            try:
                report.send(lambda body: client.report(body, timeout=timeout()))
            except GatewayAway:
                report.put_back()
                raise
        assert self._ending is not None
        body = self._body(self._ending)
        for _ in range(_MENDS):
            try:
                client.complete(body, timeout=timeout())
            except Invalid as error:
                log.warning("the gateway did not take the ending: %s", error)
                _mend(body, error)
            else:
                return

    def _has_unsent(self) -> bool:
        """Whether a report must go first: ``complete`` takes no log lines, no checkpoint, and few item errors."""
        done = self._ending is not None and self._ending.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL)
        has_checkpoint = not done and self._state.checkpoints.has_unsent
        return has_checkpoint or self._handler.pending_count > 0 or self._state.items.pending_count > PER_CALL

    def _body(self, ending: Ending) -> dict[str, Any]:
        items = self._state.items.take(PER_CALL)
        self._state.items.put_back(items)
        return ending.to_json(
            self._state.checkpoints.next_sequence(),
            progress=self._state.progress.to_json(),
            items=[item.to_json() for item in items],
            item_count=self._state.items.count,
        )


def _mend(body: dict[str, Any], error: Invalid) -> None:
    """Leave out what the gateway objects to; at last everything but the outcome."""
    match = re.match(r"\w+", error.field)
    parts = [match[0]] if match else ["itemErrors", "progress", "outputs"] if error.too_large else []
    part = next((part for part in parts if part in body), None)
    if part is not None and part not in ("sequence", "outcome", "class"):
        del body[part]
        return
    for name in body.keys() - {"sequence", "outcome", "class"}:
        del body[name]
