"""Items that failed while the rest of the stage went on: what makes an outcome ``partial``."""

import json
import logging
import os
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asynctask_stage import texts
from asynctask_stage.contexts import Context
from asynctask_stage.errors import ErrorClass

PENDING = 10_000
"""Details kept while the gateway is away; the count goes on, and a workspace has them all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ItemError:
    """One failed item, for people and for a retry of just those."""

    path: str
    error_class: ErrorClass
    reason: str
    message: str

    @classmethod
    def of(cls, path: str | bytes | os.PathLike[Any], error_class: str, reason: str, message: str) -> "ItemError":
        """Bounded and cleaned; ``ValueError`` for a class that is none."""
        return cls(
            path=texts.clip(os.fsdecode(path), texts.PATH_BYTES),
            error_class=ErrorClass(error_class),
            reason=texts.reason(reason),
            message=texts.message(message),
        )

    def to_json(self) -> dict[str, Any]:
        """As a report has it."""
        return {"path": self.path, "class": self.error_class, "reason": self.reason, "message": self.message}


class ItemErrors:
    """The count, the details not sent yet, and all of them as lines of JSON in the workspace.

    After a resume the file may name an item twice, when it failed again after the checkpoint; the last line holds.
    """

    def __init__(self, context: Context, *, workspace: Path | None = None) -> None:
        self.path = workspace / ".asynctask" / f"r{context.run}-{context.stage}-items.jsonl" if workspace else None
        self.count = 0
        self._lock = threading.Lock()
        self._pending: deque[ItemError] = deque(maxlen=PENDING)
        self._unwritten: list[ItemError] = []

    def add(self, item: ItemError) -> None:
        """Count it and keep it for the next report."""
        with self._lock:
            self.count += 1
            self._pending.append(item)
            if self.path:
                self._unwritten.append(item)

    def take(self, limit: int) -> list[ItemError]:
        """The oldest details not sent yet."""
        with self._lock:
            return [self._pending.popleft() for _ in range(min(limit, len(self._pending)))]

    def put_back(self, items: list[ItemError]) -> None:
        """They were not delivered; when newer ones fill the room, the oldest go."""
        with self._lock:
            room = PENDING - len(self._pending)
            self._pending.extendleft(reversed(items[max(0, len(items) - room) :]))

    @property
    def pending_count(self) -> int:
        """How many wait to be sent."""
        return len(self._pending)

    def write(self) -> None:
        """Append the new ones to the file in the workspace; an error is logged, not raised."""
        with self._lock:
            items, self._unwritten = self._unwritten, []
        if not items or self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(item.to_json(), ensure_ascii=False) + "\n" for item in items)
        except OSError as error:
            log.warning("cannot write item errors into the workspace: %s", error)
