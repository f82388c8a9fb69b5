"""How a stage ended: what ``main`` did, as the ``complete`` call, the termination message and the exit code say it."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from asynctask_stage import checkpoints, texts
from asynctask_stage.errors import ErrorClass, Failure, PermanentError, Stopped, Superseded, classify
from asynctask_stage.stages import Stage

Main = Callable[[Stage], Mapping[str, Any] | None]

OUTPUTS_BYTES = 16 * 1024
TERMINATION_BYTES = 4096
EXIT_PARTIAL = 3
EXIT_STOPPED = 143
_EXIT_CODES = {ErrorClass.PERMANENT: 65, ErrorClass.TRANSIENT: 75, ErrorClass.THROTTLED: 76}

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """The four ends of a pod."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Ending:
    """The end of a stage's pod."""

    outcome: Outcome
    error_class: ErrorClass | None = None
    reason: str | None = None
    message: str | None = None
    outputs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def failed(cls, failure: Failure) -> "Ending":
        """The end that this failure makes."""
        return cls(Outcome.FAILED, failure.error_class, failure.reason, failure.message)

    @classmethod
    def stopped(cls, message: str, *, superseded: bool = False) -> "Ending":
        """Stopped on request, or because another pod has the stage."""
        return cls(Outcome.STOPPED, None, "Superseded" if superseded else "Stopped", texts.message(message))

    @property
    def exit_code(self) -> int:
        """The exit code of the protocol."""
        match self.outcome:
            case Outcome.SUCCEEDED:
                return 0
            case Outcome.PARTIAL:
                return EXIT_PARTIAL
            case Outcome.STOPPED:
                return EXIT_STOPPED
        return _EXIT_CODES[self.error_class or ErrorClass.TRANSIENT]

    def to_json(
        self,
        sequence: int,
        *,
        progress: Mapping[str, Any] | None = None,
        items: list[dict[str, Any]] | None = None,
        item_count: int = 0,
    ) -> dict[str, Any]:
        """The body of ``complete``."""
        body: dict[str, Any] = {
            "sequence": sequence,
            "outcome": self.outcome,
            "class": self.error_class,
            "reason": self.reason,
            "message": self.message,
        }
        if self.outputs:
            body["outputs"] = self.outputs
        if progress is not None:
            body["progress"] = dict(progress)
        if items:
            body["itemErrors"] = items
        if item_count:
            body["itemErrorCount"] = item_count
        return body


def ending_of(main: Main, stage: Stage) -> Ending:
    """Run ``main`` to its end, whatever that is."""
    try:
        outputs = _checked(main(stage))
    except Superseded as error:
        return Ending.stopped(str(error), superseded=True)
    except Stopped as error:
        return Ending.stopped(str(error))
    except SystemExit as error:
        return _of_exit(error, stage)
    except KeyboardInterrupt:
        return Ending.stopped("interrupted")
    except BaseException as error:
        failure = classify(error)
        log.exception("the stage failed: %s", failure.reason)
        if stage.stopping and failure.error_class is not ErrorClass.PERMANENT:
            # What breaks because of the stop, such as a child that got the signal too, is no failure of the stage.
            return Ending.stopped(failure.message)
        return Ending.failed(failure)
    return _done(stage, outputs)


def _done(stage: Stage, outputs: dict[str, Any]) -> Ending:
    count = stage.item_error_count
    if not count:
        return Ending(Outcome.SUCCEEDED, outputs=outputs)
    total = stage.items_total
    of_total = f" of {total}" if total is not None and total >= count else ""
    return Ending(Outcome.PARTIAL, None, "ItemsFailed", f"{count}{of_total} items failed", outputs)


def _checked(outputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The outputs as they will be read; ``PermanentError`` when they are not a JSON object of at most 16 KiB."""
    if outputs is None:
        return {}
    if not isinstance(outputs, Mapping):
        kind = type(outputs).__name__
        raise PermanentError(f"main must return a mapping or None, not {kind}", reason="InvalidOutputs")
    try:
        loaded: dict[str, Any] = json.loads(checkpoints.encode(outputs, "outputs", OUTPUTS_BYTES))
    except (TypeError, ValueError) as error:
        raise PermanentError(str(error), reason="InvalidOutputs") from error
    return loaded


def _of_exit(error: SystemExit, stage: Stage) -> Ending:
    """``sys.exit`` in a stage means what the exit code means in the protocol."""
    if error.code in (None, 0):
        return _done(stage, {})
    if error.code == EXIT_PARTIAL:
        return Ending(Outcome.PARTIAL, None, "ItemsFailed", "some items failed")
    if error.code == EXIT_STOPPED:
        return Ending.stopped("the stage stopped itself")
    kind = next((kind for kind, code in _EXIT_CODES.items() if code == error.code), ErrorClass.TRANSIENT)
    message = f"exited with {error.code}" if isinstance(error.code, int) else str(error.code)
    return Ending.failed(Failure(kind, "Exited", texts.message(message)))


def termination_message(body: Mapping[str, Any]) -> bytes:
    """The body of ``complete`` in at most 4096 bytes: what does not fit is left out, the reason never."""
    kept = dict(body)
    for dispensable in ("itemErrors", "outputs", "progress"):
        content = _dump(kept)
        if len(content) <= TERMINATION_BYTES:
            return content
        kept.pop(dispensable, None)
    if len(_dump(kept)) > TERMINATION_BYTES:
        kept["message"] = texts.clip(str(kept.get("message") or ""), 512)
    return _dump(kept)


def write_termination_message(path: Path, body: Mapping[str, Any]) -> None:
    """Leave the termination message; where that fails the exit code must do."""
    try:
        path.write_bytes(termination_message(body))
    except OSError as error:
        log.info("no termination message: %s", error)


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
