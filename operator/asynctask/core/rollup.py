"""The task's status from the verdicts on its stages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.status import FINAL_PHASES, Phase, Progress
from asynctask.core import conditions, manifests
from asynctask.core.conditions import Wanted
from asynctask.core.runs import RunView
from asynctask.core.times import duration, rate, stamp
from asynctask.core.verdict import Verdict

MAX_RUNS = 10
MAX_STAGES = 32


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of the task as a whole."""

    phase: Phase
    reason: str
    message: str = ""
    ended: bool = False


def status(
    task: AsyncTask,
    summary: Summary,
    now: datetime,
    view: RunView | None = None,
    priority: int | None = None,
    waiting: Mapping[str, Any] | None = None,
    more: Iterable[Wanted] = (),
) -> dict[str, Any]:
    """The whole status as it should be stored."""
    verdicts = dict(view.verdicts) if view else {}
    is_new_run = task.status.run != task.spec.run
    begins = [verdict.started for verdict in verdicts.values() if verdict.started]
    before = None if is_new_run else task.status
    shown = _shown_stage(verdicts)
    progress = shown[1].progress if shown else None
    began = any(verdict.started or verdict.holds_slot for verdict in verdicts.values())
    type_now = view.type_generation if view else 0
    type_then = before.type_generation if before else 0
    was_paused = before is not None and before.condition("Paused") is not None
    body: dict[str, Any] = {
        "observedGeneration": task.metadata.generation,
        "phase": summary.phase,
        "message": summary.message[:1024],
        "run": task.spec.run,
        "stage": ",".join(view.some(Phase.RUNNING, Phase.STARTING, Phase.STOPPING, Phase.WAITING))[:256]
        if view
        else "",
        "priority": priority,
        "waiting": waiting,
        "startTime": stamp(min(begins)) if begins else stamp(before.start_time if before else None),
        "completionTime": None,
        "progress": progress.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True) if progress else None,
        "display": _display(verdicts, shown[0] if shown else "", progress, summary),
        "stages": [_stage_line(task, name, verdict) for name, verdict in verdicts.items()][:MAX_STAGES],
        "typeGeneration": (type_then or (type_now if began else 0)) or None,
        "itemErrorCount": sum(verdict.item_errors for verdict in verdicts.values()) or None,
        "runs": _runs(task) if is_new_run and task.status.run else [_dump(run) for run in task.status.runs],
        "conditions": conditions.merge(
            () if is_new_run else task.status.conditions,
            (*_conditions(summary, verdicts, was_paused=was_paused), *_type_changed(task, type_then, type_now), *more),
            task.metadata.generation,
            now,
        ),
    }
    if not body["stage"] and shown:
        body["stage"] = shown[0]
    if summary.ended:
        body["completionTime"] = stamp((before.completion_time if before else None) or now)
    return body


def _conditions(summary: Summary, verdicts: dict[str, Verdict], *, was_paused: bool) -> Iterable[Wanted]:
    phase, reason, message = summary.phase, summary.reason, summary.message
    began = any(verdict.started or verdict.holds_slot for verdict in verdicts.values())
    is_shut = reason == Reason.OUTSIDE_WINDOW
    if is_shut or phase in {Phase.QUEUED, Phase.INVALID} or (phase is Phase.PENDING and not began):
        yield Wanted("Admitted", "False", reason, message)
    elif began:
        yield Wanted("Admitted", "True", Reason.ADMITTED)
    moving = phase in {Phase.RUNNING, Phase.STARTING, Phase.BACKING_OFF, Phase.STOPPING, Phase.WAITING} and not is_shut
    yield Wanted("Progressing", "True" if moving else "False", reason, message if moving else "")
    if phase is Phase.PAUSED:
        yield Wanted("Paused", "True", reason)
    elif was_paused:
        yield Wanted("Paused", "False", Reason.NOT_PAUSED)
    if any(verdict.stage and verdict.stage.status.checkpoint for verdict in verdicts.values()):
        yield Wanted("Checkpointed", "True", Reason.CHECKPOINT_SAVED)
    if not summary.ended:
        yield Wanted("Succeeded", "Unknown", reason, message)
    else:
        good = phase in {Phase.SUCCEEDED, Phase.PARTIAL}
        yield Wanted("Succeeded", "True" if good else "False", reason, message)


def _type_changed(task: AsyncTask, then: int, now: int) -> Iterable[Wanted]:
    if then and now and then != now:
        text = (
            f"TaskType {task.spec.type} was changed during this run (generation {now}, it began with {then}): stages "
            "that have begun go on as they were, the others begin as the type has them now"
        )
        yield Wanted("TypeChanged", "True", Reason.TYPE_CHANGED, text)


def _shown_stage(verdicts: dict[str, Verdict]) -> tuple[str, Verdict] | None:
    """The stage whose progress stands for the task's: the first that moves, else the last that did."""
    for name, verdict in verdicts.items():
        if verdict.started and not verdict.is_over:
            return name, verdict
    began = [(name, verdict) for name, verdict in verdicts.items() if verdict.started]
    return began[-1] if began else None


def _display(verdicts: dict[str, Verdict], shown: str, progress: Progress | None, summary: Summary) -> dict[str, str]:
    result: dict[str, str] = {"progress": "", "speed": "", "remaining": ""}
    if summary.phase in {Phase.SUCCEEDED, Phase.PARTIAL}:
        return result | {"progress": "100%"}
    percent = progress.percent if progress else None
    if len(verdicts) > 1 and shown:
        place = f"stage {list(verdicts).index(shown) + 1}/{len(verdicts)}"
        result["progress"] = f"{percent}% of {place}" if percent is not None else place
    elif percent is not None:
        result["progress"] = f"{percent}%"
    if progress and summary.phase is Phase.RUNNING:
        result["speed"] = rate(progress.bytes_per_second) if progress.bytes_per_second else ""
        result["remaining"] = duration(progress.remaining_seconds) if progress.remaining_seconds is not None else ""
    return result


def _stage_line(task: AsyncTask, name: str, verdict: Verdict) -> dict[str, Any]:
    line: dict[str, Any] = {"name": name, "phase": verdict.phase, "reason": str(verdict.reason)}
    stage = verdict.stage
    if stage or verdict.started or verdict.holds_slot:
        line["object"] = stage.metadata.name if stage else manifests.stage_name(task, name)
    if verdict.message:
        line["message"] = verdict.message[:1024]
    if stage:
        line["attempt"] = stage.status.attempt
        if stage.status.progress and (percent := stage.status.progress.percent) is not None:
            line["percent"] = percent
    if verdict.started:
        line["startTime"] = stamp(verdict.started)
    if verdict.ended:
        line["completionTime"] = stamp(verdict.ended)
    return line


def _runs(task: AsyncTask) -> Sequence[dict[str, Any]]:
    before, is_cut = task.status, task.status.phase not in FINAL_PHASES
    line = {
        "run": before.run,
        "phase": Phase.CANCELLED if is_cut else before.phase,
        "message": f"cut short by run {task.spec.run}" if is_cut else before.message,
        "startTime": stamp(before.start_time),
        "completionTime": stamp(before.completion_time),
    }
    kept = [{key: value for key, value in line.items() if value is not None}]
    return [*kept, *(_dump(run) for run in before.runs)][:MAX_RUNS]


def _dump(model: Any) -> dict[str, Any]:
    result: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True, mode="json")
    return result
