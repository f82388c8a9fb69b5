"""The stages of one run: which Stage object speaks for each, and the verdict on each in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage, StageInput
from asynctask.api.status import Phase
from asynctask.api.templates import StageTemplate
from asynctask.core import jobstage, manifests, otherstages
from asynctask.core.expressions import ExpressionError, holds
from asynctask.core.facts import Facts, Resolved, Want
from asynctask.core.gate import Gate
from asynctask.core.jobends import over
from asynctask.core.look import Look
from asynctask.core.observed import Job
from asynctask.core.others import Other
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
    clean_ups: frozenset[str] = frozenset()
    """Stages that run however those before them ended."""

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
    speakers = _speakers(facts, resolved)
    begun = {name: stage.spec.template for name, stage in speakers.items() if stage.spec.run == facts.task.spec.run}
    dropped = (template for name, template in begun.items() if name not in resolved.graph)
    templates = (*(begun.get(listed.name, listed) for listed in resolved.graph.stages), *dropped)
    verdicts = _judge_all(facts, resolved, templates, speakers, want)
    if want == "run" and any(verdict.phase is Phase.FAILED for verdict in verdicts.values()):
        # also those that were judged before the one that failed
        verdicts = _judge_all(facts, resolved, templates, speakers, "hold")
    clean_ups = frozenset(template.name for template in templates if _cleans_up(resolved, template))
    return RunView(verdicts, resolved.type_generation, clean_ups)


def _judge_all(
    facts: Facts, resolved: Resolved, templates: Iterable[StageTemplate], speakers: Mapping[str, Stage], want: Want
) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for template in templates:
        verdict = _judge(facts, resolved, template, speakers, verdicts, _wanted(facts, resolved, template, want))
        if want in {"hold", "cancel"} and verdict.phase is Phase.PENDING and not _cleans_up(resolved, template):
            verdict = replace(verdict, is_out=verdict.stage is None)
        verdicts[template.name] = verdict
    return verdicts


def _cleans_up(resolved: Resolved, template: StageTemplate) -> bool:
    return template.needs_condition == "Finished" and bool(resolved.graph.needs.get(template.name))


def _wanted(facts: Facts, resolved: Resolved, template: StageTemplate, want: Want) -> Want:
    """What is wanted of one stage: those that clean up run also when others failed or are stopped."""
    if want not in {"hold", "cancel"} or not _cleans_up(resolved, template):
        return want
    has_begun = any(stage.spec.run == facts.task.spec.run for stage in facts.stages)
    return "run" if has_begun or want == "hold" else want


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
        phase = Phase.CANCELLED if want == "cancel" else Phase.PENDING
        is_cleaning = template.needs_condition == "Finished"
        if not is_cleaning and any(need.is_settled and not need.lets_others_begin for need in needs):
            return Verdict(phase, Reason.NOT_RUNNING, "a stage that it needs did not end well", is_out=True)
        before = resolved.graph.ancestors(template.name)
        if is_cleaning and not all(earlier[name].is_settled for name in before):
            return Verdict(phase, Reason.NOT_RUNNING)  # not only its needs: those that never begin are settled at once
        if not (is_cleaning or all(need.lets_others_begin for need in needs)):
            return Verdict(phase, Reason.NOT_RUNNING)
        if skipped := _skipped(resolved, template, earlier):
            return skipped
    if template.job is None:
        wanted: Want = "run" if want == "yield" else want  # it holds no place that it could give back
        if want == "yield" and facts.admission.reason == Reason.OUTSIDE_WINDOW:
            wanted = "pause" if template.task and stage else "hold"
        outputs = _outputs(resolved, template, earlier)
        inputs = _inputs(resolved, template, speakers) if stage is None and template.approval else ()
        gate = Gate(facts, resolved, template, stage, wanted, outputs, inputs, is_given_up=want == "hold")
        return otherstages.judge(gate)
    return jobstage.judge(_look(facts, resolved, template, stage, speakers, want))


def _skipped(resolved: Resolved, template: StageTemplate, earlier: Mapping[str, Verdict]) -> Verdict | None:
    for name in resolved.graph.needs[template.name]:
        if template.needs_condition == "Succeeded" and earlier[name].phase is Phase.PARTIAL:
            return Verdict(Phase.SKIPPED, Reason.SKIPPED, f"skipped: stage {name} was done only in part")
    if template.when is None:
        return None
    before = resolved.graph.ancestors(template.name)
    variables = {
        "config": resolved.config,
        "outputs": _outputs(resolved, template, earlier),
        "outcomes": {name: earlier[name].outcome for name in before},
    }
    try:
        if holds(template.when, variables):
            return None
    except ExpressionError as error:
        message = f"when: {error}"
        return Verdict(Phase.FAILED, Reason.INVALID_EXPRESSION, message)
    return Verdict(Phase.SKIPPED, Reason.SKIPPED, f"skipped: {template.when} is false"[:900])


def _outputs(
    resolved: Resolved, template: StageTemplate, earlier: Mapping[str, Verdict]
) -> dict[str, Mapping[str, Any]]:
    """What the stages before it left. Not what others did that ran meanwhile: it would depend on the moment."""
    before = resolved.graph.ancestors(template.name) if template.name in resolved.graph else frozenset[str]()
    return {name: earlier[name].outputs for name in before if earlier[name].lets_others_begin}


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
    inputs = _inputs(resolved, template, speakers) if stage is None else ()
    pods = tuple(pod for pod in facts.pods if pod.metadata.stage == template.name and pod.metadata.run == run)
    job = facts.jobs.get(manifests.job_name(facts.task, template.name, attempt))
    if job is not None and stage is not None and not job.metadata.is_owned_by(stage.metadata.uid):
        job = None
    return Look(facts, resolved, template, stage, inputs, want, job, pods)


def _inputs(resolved: Resolved, template: StageTemplate, speakers: Mapping[str, Stage]) -> tuple[StageInput, ...]:
    """The objects of the stages before one that is about to begin."""
    before = sorted(resolved.graph.ancestors(template.name))
    return tuple(StageInput(stage=name, object=speakers[name].metadata.name) for name in before if name in speakers)


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


def unfinished_children(facts: Facts, before: int) -> list[Other]:
    """Tasks that stages of earlier runs started and that have not ended."""
    return [child for child in facts.children.values() if not child.is_over and 0 < child.run < before]


def outdated_stages(facts: Facts, resolved: Resolved) -> tuple[DeleteStage, ...]:
    """Stages of runs so old that nobody looks at them, but for those that a restart kept."""
    oldest = facts.task.spec.run - KEPT_RUNS + 1
    speaking = {stage.metadata.name for stage in _speakers(facts, resolved).values()}
    return tuple(
        DeleteStage(stage.metadata.name, stage.metadata.uid)
        for stage in facts.stages
        if stage.spec.run < oldest and stage.metadata.name not in speaking and not stage.metadata.deletion_timestamp
    )
