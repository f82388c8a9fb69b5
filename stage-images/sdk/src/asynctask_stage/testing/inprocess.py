"""Run ``main`` in the test's own process and thread, with nothing around it."""

import contextlib
import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asynctask_stage.artifacts import Source, check_digest
from asynctask_stage.bandwidth import Bandwidth
from asynctask_stage.checkpoints import ITEM_ERRORS_KEY, Checkpoints
from asynctask_stage.contexts import Checkpoint, Context
from asynctask_stage.endings import Main, Outcome, ending_of
from asynctask_stage.errors import ErrorClass
from asynctask_stage.items import ItemError, ItemErrors
from asynctask_stage.stages import Stage, State
from asynctask_stage.stops import StopFlag


class SavedCheckpoint(dict[str, Any]):
    """A checkpoint as the author saved it, with the count of item errors that goes along."""

    def __init__(self, data: Mapping[str, Any], item_error_count: int) -> None:
        super().__init__(json.loads(json.dumps(data)))
        self.item_error_count = item_error_count

    def to_context(self) -> Checkpoint:
        """As the gateway would give it to the next pod."""
        return Checkpoint(1, {**self, ITEM_ERRORS_KEY: self.item_error_count})


@dataclass
class Result:
    """What a run of ``main`` came to."""

    outcome: Outcome
    exit_code: int
    error_class: ErrorClass | None
    reason: str | None
    message: str | None
    outputs: dict[str, Any]
    progress: list[dict[str, Any]] = field(default_factory=list)
    """The arguments of each ``stage.progress`` call."""
    checkpoints: list[SavedCheckpoint] = field(default_factory=list)
    """Each checkpoint saved, the registered one of a stop included."""
    item_errors: list[ItemError] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)

    @property
    def checkpoint(self) -> SavedCheckpoint | None:
        """The last checkpoint saved, to resume from in the next ``run_stage``."""
        return self.checkpoints[-1] if self.checkpoints else None


class MemoryArtifacts:
    """Artifacts in a dictionary."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content

    def put(self, name: str, source: Source) -> None:
        """Store."""
        if isinstance(source, bytes):
            self.content[name] = source
        elif isinstance(source, Path):
            self.content[name] = source.read_bytes()
        else:
            self.content[name] = source.read() if hasattr(source, "read") else b"".join(source)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Read."""
        if name not in self.content:
            raise FileNotFoundError(2, "no such artifact", name)
        yield io.BytesIO(self.content[name])

    def get(self, name: str, path: Path, *, digest: str = "") -> None:
        """Fetch."""
        with self.open(name) as stream:
            content = stream.read()
        if digest:
            check_digest(name, digest, hashlib.sha256(content).hexdigest())
        path.write_bytes(content)


class _RecordingStage(Stage):
    """A stage that keeps what it is told, and may be stopped by a condition on it."""

    recorded: Result
    stop_when: Callable[[Result], bool] | None = None

    def _look(self) -> None:
        if self.stop_when is not None and not self._state.stop.is_set and self.stop_when(self.recorded):
            self._state.stop.set("the test said stop")

    @property
    def stopping(self) -> bool:
        self._look()
        return super().stopping

    def progress(self, **told: Any) -> None:
        super().progress(**told)
        self.recorded.progress.append(told)
        self._look()

    def save(self, data: Mapping[str, Any], *, now: bool = False) -> bool:
        durable = super().save(data, now=now)
        self.recorded.checkpoints.append(SavedCheckpoint(data, self.item_error_count))
        self._look()
        return durable

    def check(self) -> None:
        self._look()
        super().check()

    def sleep(self, seconds: float) -> None:
        self._look()
        super().sleep(seconds)

    def item_error(self, path: Any, **told: Any) -> None:
        super().item_error(path, **told)
        self.recorded.item_errors.append(
            ItemError.of(path, told.get("error_class", "permanent"), told["reason"], told.get("message", ""))
        )
        self._look()


def run_stage(
    main: Main,
    *,
    config: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    workspace: Path | None = None,
    artifacts: Mapping[str, bytes] | None = None,
    bytes_per_second: float | None = None,
    retry_items: str = "",
    stop_when: Callable[[Result], bool] | None = None,
) -> Result:
    """Run ``main`` to its end in this thread: no gateway, no signals, no process exit.

    ``stop_when`` is looked at after each ``progress``, ``save`` and ``item_error`` and before each ``check`` and
    ``sleep``; the stage is asked to stop once it is true. Resume with ``run_stage(..., checkpoint=result.checkpoint)``.
    """
    resumed = (
        SavedCheckpoint(checkpoint, getattr(checkpoint, "item_error_count", 0)) if checkpoint is not None else None
    )
    context = Context(
        task="test",
        config=dict(config or {}),
        outputs={name: dict(given) for name, given in (outputs or {}).items()},
        checkpoint=resumed.to_context() if resumed is not None else None,
        bytes_per_second=bytes_per_second,
        retry_items=retry_items,
    )
    stop = StopFlag()
    items = ItemErrors(context, workspace=workspace)
    checkpoints = Checkpoints(context, item_error_count=lambda: items.count)
    items.count = checkpoints.first_item_error_count
    state = State(context, stop, checkpoints, Bandwidth(bytes_per_second, stop=stop), items)
    store = MemoryArtifacts(dict(artifacts or {}))
    result = Result(Outcome.FAILED, 1, None, None, None, {}, artifacts=store.content)
    stage = _RecordingStage(
        state,
        workspace=workspace,
        artifacts=store,
        logger=logging.getLogger("stage"),
        outputs=lambda: context.outputs,
        flush=lambda _generation: True,
    )
    stage.recorded = result
    stage.stop_when = stop_when
    ending = ending_of(main, stage)
    if ending.outcome is Outcome.STOPPED and state.save_registered():
        result.checkpoints.append(SavedCheckpoint(checkpoints.data or {}, items.count))
    items.write()
    result.outcome, result.exit_code, result.outputs = ending.outcome, ending.exit_code, ending.outputs
    result.error_class, result.reason, result.message = ending.error_class, ending.reason, ending.message
    return result
