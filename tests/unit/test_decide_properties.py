"""What holds of every plan, whatever was observed."""

from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.scenes import NOW, Scene, ago, make_task

from asynctask.api.asynctask import AsyncTaskStatus
from asynctask.api.stage import StageStatus
from asynctask.core.decide import decide
from asynctask.core.facts import Admission
from asynctask.core.jobends import over
from asynctask.core.others import run_of
from asynctask.core.plan import PatchStage, StartStage

NAMES = ("a", "b", "c")
CODES = st.sampled_from([0, 1, 3, 65, 75, 76, 137, 143])
MAYBE_AGO = st.none() | st.integers(-100, 1000).map(ago)
DECISIONS = st.sampled_from(["Approved", "Rejected"])
APPROVAL = {"approval": {"expiresAfterSeconds": 50, "quorum": 2}}
RARELY = st.sampled_from([False, True, False])
WORDS = st.sampled_from(["", "boom", '{"outcome":"succeeded"}', '{"outcome":"failed","class":"permanent"}', "{"])


@st.composite
def stage_statuses(draw: st.DrawFn) -> dict[str, Any]:
    attempt = draw(st.integers(1, 3))
    status: dict[str, Any] = {"attempt": attempt}
    end = draw(
        st.sampled_from(
            ["", "", "", "", "True Succeeded", "True PartiallySucceeded", "False PermanentError", "False Cancelled"]
        )
    )
    if end:
        value, reason = end.split()
        status["conditions"] = [{"type": "Succeeded", "status": value, "reason": reason}]
    status |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "retryTime": MAYBE_AGO,
                "failures": st.integers(0, 6),
                "failedSequence": st.integers(0, 3),
                "checkpoint": st.fixed_dictionaries({"sequence": st.integers(0, 4)}),
                "phase": st.sampled_from(["Running", "BackingOff", "Paused", "Waiting"]),
                "review": st.fixed_dictionaries({"decision": st.sampled_from(["Approved", "Rejected"])}),
                "reviews": st.lists(
                    st.fixed_dictionaries({"decision": DECISIONS, "by": st.sampled_from(["ada", "bo"])}),
                    unique_by=lambda review: review["by"],
                    max_size=2,
                ),
                "completion": st.fixed_dictionaries(
                    {
                        "attempt": st.integers(1, 3),
                        "outcome": st.sampled_from(["succeeded", "partial", "failed", "stopped"]),
                        "class": st.sampled_from([None, "permanent", "transient", "throttled"]),
                    }
                ),
            },
        )
    )
    return status


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    phase = draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]))
    fields: dict[str, Any] = {
        "phase": phase,
        "attempt": draw(st.integers(1, 3)),
        "seconds_ago": draw(st.integers(0, 2000)),
    }
    if phase in {"Succeeded", "Failed"} and draw(st.booleans()):
        fields |= {"exit_code": draw(CODES), "message": draw(WORDS), "ended_ago": draw(st.integers(0, 50))}
    if draw(st.booleans()):
        fields["asked_ago"] = draw(st.integers(0, 50))
    if phase == "Pending":
        fields["waiting"] = draw(st.sampled_from(["", "ErrImagePull", "ContainerCreating"]))
    fields["disrupted"] = draw(st.booleans())
    return fields


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    count = draw(st.integers(1, 3))
    scene = make_task()
    for index, name in enumerate(NAMES[:count]):
        template: dict[str, Any] = draw(st.sampled_from([{}, {}, {}, APPROVAL, {"wait": {"delaySeconds": 50}}]))
        if draw(st.booleans()):
            template = template | {
                "needs": draw(
                    st.lists(st.sampled_from(NAMES[: index + draw(RARELY)] or NAMES[:1]), unique=True, max_size=2)
                )
            }
        if draw(st.integers(0, 9)) == 0:
            template = template | {"when": draw(st.sampled_from(["true", "false", "outputs.a.n > 1", "1"]))}
        scene = scene.stage(name, **template)
    run = draw(st.sampled_from([1, 1, 1, 2, 3]))
    scene = scene.with_spec(
        run=run, suspend=draw(RARELY), cancel=draw(RARELY),
        restartFrom=draw(st.sampled_from([None, None, *NAMES[:count]])),
        activeDeadlineSeconds=draw(st.sampled_from([None, None, 1, 100, 2000])),
        ttlSecondsAfterFinished=draw(st.none() | st.integers(0, 200)),
    ).with_status(run=draw(st.integers(0, run)))  # fmt: skip
    for template_name in NAMES[:count]:
        for of_run in draw(st.lists(st.integers(1, run), unique=True, max_size=2)):
            if draw(st.integers(0, 5)):
                scene = scene.began(
                    template_name, run=of_run, seconds_ago=draw(st.integers(0, 2000)), **draw(stage_statuses())
                )
            for attempt in draw(st.lists(st.integers(1, 3), unique=True, max_size=2)):
                condition = draw(
                    st.sampled_from([("", ""), ("Failed", "BackoffLimitExceeded"), ("Complete", ""), ("Suspended", "")])
                )
                scene = scene.job(
                    template_name, run=of_run, attempt=attempt, suspend=draw(st.booleans()), condition=condition,
                    active=draw(st.integers(0, 1)), seconds_ago=draw(st.integers(0, 2000)),
                    started_ago=draw(st.none() | st.integers(0, 2000)),
                )  # fmt: skip
            for pod in draw(st.lists(pods(), max_size=2)):
                scene = scene.pod(template_name, pod.pop("phase"), run=of_run, **pod)
    return Scene(**{**vars(scene), "admission": Admission(admitted=not draw(RARELY))})


@st.composite
def one_stage(draw: st.DrawFn) -> Scene:
    """Most of what can go wrong is about one stage: its attempts, their Jobs and pods."""
    scene = make_task(suspend=draw(RARELY), cancel=draw(RARELY)).stage("a")
    attempt = draw(st.sampled_from([1, 2]))
    if draw(st.booleans()):
        end = [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}] if draw(RARELY) else []
        retry = ago(draw(st.sampled_from([-50, 5])))
        scene = scene.began("a", attempt=attempt, retryTime=retry, conditions=end)
    for number in (1, 2):
        if draw(RARELY):
            scene = scene.job("a", attempt=number, suspend=draw(RARELY))
        if draw(RARELY):
            pod = draw(pods())
            scene = scene.pod("a", pod.pop("phase"), **{**pod, "attempt": number})
    return Scene(**{**vars(scene), "admission": Admission(admitted=draw(st.booleans()))})


@settings(max_examples=examples(300), deadline=None)
@given(one_stage())
def test_every_plan_for_one_stage(scene: Scene) -> None:
    _hold(scene)


@settings(max_examples=examples(150), deadline=None)
@given(scenes())
def test_every_plan(scene: Scene) -> None:
    _hold(scene)


def _hold(scene: Scene) -> None:
    facts = scene.facts
    plan = decide(facts)
    assert plan == decide(facts)

    ended = {stage.metadata.name for stage in facts.stages if over(stage)}
    live = {(pod.metadata.stage, pod.metadata.run) for pod in facts.pods if pod.is_live}
    started: list[str] = []
    for action in plan.actions:
        if isinstance(action, PatchStage):
            assert action.name not in ended, "a stage that is over stays over"
            _is_taken(StageStatus, action.status)
        if isinstance(action, StartStage):
            assert action.name not in ended
            assert not facts.task.spec.suspend
            assert not facts.task.spec.cancel
            if action.job:
                labels = action.job["metadata"]["labels"]
                assert plan.holds_slot
                assert facts.admission.admitted
                assert (labels["asynctask.io/stage"], facts.task.spec.run) not in live, "no stage runs twice at once"
                known = facts.jobs.get(action.job["metadata"]["name"])
                owner = next((s.metadata.uid for s in facts.stages if s.metadata.name == action.name), "")
                assert known is None or not known.metadata.is_owned_by(owner), "its Job is there"
                started.append(labels["asynctask.io/stage"])
    assert len(started) == len(set(started))
    if plan.status is not None:
        _is_taken(AsyncTaskStatus, plan.status)
    if plan.wake_at is not None and not plan.actions:
        assert plan.wake_at > NOW - timedelta(seconds=1), "nothing to do, and no pause before looking again"


def _is_taken(model: Any, status: Any) -> None:
    """Whether the API server would take it: the model has the bounds of the CRD."""
    plain = orjson.loads(orjson.dumps(status))
    model.model_validate({key: value for key, value in plain.items() if value is not None})


@given(
    st.text(max_size=300),
    st.text(max_size=60),
    st.sampled_from([*NAMES, "a-r1"]),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
)
def test_names_always_fit(name: str, uid: str, stage: str, run: int, attempt: int) -> None:
    from asynctask.api import names

    made = names.child_name(name, uid, stage, run, attempt)
    assert len(made) <= names.MAX_JOB_NAME
    assert run_of({names.LABEL_RUN: str(run)}) == run
