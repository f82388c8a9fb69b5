"""A gateway for tests: real HTTP on loopback, the rules of the protocol, and switches for what goes wrong."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asynctask_stage.testing import rules
from asynctask_stage.testing.servers import Answer, Server

WAIT_SECONDS = 20.0
POLL_SECONDS = 0.02


@dataclass
class Failure:
    """An answer that the next calls get in place of the proper one."""

    times: int
    status: int
    code: str = "Unavailable"
    field: str | None = None
    retry_after: float | None = None
    path: str = ""


class FakeGateway:
    """Serves one stage. Use as a context manager; each ``env()`` is a new pod with a token of its own.

    ``reports``, ``completions``, ``artifacts`` and ``refusals`` (pairs of pod and code) hold what came in.
    All may be read at any time; ``wait_for`` waits for a condition on them.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Mapping[str, Any]] | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        bytes_per_second: float | None = None,
        report_period: float = 0.05,
        checkpoint_period: float = 0.1,
        run: int = 1,
        stage: str = "content",
    ) -> None:
        self.config = dict(config or {})
        self.outputs = {name: dict(value) for name, value in (outputs or {}).items()}
        self.checkpoint = dict(checkpoint) if checkpoint is not None else None
        self.checkpoint_sequence = 1 if checkpoint is not None else 0
        self.reports: list[dict[str, Any]] = []
        self.completions: list[dict[str, Any]] = []
        self.artifacts: dict[str, bytes] = {}
        self.retry_items: str | None = None
        """The artifact with the items that the run is to try again; put it into ``artifacts``."""
        self.refusals: list[tuple[int, str]] = []
        self.holder = 0
        self.calls = 0
        self._sequence = 0
        self._periods = (report_period, checkpoint_period)
        self._names = (run, stage)
        self._rate = bytes_per_second
        self._command = "continue"
        self._is_down = False
        self._delay = 0.0
        self._failures: list[Failure] = []
        self._refusal: tuple[int, str] | None = None
        self._pods: dict[str, int] = {}
        self._changed = threading.Condition()
        self._server = Server(self.answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "FakeGateway":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def env(
        self,
        directory: Path,
        *,
        workspace: Path | None = None,
        attempt: int = 1,
        grace: float = 10.0,
        patience: float = 2.0,
    ) -> dict[str, str]:
        """The variables of a new pod. Its token and termination message are files in ``directory``."""
        with self._changed:
            pod = len(self._pods) + 1
            token = f"token-of-pod-{pod}"
            self._pods[token] = pod
        token_file = directory / f"token-{pod}"
        token_file.write_text(token)
        run, stage = self._names
        variables = {
            "ASYNCTASK_TASK": "test",
            "ASYNCTASK_RUN": str(run),
            "ASYNCTASK_STAGE": stage,
            "ASYNCTASK_ATTEMPT": str(attempt),
            "ASYNCTASK_CONFIG": json.dumps(self.config),
            "ASYNCTASK_GATEWAY_URL": self.url,
            "ASYNCTASK_TOKEN_FILE": str(token_file),
            "ASYNCTASK_GRACE_SECONDS": str(grace),
            "ASYNCTASK_PATIENCE_SECONDS": str(patience),
            "ASYNCTASK_TERMINATION_LOG": str(directory / f"termination-{pod}"),
        }
        return variables | ({"ASYNCTASK_WORKSPACE": str(workspace)} if workspace else {})

    def down(self) -> None:
        """Hang up on every call."""
        self._is_down = True

    def up(self) -> None:
        """Answer again."""
        self._is_down = False

    def slow(self, seconds: float) -> None:
        """Take so long for each answer."""
        self._delay = seconds

    def fail(
        self,
        times: int,
        status: int,
        code: str = "Unavailable",
        *,
        field: str | None = None,
        retry_after: float | None = None,
        path: str = "",
    ) -> None:
        """Answer the next calls (those with ``path`` in their path) with an error."""
        with self._changed:
            self._failures.append(Failure(times, status, code, field, retry_after, path))

    def stale(self) -> None:
        """Tell the present pods that a newer one has the stage (409)."""
        self._refusal = (409, "StaleAttempt")

    def gone(self) -> None:
        """Tell them that the task was deleted (410)."""
        self._refusal = (410, "StageGone")

    def revoke(self) -> None:
        """Take no token any more (401)."""
        self._pods.clear()

    def command(self, command: str) -> None:
        """Say ``stop`` from now on, or ``checkpoint`` once, or ``continue``."""
        self._command = command

    def rate(self, bytes_per_second: float | None) -> None:
        """Allow so much from the next answer on."""
        self._rate = bytes_per_second

    def wait_for(self, condition: Callable[["FakeGateway"], Any], timeout: float = WAIT_SECONDS) -> None:
        """Wait until ``condition(gateway)`` is true; ``TimeoutError`` otherwise."""
        deadline = time.monotonic() + timeout
        with self._changed:
            # Looked at between calls too, because a condition may be about the process as well.
            while not self._changed.wait_for(lambda: condition(self), POLL_SECONDS):
                if time.monotonic() < deadline:
                    continue
                raise TimeoutError(f"the condition did not come true; {self.calls} calls, last {self.reports[-1:]}")

    def answer(self, method: str, path: str, token: str, content: bytes) -> Answer | None:
        """The answer to one call; None hangs up."""
        if self._delay:
            time.sleep(self._delay)
        with self._changed:
            self.calls += 1
            try:
                return None if self._is_down else self._answer(method, path, token, content)
            finally:
                self._changed.notify_all()

    def _answer(self, method: str, path: str, token: str, content: bytes) -> Answer:
        failure = next((failure for failure in self._failures if failure.times and failure.path in path), None)
        if failure:
            failure.times -= 1
            answer = Answer.error(failure.status, failure.code, field=failure.field)
            after = {"Retry-After": str(failure.retry_after)} if failure.retry_after is not None else {}
            return Answer(answer.status, answer.body, after)
        pod = self._pods.get(token)
        if pod is None:
            return Answer.error(401, "InvalidToken")
        is_ghost = pod < self.holder or (pod != self.holder and not path.endswith("/context"))
        refusal = self._refusal or ((409, "StaleAttempt") if is_ghost else None)
        if refusal:
            self.refusals.append((pod, refusal[1]))
            return Answer.error(*refusal)
        return self._serve(method, path, pod, content)

    def _serve(self, method: str, path: str, pod: int, content: bytes) -> Answer:
        match method, path.removeprefix("/stage/v1/").split("/"):
            case "GET", ["context"]:
                self.holder = pod
                self._sequence = 0
                return Answer.of(self._context())
            case "POST", ["report"]:
                return self._checked(content, rules.check_report, self._report)
            case "POST", ["complete"]:
                return self._checked(content, rules.check_complete, self._complete)
            case "PUT", ["artifacts", name]:
                self.artifacts[name] = content
                return Answer.of({})
            case "GET", ["artifacts", name] if name in self.artifacts:
                return Answer(200, self.artifacts[name])
        return Answer.error(404, "NotFound")

    def _checked(
        self,
        content: bytes,
        check: Callable[[Mapping[str, Any]], None],
        serve: Callable[[dict[str, Any]], Answer],
    ) -> Answer:
        body = json.loads(content)
        try:
            check(body)
        except rules.Violation as error:
            return Answer.error(400, "InvalidReport", str(error), field=error.field)
        return serve(body)

    def _context(self) -> dict[str, Any]:
        run, stage = self._names
        point = {"sequence": self.checkpoint_sequence, "data": self.checkpoint} if self.checkpoint is not None else None
        return {
            "task": {"namespace": "test", "name": "test", "uid": "0", "type": "test"},
            "run": run,
            "stage": stage,
            "attempt": self.holder,
            "config": self.config,
            "outputs": self.outputs,
            "checkpoint": point,
            "retryItems": self.retry_items,
            "bytesPerSecond": self._rate,
            "reportPeriodSeconds": self._periods[0],
            "checkpointPeriodSeconds": self._periods[1],
        }

    def _report(self, body: dict[str, Any]) -> Answer:
        if body["sequence"] <= self._sequence:
            return Answer.error(400, "InvalidReport", "must grow", field="sequence")
        self._sequence = body["sequence"]
        self.reports.append(body)
        if "checkpoint" in body:
            self.checkpoint, self.checkpoint_sequence = body["checkpoint"], body["sequence"]
        command = self._command
        if command == "checkpoint":
            self._command = "continue"
        return Answer.of(
            {
                "acknowledgedSequence": body["sequence"],
                "checkpointSequence": self.checkpoint_sequence,
                "command": command,
                "bytesPerSecond": self._rate,
            }
        )

    def _complete(self, body: dict[str, Any]) -> Answer:
        self.completions.append(body)
        return Answer.of({"acknowledged": True})
