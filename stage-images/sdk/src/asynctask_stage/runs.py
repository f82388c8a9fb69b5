"""The life of a stage's process: context, work, ending, exit code."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from asynctask_stage import contexts, logs, signals
from asynctask_stage.artifacts import GatewayArtifacts
from asynctask_stage.bandwidth import Bandwidth
from asynctask_stage.checkpoints import Checkpoints
from asynctask_stage.clients import Backoff, GatewayAway, GatewayClient, Refused
from asynctask_stage.completions import Completion
from asynctask_stage.contexts import Context, Environment
from asynctask_stage.deadlines import Deadlines, Guard
from asynctask_stage.endings import EXIT_STOPPED, Ending, Main, ending_of, write_termination_message
from asynctask_stage.errors import StageError, TransientError, classify
from asynctask_stage.items import ItemErrors
from asynctask_stage.logs import ReportHandler
from asynctask_stage.reporters import Reporter
from asynctask_stage.stages import Stage, State
from asynctask_stage.stops import StopFlag

LINGER_SECONDS = 1.0
"""What threads that are left over, and exit handlers, get after the end."""

log = logging.getLogger(__name__)


def run(main: Main) -> NoReturn:
    """Run ``main`` as the stage of this pod, and exit the process with the code of the stage protocol."""
    code = execute(main, os.environ)
    for number in signals.STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the ending is told: a late signal must not change the exit code
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of the author's that hangs would keep the interpreter; the ending is told, so it need not be waited for.
    leaver = threading.Timer(LINGER_SECONDS, os._exit, (code,))
    leaver.daemon = True
    leaver.start()
    sys.exit(code)


def stage(main: Main) -> Main:
    """Decorator: ``run`` the function at once when its file is the program, and leave it alone when it is imported.

    Put it last in the file.
    """
    if getattr(main, "__module__", None) == "__main__":
        run(main)
    return main


def execute(main: Main, variables: Mapping[str, str], *, kill: Callable[[int], Any] = os._exit) -> int:
    """Run ``main`` in the pod that ``variables`` describe; the exit code.

    ``kill`` ends the process when the work does not stop in time.
    """
    logs.to_stdout()
    try:
        environment = Environment.read(variables)
        client = _client(environment)
    except StageError as error:
        ending = Ending.failed(classify(error))
        log.error("%s: %s", ending.reason, ending.message)  # noqa: TRY400 - the message says it all
        write_termination_message(contexts.termination_log(variables), ending.to_json(1))
        return ending.exit_code
    stop = StopFlag()
    with signals.watched(stop):
        return _Process(environment, client, stop, kill).execute(main)


def _client(environment: Environment) -> GatewayClient | None:
    if environment.gateway_url is None:
        return None
    try:
        return GatewayClient(environment.gateway_url, environment.token_file)
    except ValueError as error:
        raise TransientError(str(error), reason="InvalidEnvironment") from error


class _Process:
    """What ``execute`` wires together."""

    def __init__(
        self, environment: Environment, client: GatewayClient | None, stop: StopFlag, kill: Callable[[int], Any]
    ) -> None:
        self._environment = environment
        self._client = client
        self._stop = stop
        self._kill = kill
        self._deadlines = Deadlines(environment.grace, stop)

    def execute(self, main: Main) -> int:
        try:
            context = self._fetch_context()
        except Refused as error:
            self._stop.set(str(error), superseded=True)
            return self._leave(Ending.stopped(str(error), superseded=True))
        if self._stop.is_set:
            return self._leave(Ending.stopped(self._stop.reason))
        attached = context is not None
        context = context or self._environment.context
        workspace = self._environment.workspace
        items = ItemErrors(context, workspace=workspace)
        checkpoints = Checkpoints(context, workspace=workspace, item_error_count=lambda: items.count)
        items.count = checkpoints.first_item_error_count
        bandwidth = Bandwidth(context.bytes_per_second, stop=self._stop)
        state = State(context, self._stop, checkpoints, bandwidth, items)
        handler = ReportHandler()
        logger = logs.stage_logger(handler)
        reporter = Reporter(state, self._client, handler, attached=attached)
        completion = Completion(state, self._client, handler, self._environment, reporter)
        given = Stage(
            state,
            workspace=workspace,
            artifacts=GatewayArtifacts(self._client, self._stop, first_pause=min(1.0, context.report_period)),
            logger=logger,
            outputs=lambda: self._outputs(reporter),
            flush=reporter.flush,
        )
        guard = Guard(
            self._stop,
            self._deadlines,
            abandon=lambda: completion.finish(Ending.stopped("did not stop in time"), self._deadlines.for_calls()),
            kill=lambda: self._kill(completion.exit_code(EXIT_STOPPED)),
        )
        reporter.start()
        try:
            ending = ending_of(main, given)
            return completion.finish(ending, self._deadlines.for_calls(self._environment.patience))
        finally:
            guard.done()
            logger.removeHandler(handler)

    def _fetch_context(self) -> Context | None:
        """The gateway's context; None when there is no gateway, or none in the time that patience allows."""
        if self._client is None:
            return None
        backoff = Backoff(0.1, 5.0)
        deadline = time.monotonic() + self._environment.patience
        while not self._stop.is_set:
            try:
                return self._environment.context.updated(self._client.context())
            except (GatewayAway, ValueError, TypeError, KeyError, AttributeError) as error:
                pause = backoff.pause(error if isinstance(error, GatewayAway) else None)
                if time.monotonic() + pause > deadline:
                    log.warning("starting without the gateway: %s", error)
                    return None
                self._stop.wait(pause)
        return None

    def _outputs(self, reporter: Reporter) -> dict[str, dict[str, Any]]:
        context = reporter.wait_for_context(self._environment.patience)
        if context is None:
            self._stop.check()
            raise TransientError("the gateway, which has the outputs of earlier stages, is away", reason="GatewayAway")
        return context.outputs

    def _leave(self, ending: Ending) -> int:
        write_termination_message(self._environment.termination_log, ending.to_json(1))
        return ending.exit_code
