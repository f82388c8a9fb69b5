"""What is made of a stage that starts other tasks: a few at a time, counted as they end.

Their own objects tell how they ended; the Stage keeps a record by position, so that a task that was deleted since is
not started again. Which items there are is fixed in the Stage when it begins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import ItemErrors, TaskResults
from asynctask.api.status import Phase
from asynctask.api.templates import ChildTemplate, TaskStage
from asynctask.core import expressions, manifests, positions
from asynctask.core.expressions import ExpressionError
from asynctask.core.gate import Gate, finish, refused, waiting
from asynctask.core.others import BAD_ENDS, End, Other, depth_of
from asynctask.core.plan import Action, Body, PatchStage, PatchTask, StartStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict

MAX_DEPTH = 5
STARTED_AT_ONCE = 50
"""Tasks made in one step: others want their turn too."""
RECORD_PERIOD = timedelta(seconds=5)
"""How often the record is written, at most: there may be thousands of tasks."""
ENDS: dict[str, End] = {"succeeded": "Succeeded", "partial": "PartiallySucceeded", "failed": "Failed"}
"""How tasks end, by the names that record and outputs have for it. One that was cancelled or skipped has failed."""
SHOWN_FAILURES = 20
NAMED = 3


def judge(gate: Gate, work: TaskStage) -> Verdict:
    """Say what state the stage is in and what is to be done about it."""
    if gate.stage is None:
        return _not_begun(gate, work)
    tasks = _Tasks(gate, work, gate.stage.spec.items)
    if gate.want == "cancel":
        return _cancelled(gate, tasks)
    started, faulty = tasks.to_start(STARTED_AT_ONCE) if gate.want == "run" else ((), {})
    if started and (verdict := refused(gate)):
        return verdict
    if faulty:
        tasks = replace(tasks, faulty=faulty)
    if tasks.may_end(gate.is_given_up):
        return _end(gate, tasks)
    actions: list[Action] = [StartStage(gate.name, None, tasks=started)] if started else []
    actions += _passed_on(gate, tasks)
    record, wake_at = _record(gate, tasks)
    if gate.want == "pause":
        record |= {"phase": Phase.PAUSED} if gate.stage.status.phase != Phase.PAUSED else {}
        patch = (PatchStage(gate.name, record),) if record else ()
        return Verdict(
            Phase.PAUSED, Reason.SUSPENDED, tasks.told, (*patch, *actions), wake_at=wake_at,
            stage=gate.stage, started=gate.began,
        )  # fmt: skip
    verdict = waiting(gate, Reason.WAITING_FOR_TASKS, tasks.told, wake_at)
    if record and verdict.actions:
        record |= {"phase": Phase.WAITING, "message": tasks.told}
    patches = (PatchStage(gate.name, record),) if record else verdict.actions
    return replace(verdict, actions=(*actions, *patches))


@dataclass(frozen=True)
class _Tasks:
    """The tasks of one stage, by position."""

    gate: Gate
    work: TaskStage
    items: tuple[Any, ...]
    faulty: Mapping[int, str] | None = None
    """Those that can't be made, and why."""

    @cached_property
    def total(self) -> int:
        return len(self.items) if self.work.for_each else len(self.work.tasks or ())

    @cached_property
    def recorded(self) -> TaskResults | None:
        return self.gate.stage.status.tasks if self.gate.stage else None

    @cached_property
    def there(self) -> Mapping[int, Other]:
        stage = self.gate.stage
        mine = (child for child in self.gate.facts.children.values() if stage and child.stage_uid == stage.metadata.uid)
        return {child.index: child for child in mine if 0 <= child.index < self.total}

    @cached_property
    def active(self) -> list[Other]:
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
        return self.work.for_each or (self.work.tasks or ())[index]

    def name(self, index: int) -> str:
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


def _not_begun(gate: Gate, work: TaskStage) -> Verdict:
    if gate.want in {"pause", "cancel"}:
        return Verdict(Phase.PAUSED if gate.want == "pause" else Phase.CANCELLED, Reason.NOT_RUNNING)
    if depth_of(gate.facts.task.metadata.labels) >= MAX_DEPTH:
        message = f"tasks start tasks more than {MAX_DEPTH} deep; does a type start itself?"
        return Verdict(Phase.FAILED, Reason.INVALID_STAGES, message)
    items: tuple[Any, ...] = ()
    if work.for_each:
        try:
            items = expressions.items(work.for_each.items, {"config": gate.resolved.config, "outputs": gate.outputs})
        except ExpressionError as error:
            return Verdict(Phase.FAILED, Reason.INVALID_EXPRESSION, f"task.forEach.items: {error}")
        if not items:
            message = f"skipped: {work.for_each.items} gives no items"[:900]
            return Verdict(Phase.SKIPPED, Reason.SKIPPED, message, outputs=_Tasks(gate, work, ()).counts)
    if gate.want != "run":
        return Verdict(Phase.PENDING, Reason.NOT_RUNNING)
    if verdict := refused(gate):
        return verdict
    body = manifests.stage(gate.facts.task, gate.template, (), (), items)
    started, _ = _Tasks(gate, work, items).to_start(STARTED_AT_ONCE)
    return Verdict(Phase.WAITING, Reason.WAITING_FOR_TASKS, actions=(StartStage(gate.name, body, tasks=started),))


def _passed_on(gate: Gate, tasks: _Tasks) -> list[Action]:
    """Pause, resume and a new priority go on to the tasks; what somebody changed on one task alone stays.

    The Stage remembers what was passed on: only tasks that still have it follow a change.
    """
    pauses = gate.want == "pause"
    was_paused = gate.stage is not None and gate.stage.status.phase == Phase.PAUSED
    before, now = tasks.recorded.priority if tasks.recorded else 0, gate.resolved.priority
    actions: list[Action] = []
    for child in tasks.active:
        change: dict[str, Any] = {}
        if child.suspend != pauses and (pauses or was_paused):
            change["suspend"] = pauses
        if now != before == child.priority and tasks.template(child.index).priority is None:
            change["priority"] = now
        if change:
            actions.append(PatchTask(child.name, change))
    return actions


def _record(gate: Gate, tasks: _Tasks) -> tuple[dict[str, Any], datetime | None]:
    """What the Stage should say of the tasks, if that is worth a write now; else when it will be."""
    known = tasks.recorded
    if known is None or known.priority != gate.resolved.priority:
        return _results(gate, tasks), None
    if all(getattr(known, name) == text for name, text in tasks.by_end().items()):
        return {}, None
    due = (known.time or gate.began) + RECORD_PERIOD
    return ({}, due) if due > gate.facts.now and not tasks.faulty else (_results(gate, tasks), None)


def _results(gate: Gate, tasks: _Tasks) -> dict[str, Any]:
    failures = tasks.failures()
    about = {"total": tasks.total, "priority": gate.resolved.priority, "time": stamp(gate.facts.now)}
    return {
        "tasks": about | tasks.by_end(),
        "progress": {"itemsDone": len(tasks.ends), "itemsTotal": tasks.total},
        **({"itemErrors": failures} if failures["count"] else {}),
    }


def _end(gate: Gate, tasks: _Tasks) -> Verdict:
    counts, more = tasks.counts, _results(gate, tasks) | {"outputs": dict(tasks.counts)}
    failed, left = counts["failed"], tasks.total - len(tasks.ends)
    not_started = f"; {left} were not started" if left else ""
    if tasks.too_many_failed:
        first = [error["path"] for error in tasks.failures()["first"]]
        words = tasks.failures()["first"][0]["message"] if first else ""
        names = ", ".join(first[:NAMED]) + (", …" if failed > NAMED else "")
        message = f"{failed} of {tasks.total} tasks failed: {names}{not_started}. {first[0] if first else ''}: {words}"
        return finish(gate, Phase.FAILED, Reason.CHILD_TASK_FAILED, message.rstrip(". :")[:1000], None, more)
    if left:
        message = f"given up: another stage failed{not_started}"
        return finish(gate, Phase.CANCELLED, Reason.CANCELLED, message, None, more)
    if failed or counts["partial"]:
        message = f"{failed} of {tasks.total} tasks failed" if failed else "some tasks were done in part"
        return finish(gate, Phase.PARTIAL, Reason.PARTIALLY_SUCCEEDED, message, None, more)
    return finish(gate, Phase.SUCCEEDED, Reason.SUCCEEDED, "", None, more)


def _cancelled(gate: Gate, tasks: _Tasks) -> Verdict:
    if not tasks.active:
        return finish(gate, Phase.CANCELLED, Reason.CANCELLED, "cancelled", None, _results(gate, tasks))
    actions = tuple(PatchTask(child.name, {"cancel": True}) for child in tasks.active if not child.cancel)
    return Verdict(
        Phase.STOPPING, Reason.STOPPING, "waiting for its tasks to end", actions, stage=gate.stage, started=gate.began
    )


def _slug(item: Any) -> str:
    """A few letters by which people recognise an item in the name of its task."""
    if isinstance(item, Mapping):
        item = next((item[key] for key in ("name", "path") if isinstance(item.get(key), str)), "")
    word = PurePosixPath(item).name if isinstance(item, str) else ""
    slug = re.sub(r"[^a-z0-9]+", "-", word.lower())[:16].strip("-")
    return f"-{slug}" if slug else ""
