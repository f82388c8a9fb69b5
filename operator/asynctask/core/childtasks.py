"""The tasks that a stage starts, by their position: which there are, how they ended, which come next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import ItemErrors, TaskResults
from asynctask.api.templates import ChildTemplate, TaskStage
from asynctask.core import expressions, manifests, positions
from asynctask.core.expressions import ExpressionError
from asynctask.core.gate import Gate
from asynctask.core.others import BAD_ENDS, End, Other
from asynctask.core.plan import Body

ENDS: dict[str, End] = {"succeeded": "Succeeded", "partial": "PartiallySucceeded", "failed": "Failed"}
"""How tasks end, by the names that record and outputs have for it. One that was cancelled or skipped has failed."""
SHOWN_FAILURES = 20


@dataclass(frozen=True)
class ChildTasks:
    """The tasks of one stage, by position."""

    gate: Gate
    work: TaskStage
    items: tuple[Any, ...]
    faulty: Mapping[int, str] | None = None
    """Those that can't be made, and why."""

    @cached_property
    def total(self) -> int:
        """How many there are in all."""
        return len(self.items) if self.work.for_each else len(self.work.tasks or ())

    @cached_property
    def recorded(self) -> TaskResults | None:
        """What the Stage says of them."""
        return self.gate.stage.status.tasks if self.gate.stage else None

    @cached_property
    def there(self) -> Mapping[int, Other]:
        """Those that there are now."""
        stage = self.gate.stage
        mine = (child for child in self.gate.facts.children.values() if stage and child.stage_uid == stage.metadata.uid)
        return {child.index: child for child in mine if 0 <= child.index < self.total}

    @cached_property
    def active(self) -> list[Other]:
        """Those that have not ended."""
        return [child for child in self.there.values() if not child.is_over]

    @cached_property
    def ends(self) -> Mapping[int, End]:
        """How they ended: by the tasks that there are, by the record for those that are gone."""
        ends: dict[int, End] = dict.fromkeys(self.faulty or (), "Failed")
        if record := self.recorded:
            for name, kind in ENDS.items():
                ends |= dict.fromkeys(positions.parse(getattr(record, name)), kind)
        for index, child in self.there.items():
            if child.is_over:
                ends[index] = "Failed" if child.end in BAD_ENDS else child.end
            else:
                ends.pop(index, None)
        return ends

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many ended how."""
        ends = list(self.ends.values())
        return {"total": self.total} | {name: ends.count(kind) for name, kind in ENDS.items()}

    def by_end(self) -> dict[str, str]:
        """The positions of those that ended, as the record has them."""
        found: dict[str, list[int]] = {kind: [] for kind in ENDS.values()}
        for index, end in self.ends.items():
            found[end].append(index)
        return {name: positions.write(found[kind]) for name, kind in ENDS.items()}

    @cached_property
    def too_many_failed(self) -> bool:
        """Whether the stage fails, whatever becomes of the rest."""
        failed, allowed = self.counts["failed"], self.work.max_failures
        return failed > (allowed or 0) or (failed == self.total > 0)

    @cached_property
    def gives_up(self) -> bool:
        """Whether no more are started."""
        return self.work.max_failures is not None and self.too_many_failed

    @property
    def told(self) -> str:
        """What people are told while it goes on."""
        failed = f", {self.counts['failed']} of them failed" if self.counts["failed"] else ""
        text = f"{len(self.ends)} of {self.total} tasks have ended{failed}"
        stuck = next((child for child in self.active if child.is_invalid), None)
        return f"{text}; {stuck.name} is Invalid: {stuck.words}"[:1000] if stuck else text

    def may_end(self, is_held: bool) -> bool:
        """Whether nothing runs and nothing more will."""
        return not self.active and (len(self.ends) == self.total or self.gives_up or is_held)

    def to_start(self, most: int) -> tuple[tuple[Body, ...], dict[int, str]]:
        """The next ones in order as far as there is room, and those that can't be made."""
        bodies: list[Body] = []
        faulty: dict[int, str] = {}
        room = 0 if self.gives_up else min(self.work.parallelism - len(self.active), most)
        for index in range(self.total):
            if len(bodies) >= room or len(faulty) >= most:
                break
            if index not in self.ends and index not in self.there:
                try:
                    bodies.append(self.body(index))
                except ExpressionError as error:
                    faulty[index] = str(error)
        return tuple(bodies), faulty

    def template(self, index: int) -> ChildTemplate:
        """What the task at this position is made from."""
        return self.work.for_each or (self.work.tasks or ())[index]

    def name(self, index: int) -> str:
        """What the task at this position is called."""
        named = f"{index}{_slug(self.items[index])}" if self.work.for_each else (self.work.tasks or ())[index].name
        return manifests.child_task_name(self.gate.facts.task, self.gate.template.name, named)

    def body(self, index: int) -> Body:
        """The task at this position. Raises ExpressionError."""
        gate, template = self.gate, self.template(index)
        variables: dict[str, Any] = {"config": gate.resolved.config, "outputs": gate.outputs}
        if self.work.for_each:
            variables |= {"item": self.items[index], "index": index}
        config = dict(template.config)
        for field, text in template.config_from.items():
            try:
                config[field] = expressions.value(text, variables)
            except ExpressionError as error:
                raise ExpressionError(f"configFrom.{field}: {error}") from error
        return manifests.child_task(
            gate.facts.task, gate.template.name, self.name(index), index, template, config, gate.resolved
        )

    def failures(self) -> dict[str, Any]:
        """`itemErrors` of the Stage: the first failed tasks, also those that are gone by now."""
        known = self.gate.stage.status.item_errors if self.gate.stage else None
        told = {error.path: error.message for error in (known or ItemErrors()).first}
        told |= {self.name(index): why for index, why in (self.faulty or {}).items()}
        for child in self.there.values():
            if child.end in BAD_ENDS:
                told[child.name] = child.words
            else:
                told.pop(child.name, None)
        first = [
            {"path": name, "class": "permanent", "reason": Reason.CHILD_TASK_FAILED, "message": words[:1024]}
            for name, words in sorted(told.items())[:SHOWN_FAILURES]
        ]
        return {"count": self.counts["failed"], "first": first}


def _slug(item: Any) -> str:
    """A few letters by which people recognise an item in the name of its task."""
    if isinstance(item, Mapping):
        item = next((item[key] for key in ("name", "path") if isinstance(item.get(key), str)), "")
    word = PurePosixPath(item).name if isinstance(item, str) else ""
    slug = re.sub(r"[^a-z0-9]+", "-", word.lower())[:16].strip("-")
    return f"-{slug}" if slug else ""
