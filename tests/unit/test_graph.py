"""Stages in a graph: what begins when, what runs after a failure, and that every run comes to an end."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.scenes import Scene, make_task, tell_name

from asynctask.api.status import FINAL_PHASES
from asynctask.core.plan import PatchStage, StartStage

FINALLY = {"needsCondition": "Finished"}
FORK = make_task().stage("left", needs=[]).stage("right", needs=[]).stage("join", needs=["left", "right"])
CLEAN = make_task().stage("scan").stage("copy").stage("verify").stage("thaw", **FINALLY)
STRICT = make_task().stage("copy").stage("delete", needsCondition="Succeeded").stage("tell")
BACK = make_task().stage("install").stage("back", **FINALLY, when="outcomes.install == 'Failed'")

SENTENCES = {
    "branches begin together": (FORK, "Running", ("start left a1", "start right a1")),
    "a join waits for the last branch": (FORK.succeeded("left").running("right"), "Running", ()),
    "a join begins after the last branch": (FORK.succeeded("left").succeeded("right"), "Running", ("start join a1",)),
    "a branch goes on when another failed": (FORK.failed("left").running("right"), "Running", ()),
    "a failure is told when the other branches have ended": (FORK.failed("left").succeeded("right"), "Failed", ()),
    "no branch begins after another failed in the same moment": (
        FORK.began("right").job("right").pod("right", "Failed", exit_code=65), "Failed", ("right: Failed",)),
    "cleaning up waits for what it needs": (CLEAN.succeeded("scan").running("copy"), "Running", ()),
    "cleaning up follows success": (
        CLEAN.succeeded("scan").succeeded("copy").succeeded("verify"), "Running", ("start thaw a1",)),
    "cleaning up follows a failure, also of a stage long before": (CLEAN.failed("scan"), "Running", ("start thaw a1",)),
    "cleaning up after a stage that never began": (
        make_task().stage("left", needs=[]).stage("right", needs=[]).stage("thaw", needs=["right"], **FINALLY)
        .failed("left").not_admitted(), "Queued", ()),
    "the failure is told after cleaning up": (CLEAN.failed("scan").succeeded("thaw"), "Failed", ()),
    "cleaning up that fails is a failure": (
        CLEAN.succeeded("scan").succeeded("copy").succeeded("verify").failed("thaw"), "Failed", ()),
    "a cancel stops the stages first": (CLEAN.running("scan").cancelled(), "Stopping", ("suspend scan a1", "scan: Stopping")),
    "a cancel cleans up": (CLEAN.failed("scan", reason="Cancelled").cancelled(), "Stopping", ("start thaw a1",)),
    "a cancel lets cleaning up end": (
        CLEAN.failed("scan", reason="Cancelled").running("thaw").cancelled(), "Stopping", ()),
    "a cancel is over after cleaning up": (
        CLEAN.failed("scan", reason="Cancelled").succeeded("thaw").cancelled(), "Cancelled", ()),
    "a cancel before anything began has nothing to clean up": (CLEAN.cancelled(), "Cancelled", ()),
    "a deadline cleans up": (
        CLEAN.failed("scan", reason="Cancelled").with_spec(activeDeadlineSeconds=1), "Stopping", ("start thaw a1",)),
    "a pause cleans nothing up": (CLEAN.failed("scan").paused(), "Paused", ()),
    "cleaning up waits for a place": (CLEAN.failed("scan").not_admitted(), "Queued", ()),
    "what needs all of a stage begins after all of it": (STRICT.succeeded("copy"), "Running", ("start delete a1",)),
    "what needs all of a stage is skipped after part of it": (
        STRICT.succeeded("copy", reason="PartiallySucceeded"), "Running", ("start tell a1",)),
    "what is there for failures begins after one": (BACK.failed("install"), "Running", ("start back a1",)),
    "what is there for failures is skipped without": (BACK.succeeded("install"), "Succeeded", ()),
    "a stage after one that never began never begins": (
        make_task().stage("a").stage("b").stage("c").failed("a"), "Failed", ()),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_graph(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


def test_the_first_failure_is_the_task_s() -> None:
    assert CLEAN.failed("scan", reason="OutOfMemory").succeeded("thaw").told().reason == "OutOfMemory"


def test_cleaning_up_that_failed_after_a_cancel_is_told() -> None:
    told = CLEAN.failed("scan", reason="Cancelled").failed("thaw").cancelled().told()
    assert (told.phase, told.message) == ("Cancelled", "cancelled; thaw failed: ")


def test_cleaning_up_after_a_cancel_asks_for_a_place() -> None:
    plan = CLEAN.failed("scan", reason="Cancelled").cancelled().not_admitted().told().plan
    assert (plan.wants_slot, plan.holds_slot) == (True, False)


@pytest.mark.parametrize(
    ("outcome", "scene"),
    [
        ("Succeeded", CLEAN.succeeded("scan").succeeded("copy").succeeded("verify")),
        (
            "PartiallySucceeded",
            CLEAN.succeeded("scan").succeeded("copy").succeeded("verify", reason="PartiallySucceeded"),
        ),
        ("Failed", CLEAN.succeeded("scan").succeeded("copy").failed("verify")),
        ("NotRun", CLEAN.failed("scan")),
    ],
)
def test_outcomes_may_be_asked(outcome: str, scene: Scene) -> None:
    templates = (*scene.templates[:3], {**scene.templates[3], "when": f"outcomes.verify == '{outcome}'"})
    assert replace(scene, templates=templates).told().actions == ("start thaw a1",)
    templates = (*scene.templates[:3], {**scene.templates[3], "when": f"outcomes.verify != '{outcome}'"})
    assert replace(scene, templates=templates).told().actions == ()


def test_a_condition_asks_only_what_came_before() -> None:
    """What a branch beside it left depends on the moment: it would begin or not by chance."""
    beside = make_task().stage("a", needs=[]).stage("b", needs=[]).stage("c", needs=["a"], when="outputs.b.n > 0")
    told = beside.succeeded("a").succeeded("b", completion={"outcome": "succeeded", "outputs": {"n": 1}}).told()
    assert "there is no 'b'" in told.message


NAMES = "abcde"
ENDS = ("True Succeeded", "True PartiallySucceeded", "False PermanentError", "False Cancelled")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Scene, dict[str, Any]]:
    """A graph, and how each stage would end if it ran."""
    scene, count = make_task(), draw(st.integers(1, len(NAMES)))
    order = draw(st.permutations(NAMES[:count]))
    for index, name in enumerate(order):
        needs = draw(st.lists(st.sampled_from(order[:index]), unique=True)) if index else []
        condition = draw(st.sampled_from(["Succeeded", "PartiallySucceeded", "Finished"]))
        more = draw(st.sampled_from([{}, {}, {"when": "outcomes.exists(n, outcomes[n] == 'Failed')"}]))
        scene = scene.stage(name, needs=needs, needsCondition=condition, **more)
    return scene, {name: draw(st.sampled_from(ENDS)) for name in order}


@settings(max_examples=examples(150), deadline=None)
@given(graphs(), st.data())
def test_every_run_comes_to_its_end_in_order(graph: tuple[Scene, dict[str, str]], data: st.DataObject) -> None:
    """Stages that run end one by one, in any order; a cancel may come at any time."""
    scene, ends = graph
    templates = {template["name"]: template for template in scene.templates}
    running: list[str] = []
    ended: dict[str, str] = {}
    for _ in range(3 * len(templates) + 3):
        told = scene.told()
        for action in told.plan.actions:
            if isinstance(action, StartStage):
                name = tell_name(action.name)[0]
                assert name not in {*running, *ended}, "no stage begins twice"
                _may_begin(templates, name, running, ended)
                running.append(name)
                scene = scene.running(name)
            if isinstance(action, PatchStage) and "conditions" in action.status:
                name = tell_name(action.name)[0]
                running.remove(name)
                ended[name] = "False Cancelled"
                scene = scene.failed(name, reason="Cancelled")
        if told.phase in FINAL_PHASES:
            assert not running, "nothing runs on after the end"
            _tells(told.phase, ended, is_cancelled=scene.task.spec.cancel)
            for template in scene.templates if ended else ():
                is_clean_up = template["needsCondition"] == "Finished" and template["needs"] and "when" not in template
                assert not is_clean_up or template["name"] in ended, "whatever happened, it is cleaned up"
            return
        if running and not told.plan.actions:
            name = data.draw(st.sampled_from(running))
            running.remove(name)
            ended[name] = ends[name]
            status, reason = ends[name].split()
            scene = replace(
                scene, pods=tuple(p for p in scene.pods if p["metadata"]["labels"]["asynctask.io/stage"] != name)
            )
            scene = scene.succeeded(name, reason=reason) if status == "True" else scene.failed(name, reason=reason)
            if not data.draw(st.integers(0, 9)):
                # its pod is gone in the moment of the cancel
                scene = scene.cancelled()
                for name in running:
                    ended[name] = "False Cancelled"
                    scene = replace(scene, pods=()).failed(name, reason="Cancelled")
                running.clear()
    raise AssertionError(f"no end: {told.phase} {told.message}")


def _may_begin(templates: dict[str, Any], name: str, running: list[str], ended: dict[str, str]) -> None:
    template, before = templates[name], [*templates[name]["needs"]]
    for each in before:
        assert each not in running, "it begins after all that it needs, also where they never began"
        before += templates[each]["needs"]
    if template["needsCondition"] == "Finished":
        return
    assert "False PermanentError" not in ended.values(), "none but those that clean up begin after a failure"
    for need in template["needs"]:
        if need in ended:
            assert ended[need].startswith("True")
            assert template["needsCondition"] != "Succeeded" or ended[need] == "True Succeeded"


def _tells(phase: str, ended: dict[str, str], *, is_cancelled: bool) -> None:
    if is_cancelled:
        assert phase in {"Cancelled", "Failed", "Succeeded", "Partial"}
    elif "False PermanentError" in ended.values():
        assert phase == "Failed"
    elif not ended or set(ended.values()) == {"True Succeeded"}:
        assert phase == "Succeeded"
