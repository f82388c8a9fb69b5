"""What the author of a stage works with."""

import http.client
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asynctask_stage.artifacts import Artifacts
from asynctask_stage.bandwidth import Bandwidth
from asynctask_stage.checkpoints import Checkpoints
from asynctask_stage.contexts import Config, Context, Outputs
from asynctask_stage.errors import PermanentError, Superseded, TransientError
from asynctask_stage.items import ItemError, ItemErrors
from asynctask_stage.progress import Progress
from asynctask_stage.stops import StopFlag

MakeCheckpoint = Callable[[], Mapping[str, Any] | None]

MAKING_SECONDS = 5.0
"""How long to wait for a registered callable that another thread is in; it may hang with the work."""

log = logging.getLogger(__name__)


@dataclass
class State:
    """Everything of a running stage that its threads share; wired once, at the start."""

    context: Context
    stop: StopFlag
    checkpoints: Checkpoints
    bandwidth: Bandwidth
    items: ItemErrors
    progress: Progress = field(default_factory=Progress)
    make_checkpoint: MakeCheckpoint | None = None
    making: threading.Lock = field(default_factory=threading.Lock)

    def save_registered(self) -> bool:
        """Ask the registered callable for a checkpoint and save it; whether there is a new one. Never raises."""
        if self.make_checkpoint is None:
            return False
        if not self.making.acquire(timeout=MAKING_SECONDS):
            return False
        try:
            data = self.make_checkpoint()
            if data is not None:
                self.checkpoints.save(data)
                return True
        except BaseException:  # whatever the author's code raises, the caller's thread goes on
            log.exception("the registered checkpoint failed")
        finally:
            self.making.release()
        self.checkpoints.skip()
        return False


class Stage:
    """One stage of one run, as its ``main`` sees it. All methods may be called from any thread."""

    def __init__(
        self,
        state: State,
        *,
        workspace: Path | None,
        artifacts: Artifacts,
        logger: logging.Logger,
        outputs: Callable[[], Mapping[str, dict[str, Any]]],
        flush: Callable[[int], bool],
    ) -> None:
        self._state = state
        self._outputs = outputs
        self._flush = flush
        self.config = Config(state.context.config)
        self.workspace = workspace
        """A directory that outlives the pod, or None when the stage asked for none."""
        self.artifacts = artifacts
        self.log = logger
        """To stdout and, bounded, into the task's log."""
        self.bandwidth = state.bandwidth
        """``stage.bandwidth.take(n_bytes)`` waits until so much may be moved."""

    @property
    def context(self) -> Context:
        """Task, run, stage and attempt, as known at the start."""
        return self._state.context

    @property
    def outputs(self) -> Outputs:
        """What the earlier stages returned, by stage name.

        ``TransientError`` when the gateway, which has them, stays away.
        """
        return Outputs(self._outputs())

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        """A copy of the last checkpoint, of this pod or of one before; None when there is none."""
        return self._state.checkpoints.data

    @property
    def stopping(self) -> bool:
        """Whether the stage was asked to stop."""
        return self._state.stop.is_set

    @property
    def checkpoint_requested(self) -> bool:
        """Whether it is time for a checkpoint: asked for, a period after the last, or stopping."""
        return self._state.checkpoints.is_requested or self.stopping

    @property
    def item_error_count(self) -> int:
        """Items failed so far, those before the checkpoint that the stage resumed from included."""
        return self._state.items.count

    @property
    def items_total(self) -> int | None:
        """The total last told to ``progress``."""
        total = self._state.progress.items_total
        return None if total is None else int(total)

    def progress(
        self,
        *,
        bytes_done: float | None = None,
        bytes_total: float | None = None,
        items_done: float | None = None,
        items_total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Tell how far the stage is; what is not given stays. Cheap enough for an inner loop.

        Counts go on over a resume, and rate and time left are worked out here. ``ValueError`` when a number is
        negative or not finite.
        """
        self._state.progress.update(
            bytes_done=bytes_done,
            bytes_total=bytes_total,
            items_done=items_done,
            items_total=items_total,
            message=message,
        )

    def save(self, data: Mapping[str, Any], *, now: bool = False) -> bool:
        """Remember a checkpoint: a JSON object of at most 32 KiB, frozen as it is now.

        It goes out with the next report, and into the workspace at most once a checkpoint period. With ``now`` the call
        returns when it is durable, at the gateway or, while that is away, in the workspace; False means that
        neither could be had. ``TypeError`` or ``ValueError`` when it is not such an object.
        """
        generation = self._state.checkpoints.save(data)
        if not now:
            return False
        if self._state.stop.is_superseded:
            raise Superseded(self._state.stop.reason)
        self._state.items.write()
        try:
            written = self._state.checkpoints.write()
        except Superseded as error:
            self._state.stop.set(str(error), superseded=True)
            raise
        sent = self._flush(generation)
        if self._state.stop.is_superseded:
            raise Superseded(self._state.stop.reason)
        return written or sent

    def register_checkpoint(self, make: MakeCheckpoint | None) -> None:
        """Have ``make`` asked for a checkpoint whenever one is due, and when the stage stops.

        It is called from another thread, so build the mapping from values that change together under a lock; return
        None when there is nothing new. Its errors are logged and lose only that checkpoint.
        """
        self._state.make_checkpoint = make

    def check(self) -> None:
        """Raise ``Stopped`` when asked to stop, ``Superseded`` when nothing may be touched any more."""
        self._state.stop.check()

    def sleep(self, seconds: float) -> None:
        """Sleep, but raise ``Stopped`` at once when asked to stop."""
        self._state.stop.wait(seconds)
        self._state.stop.check()

    def retry_items(self) -> frozenset[str] | None:
        """The paths that the run is to try again, spelt as ``item_error`` told them; None: everything is to be done.

        ``TransientError`` when the gateway, which has the list, stays away; ``PermanentError`` when the list is gone.
        """
        name = self.context.retry_items
        if not name:
            return None
        try:
            with self.artifacts.open(name) as stream:
                return frozenset(str(json.loads(line)["path"]) for line in stream if line.strip())
        except FileNotFoundError as error:
            raise PermanentError("the list of items to try again is gone", reason="RetryItemsMissing") from error
        except (ValueError, KeyError, TypeError) as error:
            raise PermanentError(f"not a list of items: {error}", reason="RetryItemsDamaged") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise TransientError(f"lost the gateway: {error!r}", reason="GatewayAway") from error

    def item_error(
        self,
        path: str | bytes | os.PathLike[Any],
        *,
        reason: str,
        message: str = "",
        error_class: str = "permanent",
    ) -> None:
        """Record an item that failed while the rest goes on; the outcome becomes ``partial``.

        Record each once: the count up to a checkpoint comes back with the checkpoint.
        """
        self._state.items.add(ItemError.of(path, error_class, reason, message))
