"""The last checkpoint of a stage: kept in memory, in the workspace and, through reports, at the gateway."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asynctask_stage.contexts import Checkpoint, Context
from asynctask_stage.errors import Superseded

MAX_BYTES = 32 * 1024
"""Largest checkpoint; what is bigger belongs into the workspace, named by the checkpoint."""

ITEM_ERRORS_KEY = "_itemErrors"
"""Where a checkpoint carries the count of item errors up to it: who resumes must still end ``partial``."""

log = logging.getLogger(__name__)


class LocalFile:
    """The checkpoint in the workspace: written to a temporary name, synced, renamed.

    It serves without a gateway, and when the pod dies while the gateway is away.
    """

    def __init__(self, workspace: Path, *, run: int, stage: str, attempt: int) -> None:
        self.path = workspace / ".asynctask" / f"r{run}-{stage}.json"
        self._attempt = attempt

    def read(self) -> Checkpoint | None:
        """The checkpoint, or None. A file that can't be understood is set aside as ``*.corrupt`` and warned of."""
        body = self._read()
        return Checkpoint(body["sequence"], body["data"]) if body else None

    def write(self, checkpoint: Checkpoint) -> None:
        """Make the checkpoint durable.

        ``OSError`` when the workspace fails, ``Superseded`` when a newer attempt has written there.
        """
        body = self._read()
        if body and body["attempt"] > self._attempt:
            raise Superseded(f"attempt {body['attempt']} has the workspace")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.tmp")
        content = {"sequence": checkpoint.sequence, "attempt": self._attempt, "data": checkpoint.data}
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        _sync_directory(self.path.parent)

    def _read(self) -> dict[str, Any] | None:
        try:
            return _parse(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("cannot read the checkpoint in the workspace: %s", error)
            return None
        except ValueError as error:
            aside = self.path.with_name(f"{self.path.name}.corrupt")
            log.warning("ignoring a corrupt checkpoint, set aside as %s: %s", aside.name, error)
            try:
                self.path.replace(aside)
            except OSError as cause:
                log.warning("cannot set it aside: %s", cause)
            return None


@dataclass(frozen=True)
class Snapshot:
    """One saved state on its way out: ``generation`` counts the saves of this pod, ``sequence`` orders it for all."""

    generation: int
    sequence: int
    data: dict[str, Any]


class Checkpoints:
    """The newest saved state, and where it has arrived.

    Sequences are given out here, under the lock that guards the newest state, so a newer state never leaves with a
    lower sequence than an older one.
    """

    def __init__(
        self,
        context: Context,
        *,
        workspace: Path | None = None,
        item_error_count: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.period = context.checkpoint_period
        """Seconds between two writes into the workspace, and until the registered callable is asked again."""
        self._item_error_count = item_error_count
        self._local = (
            LocalFile(workspace, run=context.run, stage=context.stage, attempt=context.attempt) if workspace else None
        )
        local = self._local.read() if self._local else None
        found = [point for point in (context.checkpoint, local) if point]
        newest = max(found, key=lambda point: point.sequence, default=None)
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._sequence = newest.sequence if newest else 0
        data = dict(newest.data) if newest else {}
        count = data.pop(ITEM_ERRORS_KEY, 0)
        self.first_item_error_count: int = count if type(count) is int and count > 0 else 0
        self._text: str | None = json.dumps(data) if newest else None
        self._count = self.first_item_error_count
        # What only one of the two places has goes to the other one as well.
        self._generation = 1 if newest else 0
        self._written = 1 if newest is not None and newest is local else 0
        self._refused = 0
        self._acknowledged = 1 if newest is not None and newest is not local else 0
        self._saved_at = self._written_at = clock()
        self._requested = False

    @property
    def data(self) -> dict[str, Any] | None:
        """A copy of the newest state, this pod's or the one it resumed from."""
        text = self._text
        return None if text is None else json.loads(text)

    @property
    def is_requested(self) -> bool:
        """Whether a fresh checkpoint is due: asked for by the gateway, or a period after the last."""
        return self._requested or self._clock() - self._saved_at >= self.period

    def request(self) -> None:
        """The gateway wants one now."""
        self._requested = True

    def skip(self) -> None:
        """Nothing new to save: be asked again a period from now."""
        self._saved_at = self._clock()
        self._requested = False

    def next_sequence(self) -> int:
        """The sequence of the next call."""
        with self._lock:
            self._sequence += 1
            return self._sequence

    def raise_sequence(self, least: int) -> None:
        """Go on after ``least``, which the gateway knew and this pod did not."""
        with self._lock:
            self._sequence = max(self._sequence, least)

    def save(self, data: Mapping[str, Any]) -> int:
        """Remember a state, frozen as it is now, and return its generation.

        Raises ``TypeError`` or ``ValueError`` when it is not a JSON object of at most 32 KiB.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"a checkpoint must be a mapping, not {type(data).__name__}")
        text = encode(data, "checkpoint", MAX_BYTES - 64)
        with self._lock:
            self._text = text
            self._count = self._item_error_count()
            self._generation += 1
            generation = self._generation
            self._saved_at = self._clock()
            self._requested = False
        return generation

    def unsent(self) -> Snapshot | None:
        """The state that the gateway has not acknowledged, with a new sequence; None when it has the newest."""
        return self._snapshot(max(self._acknowledged, self._refused))

    @property
    def has_unsent(self) -> bool:
        """Whether the gateway lacks the newest state, and would take it."""
        return self._generation > max(self._acknowledged, self._refused)

    def is_sent(self, generation: int) -> bool:
        """Whether the gateway has this state or a newer one."""
        return self._acknowledged >= generation

    def is_written(self, generation: int) -> bool:
        """Whether the workspace has this state or a newer one."""
        return self._written >= generation

    def acknowledge(self, generation: int) -> None:
        """The gateway has it."""
        self._acknowledged = max(self._acknowledged, generation)

    def refuse(self, generation: int) -> None:
        """The gateway will never take it: don't send it again."""
        self._refused = max(self._refused, generation)

    def seconds_to_write(self) -> float | None:
        """Seconds until the workspace should be written; None when there is nothing to write."""
        if self._local is None or self._written >= self._generation:
            return None
        return max(0.0, self._written_at + self.period - self._clock())

    def write(self) -> bool:
        """Write the newest state into the workspace now, if it is not there; whether it is there."""
        if self._local is None:
            return False
        with self._write_lock:
            snapshot = self._snapshot(self._written)
            if snapshot is None:
                return True
            self._written_at = self._clock()
            try:
                self._local.write(Checkpoint(snapshot.sequence, snapshot.data))
            except OSError as error:
                log.warning("cannot write the checkpoint into the workspace: %s", error)
                return False
            self._written = snapshot.generation
            return True

    def _snapshot(self, arrived: int) -> Snapshot | None:
        with self._lock:
            if self._generation <= arrived or self._text is None:
                return None
            self._sequence += 1
            data = json.loads(self._text)
            if self._count:
                data[ITEM_ERRORS_KEY] = self._count
            return Snapshot(self._generation, self._sequence, data)


def encode(value: Mapping[str, Any], what: str, limit: int) -> str:
    """``value`` as JSON of at most ``limit`` bytes; ``TypeError`` or ``ValueError`` that names ``what`` otherwise."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the {what} holds a string that is not Unicode; store file names as os.fsencode(name).hex()"
        ) from error
    except (TypeError, ValueError) as error:
        raise type(error)(f"the {what} is not JSON: {error}") from error
    if size > limit:
        raise ValueError(f"the {what} takes {size} bytes, more than {limit}; put bulk into the workspace")
    return text


def _parse(content: bytes) -> dict[str, Any]:
    body = json.loads(content)
    if (
        isinstance(body, dict)
        and type(body.get("sequence")) is int
        and type(body.get("attempt")) is int
        and isinstance(body.get("data"), dict)
    ):
        return body
    raise ValueError("not a checkpoint")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
