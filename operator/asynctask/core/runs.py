"""The stages of one run: which Stage object speaks for each, and the verdict on each in order."""

from collections.abc import Mapping
from dataclasses import dataclass

from asynctask.api.asynctask import AsyncTask
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage, StageInput
from asynctask.api.status import Phase
from asynctask.api.templates import StageTemplate
from asynctask.core import jobstage, manifests, otherstages
from asynctask.core.expressions import ExpressionError, holds
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.jobends import over
from asynctask.core.look import Look
from asynctask.core.observed import Job
from asynctask.core.plan import DeleteStage
from asynctask.core.verdict import Verdict

KEPT_RUNS = 3
"""Stages of this many newest runs are kept, for their logs; older ones only where a later run rests on them."""


@dataclass(frozen=True, slots=True)
class RunView:
    """The verdicts on all stages of the current run, in the order of the graph."""

    verdicts: Mapping[str, Verdict]
    type_generation: int = 0
    """The generation of the TaskType that stages begin with now; 0 for a task with stages of its own."""

    def some(self, *phases: Phase) -> list[str]:
        """The names of the stages in one of these phases."""
        return [name for name, verdict in self.verdicts.items() if verdict.phase in phases]

    @property
    def holds_slot(self) -> bool:
        """Whether a pod of it may run."""
        return any(verdict.holds_slot for verdict in self.verdicts.values())

    @property
    def wants_slot(self) -> bool:
        """Whether a stage waits for the queue's word."""
        return any(verdict.wants_slot for verdict in self.verdicts.values())


def view(facts: Facts, resolved: Resolved, want: Want) -> RunView:
    """Judge every stage, each after those that it needs. A failed stage keeps others from beginning.

    A stage goes on as it was when it began, even one that the type, changed meanwhile, has no longer.
    """
    verdicts: dict[str, Verdict] = {}
    speakers = _speakers(facts, resolved)
    if want == "run" and any((found := over(stage)) and found.phase is Phase.FAILED for stage in speakers.values()):
        want = "hold"
    begun = {name: stage.spec.template for name, stage in speakers.items() if stage.spec.run == facts.task.spec.run}
    dropped = (template for name, template in begun.items() if name not in resolved.graph)
    for listed in (*resolved.graph.stages, *dropped):
        template = begun.get(listed.name, listed)
        verdict = _judge(facts, resolved, template, speakers, verdicts, want)
        if want == "run" and verdict.phase is Phase.FAILED:
            want = "hold"
        verdicts[template.name] = verdict
    return RunView(verdicts, resolved.type_generation)


def _speakers(facts: Facts, resolved: Resolved) -> dict[str, Stage]:
    """The Stage that speaks for each name: this run's; for stages that a restart keeps, the newest that ended well."""
    task = facts.task
    kept: frozenset[str] = frozenset()
    if task.spec.restart_from and task.spec.run > 1:
        kept = resolved.graph.kept_when_restarted_from(task.spec.restart_from)
    speakers: dict[str, Stage] = {}
    for stage in sorted(facts.stages, key=lambda stage: stage.spec.run):
        name = stage.spec.template.name
        if stage.metadata.deletion_timestamp is not None:
            continue
        earlier_result = name in kept and (found := over(stage)) is not None and found.lets_others_begin
        if stage.spec.run == task.spec.run or (stage.spec.run < task.spec.run and earlier_result):
            speakers[name] = stage
    return speakers


def _judge(
    facts: Facts,
    resolved: Resolved,
    template: StageTemplate,
    speakers: Mapping[str, Stage],
    earlier: Mapping[str, Verdict],
    want: Want,
) -> Verdict:
    stage = speakers.get(template.name)
    if stage is not None and (verdict := over(stage)):
        return verdict
    if stage is None:
        needs = [earlier[name] for name in resolved.graph.needs[template.name]]
        if any(need.is_over and not need.lets_others_begin for need in needs):
            phase = Phase.CANCELLED if want == "cancel" else Phase.PENDING
            return Verdict(phase, Reason.NOT_RUNNING, "a stage that it needs did not end well")
        if not all(need.lets_others_begin for need in needs):
            phase = Phase.CANCELLED if want == "cancel" else Phase.PENDING
            return Verdict(phase, Reason.NOT_RUNNING)
        if skipped := _skipped(resolved, template, earlier):
            return skipped
    if template.job is None:
        wanted: Want = "run" if want == "yield" else want  # it holds no place that it could give back
        if want == "yield" and facts.admission.reason == Reason.OUTSIDE_WINDOW:
            wanted = "pause" if template.task and stage else "hold"
        return otherstages.judge(otherstages.Gate(facts, resolved, template, stage, wanted))
    return jobstage.judge(_look(facts, resolved, template, stage, speakers, want))


def _skipped(resolved: Resolved, template: StageTemplate, earlier: Mapping[str, Verdict]) -> Verdict | None:
    if template.when is None:
        return None
    outputs = {name: verdict.outputs for name, verdict in earlier.items() if verdict.lets_others_begin}
    try:
        if holds(template.when, resolved.config, outputs):
            return None
    except ExpressionError as error:
        message = f"when: {error}"
        return Verdict(Phase.FAILED, Reason.INVALID_EXPRESSION, message)
    return Verdict(Phase.SKIPPED, Reason.SKIPPED, f"skipped: {template.when} is false"[:900])


def _look(
    facts: Facts,
    resolved: Resolved,
    template: StageTemplate,
    stage: Stage | None,
    speakers: Mapping[str, Stage],
    want: Want,
) -> Look:
    attempt = stage.status.attempt if stage else 1
    run = facts.task.spec.run
    ancestors = resolved.graph.ancestors(template.name) if stage is None else frozenset()
    inputs = tuple(
        StageInput(stage=name, object=speakers[name].metadata.name) for name in sorted(ancestors) if name in speakers
    )
    pods = tuple(pod for pod in facts.pods if pod.metadata.stage == template.name and pod.metadata.run == run)
    job = facts.jobs.get(manifests.job_name(facts.task, template.name, attempt))
    if job is not None and stage is not None and not job.metadata.is_owned_by(stage.metadata.uid):
        job = None
    return Look(facts, resolved, template, stage, inputs, want, job, pods)


def unfinished_jobs(facts: Facts, before: int | None = None) -> list[Job]:
    """Jobs, of runs before this one if it is given, that still have, or may still make, a pod."""
    live = {pod.metadata.run for pod in facts.pods if pod.is_live}
    return [
        job
        for job in facts.jobs.values()
        if (before is None or job.metadata.run < before)
        and not job.is_over
        and not (job.is_stopped and job.metadata.run not in live)
    ]


def unfinished_children(facts: Facts, before: int) -> list[AsyncTask]:
    """Tasks that stages of earlier runs started and that have not ended."""
    return [
        child
        for child in facts.children.values()
        if not otherstages.outcome(child) and 0 < manifests.run_of(child.metadata.labels) < before
    ]


def outdated_stages(facts: Facts, resolved: Resolved) -> tuple[DeleteStage, ...]:
    """Stages of runs so old that nobody looks at them, but for those that a restart kept."""
    oldest = facts.task.spec.run - KEPT_RUNS + 1
    speaking = {stage.metadata.name for stage in _speakers(facts, resolved).values()}
    return tuple(
        DeleteStage(stage.metadata.name, stage.metadata.uid)
        for stage in facts.stages
        if stage.spec.run < oldest and stage.metadata.name not in speaking and not stage.metadata.deletion_timestamp
    )
