"""What is made of a stage that starts other tasks: a few at a time, counted as they end.

Their own objects tell how they ended; the Stage keeps a record by position, so that a task that was deleted since is
not started again. Which items there are is fixed in the Stage when it begins.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.status import Phase
from asynctask.api.templates import TaskStage
from asynctask.core import expressions, manifests
from asynctask.core.childtasks import ChildTasks
from asynctask.core.expressions import ExpressionError
from asynctask.core.gate import Gate, finish, refused, waiting
from asynctask.core.others import depth_of
from asynctask.core.plan import Action, PatchStage, PatchTask, StartStage
from asynctask.core.times import stamp
from asynctask.core.verdict import Verdict

MAX_DEPTH = 5
STARTED_AT_ONCE = 50
"""Tasks made in one step: others want their turn too."""
RECORD_PERIOD = timedelta(seconds=5)
"""How often the record is written, at most: there may be thousands of tasks."""
NAMED = 3


def judge(gate: Gate, work: TaskStage) -> Verdict:
    """Say what state the stage is in and what is to be done about it."""
    if gate.stage is None:
        return _not_begun(gate, work)
    tasks = ChildTasks(gate, work, gate.stage.spec.items)
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
            return Verdict(Phase.SKIPPED, Reason.SKIPPED, message, outputs=ChildTasks(gate, work, ()).counts)
    if gate.want != "run":
        return Verdict(Phase.PENDING, Reason.NOT_RUNNING)
    if verdict := refused(gate):
        return verdict
    body = manifests.stage(gate.facts.task, gate.template, (), (), items)
    started, _ = ChildTasks(gate, work, items).to_start(STARTED_AT_ONCE)
    return Verdict(Phase.WAITING, Reason.WAITING_FOR_TASKS, actions=(StartStage(gate.name, body, tasks=started),))


def _passed_on(gate: Gate, tasks: ChildTasks) -> list[Action]:
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


def _record(gate: Gate, tasks: ChildTasks) -> tuple[dict[str, Any], datetime | None]:
    """What the Stage should say of the tasks, if that is worth a write now; else when it will be."""
    known = tasks.recorded
    if known is None or known.priority != gate.resolved.priority:
        return _results(gate, tasks), None
    if all(getattr(known, name) == text for name, text in tasks.by_end().items()):
        return {}, None
    due = (known.time or gate.began) + RECORD_PERIOD
    return ({}, due) if due > gate.facts.now and not tasks.faulty else (_results(gate, tasks), None)


def _results(gate: Gate, tasks: ChildTasks) -> dict[str, Any]:
    failures = tasks.failures()
    about = {"total": tasks.total, "priority": gate.resolved.priority, "time": stamp(gate.facts.now)}
    return {
        "tasks": about | tasks.by_end(),
        "progress": {"itemsDone": len(tasks.ends), "itemsTotal": tasks.total},
        **({"itemErrors": failures} if failures["count"] else {}),
    }


def _end(gate: Gate, tasks: ChildTasks) -> Verdict:
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


def _cancelled(gate: Gate, tasks: ChildTasks) -> Verdict:
    if not tasks.active:
        return finish(gate, Phase.CANCELLED, Reason.CANCELLED, "cancelled", None, _results(gate, tasks))
    actions = tuple(PatchTask(child.name, {"cancel": True}) for child in tasks.active if not child.cancel)
    return Verdict(
        Phase.STOPPING, Reason.STOPPING, "waiting for its tasks to end", actions, stage=gate.stage, started=gate.began
    )
