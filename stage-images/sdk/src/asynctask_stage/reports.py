"""One report: gathered from the state, sent, mended where the gateway objects, put back where it is away."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asynctask_stage.checkpoints import Snapshot
from asynctask_stage.clients import Invalid
from asynctask_stage.items import ItemError
from asynctask_stage.logs import ReportHandler
from asynctask_stage.stages import State

PER_CALL = 100
"""Log lines, and item errors, that one call may carry."""

_TRIES = 12
_FIELD = re.compile(r"(\w+)(?:[.\[](\d+))?")

log = logging.getLogger(__name__)


@dataclass
class Report:
    """A report on its way."""

    state: State
    handler: ReportHandler
    sequence: int
    snapshot: Snapshot | None
    progress: dict[str, Any] | None
    used: float | None
    lines: list[dict[str, Any]]
    items: list[ItemError]
    item_count: int
    dropped: set[str] = field(default_factory=set)

    @classmethod
    def gather(cls, state: State, handler: ReportHandler) -> "Report":
        """Take the newest of everything."""
        snapshot = state.checkpoints.unsent()
        return cls(
            state=state,
            handler=handler,
            sequence=snapshot.sequence if snapshot else state.checkpoints.next_sequence(),
            snapshot=snapshot,
            progress=state.progress.to_json(),
            used=state.bandwidth.used(),
            lines=handler.take(PER_CALL),
            items=state.items.take(PER_CALL),
            item_count=state.items.count,
        )

    def to_json(self) -> dict[str, Any]:
        """The body, without what is empty and what the gateway did not want."""
        body: dict[str, Any] = {"sequence": self.sequence}
        if self.progress is not None:
            body["progress"] = self.progress
        if self.used is not None:
            body["usedBytesPerSecond"] = int(self.used)
        if self.snapshot is not None:
            body["checkpoint"] = self.snapshot.data
        if self.lines:
            body["log"] = self.lines
        if self.items:
            body["itemErrors"] = [item.to_json() for item in self.items]
        if self.item_count:
            body["itemErrorCount"] = self.item_count
        return {key: value for key, value in body.items() if key not in self.dropped}

    def send(self, call: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Send, dropping what the gateway objects to, until it takes the rest.

        The answer; ``{}`` when it takes nothing at all.
        """
        for _ in range(_TRIES):
            body = self.to_json()
            try:
                answer = call(body)
            except Invalid as error:
                log.warning("the gateway did not take a report: %s", error)
                if len(body) == 1:
                    return {}
                if error.too_large:
                    self._shrink()
                else:
                    self._drop(error.field)
            else:
                self._acknowledge(answer)
                return answer
        return {}

    def put_back(self) -> None:
        """Not delivered: the next report takes it along."""
        self.handler.put_back(self.lines)
        self.state.items.put_back(self.items)

    def _acknowledge(self, answer: Mapping[str, Any]) -> None:
        if self.snapshot is None or "checkpoint" in self.dropped:
            return
        durable = answer.get("checkpointSequence")
        if isinstance(durable, int) and durable >= self.snapshot.sequence:
            self.state.checkpoints.acknowledge(self.snapshot.generation)

    def _drop(self, path: str) -> None:
        """Leave out the part named, one entry where it names one, everything where it names none."""
        match = _FIELD.match(path)
        name, index = (match[1], match[2]) if match else ("", None)
        lists: dict[str, list[Any]] = {"log": self.lines, "itemErrors": self.items}
        entries = lists.get(name)
        if entries is not None and index is not None and int(index) < len(entries):
            del entries[int(index)]
        elif name in self.to_json() and name != "sequence":
            self._drop_part(name)
        else:
            for part in self.to_json().keys() - {"sequence"}:
                self._drop_part(part)

    def _shrink(self) -> None:
        """Send less: half of the lists now, the rest later; then without lists, checkpoint, progress in turn."""
        if len(self.lines) > 1 or len(self.items) > 1:
            half, other_half = len(self.lines) // 2, len(self.items) // 2
            self.handler.put_back(self.lines[half:])
            self.state.items.put_back(self.items[other_half:])
            self.lines, self.items = self.lines[:half], self.items[:other_half]
            return
        body = self.to_json()
        self._drop_part(
            next(
                part
                for part in ("log", "itemErrors", "checkpoint", "progress", "itemErrorCount", "usedBytesPerSecond")
                if part in body
            )
        )

    def _drop_part(self, name: str) -> None:
        self.dropped.add(name)
        if name == "checkpoint" and self.snapshot is not None:
            self.state.checkpoints.refuse(self.snapshot.generation)
