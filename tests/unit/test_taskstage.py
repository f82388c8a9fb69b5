"""Stages that start other tasks: how many at once, what becomes of failures, what is passed on, what is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.scenes import NOW, Scene, ago, make_task, owned_by, tell_name

from asynctask.api import names
from asynctask.core import manifests, positions
from asynctask.core.facts import Resolved
from asynctask.core.plan import PatchStage, PatchTask, StartStage

WAITING = {"phase": "Waiting"}
PAIR = make_task(priority=2).stage(
    "spread", task={"tasks": [{"name": "east", "type": "sync"}, {"name": "west", "type": "sync", "priority": 5}]}
)
PAIR_BEGAN = PAIR.began("spread", **WAITING, tasks={"total": 2, "priority": 2, "time": ago(60)})
PAIR_NAMES = {"east": 0, "west": 1}


def each(items: Any = "config.folders", config: Any = None, **more: Any) -> Scene:
    """One task for each of five folders, two at a time."""
    template: dict[str, Any] = {"items": items, "type": "sync", **more.pop("template", {})}
    folders = config or {"folders": [f"/nas/f{number}" for number in range(5)]}
    return make_task(config=folders).stage("spread", task={"forEach": template, "parallelism": 2, **more})


def child(scene: Scene, name: str, ended: str = "", reason: str = "Succeeded", message: str = "", **spec: Any) -> Scene:
    """A task that the stage started, ended so or not at all."""
    index = PAIR_NAMES[name] if name in PAIR_NAMES else int(name.partition("-")[0])
    full = manifests.child_task_name(scene.task, "spread", name)
    labels = manifests.labels(scene.task, "spread") | {names.LABEL_INDEX: str(index)}
    priority = spec.pop("priority", None if name in PAIR_NAMES else 3)
    owner = owned_by("Stage", f"stage-spread-{scene.task.spec.run}")
    made = make_task(full, priority=priority, **spec).stage("copy").with_meta(labels=labels, **owner)
    made = (made.ended(ended, reason) if ended else made).with_status(run=1, message=message)
    return replace(scene, children={**scene.children, full: made.as_other})


def begun(scene: Scene, **status: Any) -> Scene:
    """The Stage is there, with its items and a record of none."""
    status = {**WAITING, "tasks": {"total": 5, "priority": 3, "time": ago(60)}, **status}
    scene = scene.began("spread", **status)
    (name,) = scene.stages
    stage = scene.stages[name]
    return replace(
        scene, stages={name: {**stage, "spec": {**stage["spec"], "items": scene.task.spec.config["folders"]}}}
    )


def ended(scene: Scene, *indices: int, how: str = "True Succeeded") -> Scene:
    """Tasks of these positions ended so."""
    for index in indices:
        scene = child(
            scene, f"{index}-f{index}", *how.split(), message="no such share" if how.startswith("False") else ""
        )
    return scene


def active(scene: Scene, *indices: int, **spec: Any) -> Scene:
    """Tasks of these positions run."""
    for index in indices:
        scene = child(scene, f"{index}-f{index}", **spec)
    return scene


def started(scene: Scene) -> list[str]:
    """The tasks that are made now."""
    made = [body for action in scene.told().plan.actions if isinstance(action, StartStage) for body in action.tasks]
    return [tell_name(body["metadata"]["name"])[0] for body in made]


FEW, FIVE = PAIR_BEGAN, begun(each())
BOTH = child(child(FEW, "east"), "west", priority=5)
ALL = {"True": "succeeded", "False": "failed"}

SENTENCES = {
    "tasks are started together": (PAIR, "Waiting", ("start spread with 2 tasks",)),
    "tasks are waited for": (child(child(FEW, "east"), "west"), "Waiting", ()),
    "a task that is missing is made": (child(FEW, "east"), "Waiting", ("start spread with 1 tasks",)),
    "tasks that are done are done": (
        child(child(FEW, "east", "True"), "west", "True"), "Succeeded", ("spread: Succeeded",)),
    "tasks are as good as the worst: in part": (
        child(child(FEW, "east", "True"), "west", "True", "PartiallySucceeded"), "Partial", ("spread: Partial",)),
    "tasks are as good as the worst: failed": (
        child(child(FEW, "east", "False", "Failed"), "west", "True"), "Failed", ("spread: Failed",)),
    "a failed task is told when the others have ended": (
        child(child(FEW, "east", "False"), "west"), "Waiting", ("spread: ?",)),
    "a task that runs again is waited for": (
        child(child(FEW, "east", "True"), "west", "True", run=2), "Waiting", ("spread: ?",)),
    "a pause is passed on": (
        BOTH.paused(), "Paused", ("spread: Paused", "task east: suspend=True", "task west: suspend=True")),
    "a pause is passed on once": (
        active(begun(each(), phase="Paused"), 0, 1, suspend=True).paused(), "Paused", ()),
    "a resume is passed on": (
        active(begun(each(), phase="Paused"), 0, 1, suspend=True), "Waiting",
        ("task 0-f0: suspend=False", "task 1-f1: suspend=False", "spread: Waiting")),
    "a task that somebody paused by itself stays paused": (active(active(FIVE, 0, suspend=True), 1), "Waiting", ()),
    "a pause starts no more": (active(begun(each(), phase="Paused"), 0, suspend=True).paused(), "Paused", ()),
    "a pause does not begin the stage": (each().paused(), "Paused", ()),
    "a cancel is passed on": (BOTH.cancelled(), "Stopping", ("task east: cancel=True", "task west: cancel=True")),
    "a cancel waits for them": (
        child(child(FEW, "east", "False", "Cancelled", cancel=True), "west", cancel=True).cancelled(), "Stopping", ()),
    "a cancel is over with them": (
        child(child(FEW, "east", "False", "Cancelled"), "west", "False", "Cancelled").cancelled(), "Cancelled",
        ("spread: Cancelled",)),
    "a new run starts its own tasks": (
        PAIR.with_spec(run=2).with_status(run=1).began("spread", run=1), "Waiting", ("start spread with 2 tasks",)),
    "a few at a time: the first": (each(), "Waiting", ("start spread with 2 tasks",)),
    "a few at a time: no more than that": (active(FIVE, 0, 1), "Waiting", ()),
    "a few at a time: the next": (active(ended(FIVE, 0), 1), "Waiting", ("start spread with 1 tasks", "spread: ?")),
    "a few at a time: the last": (active(ended(FIVE, 0, 1, 2, 3), 4), "Waiting", ("spread: ?",)),
    "all items are done": (ended(FIVE, *range(5)), "Succeeded", ("spread: Succeeded",)),
    "an empty list is skipped": (each("[]"), "Succeeded", ()),
    "a list that is none fails": (each("config"), "Failed", ()),
    "an expression with a fault is told before anything runs": (each("config."), "Invalid", ()),
    "a template with a fault is told before anything runs": (
        each(template={"configFrom": {"source": "item."}}), "Invalid", ()),
    "failures don't keep the others from being tried": (
        active(ended(FIVE, 0, how="False Failed"), 1), "Waiting", ("start spread with 1 tasks", "spread: ?")),
    "failures are the end when all have been tried": (
        ended(ended(FIVE, 0, how="False Failed"), 1, 2, 3, 4), "Failed", ("spread: Failed",)),
    "as many failures as may be are borne": (
        ended(ended(begun(each(maxFailures=1)), 0, how="False Failed"), 1, 2, 3, 4), "Partial", ("spread: Partial",)),
    "one failure too many starts no more": (
        active(ended(begun(each(maxFailures=0)), 0, how="False Failed"), 1), "Waiting", ("spread: ?",)),
    "one failure too many is the end": (
        ended(ended(begun(each(maxFailures=0)), 0, how="False Failed"), 1), "Failed", ("spread: Failed",)),
    "failures only are a failure, however many may be": (
        ended(begun(each(maxFailures=9)), *range(5), how="False Failed"), "Failed", ("spread: Failed",)),
    "when another stage fails, those that run go on": (
        active(begun(each()), 0).stage("beside", needs=[]).failed("beside"), "Waiting", ()),
    "when another stage fails, no more are started": (
        ended(begun(each()), 0).stage("beside", needs=[]).failed("beside"), "Failed", ("spread: Cancelled",)),
    "a task that was deleted since is not started again": (
        active(begun(each(), tasks={"total": 5, "succeeded": "0-1", "failed": "2", "priority": 3, "time": ago(60)}), 3),
        "Waiting", ("start spread with 1 tasks",)),
    "a task that was deleted since still counts": (
        ended(begun(each(), tasks={"total": 5, "succeeded": "0-1,3", "failed": "2", "priority": 3}), 4), "Failed",
        ("spread: Failed",)),
    "a failed task that runs again may make it good": (
        ended(begun(each(), tasks={"total": 5, "failed": "0", "priority": 3, "time": ago(60)}), *range(5)), "Succeeded",
        ("spread: Succeeded",)),
    "a new priority is passed on": (
        active(begun(each()), 0, 1).with_spec(priority=1), "Waiting",
        ("task 0-f0: priority=1", "task 1-f1: priority=1", "spread: ?")),
    "a priority that somebody gave one task stays": (
        active(active(begun(each()), 0), 1, priority=5).with_spec(priority=1), "Waiting",
        ("task 0-f0: priority=1", "spread: ?")),
    "a priority that the template gives stays": (BOTH.with_spec(priority=1), "Waiting", ("spread: ?",)),
    "the record is not written again and again": (
        active(ended(begun(each(), tasks={"total": 5, "priority": 3, "time": ago(4)}), 0), 1, 2), "Waiting", ()),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_stage_of_tasks(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


def test_a_new_run_stops_the_tasks_of_the_one_before() -> None:
    before = child(child(FEW, "east"), "west", "True").with_spec(run=2).with_status(run=1)
    assert (before.told().phase, before.told().actions) == ("Stopping", ("task east: cancel=True",))


def test_tasks_inherit_priority_and_queue() -> None:
    (start,) = PAIR.with_spec(queueName="night").told().plan.actions
    assert isinstance(start, StartStage)
    assert [(body["spec"]["priority"], body["spec"]["queueName"]) for body in start.tasks] == [
        (2, "night"),
        (5, "night"),
    ]


def test_what_waits_for_tasks_holds_no_place() -> None:
    assert not active(FIVE, 0, 1).told().plan.holds_slot
    assert each().not_admitted().told().actions == ("start spread with 2 tasks",), "it needs none to begin"


def test_a_task_that_says_it_belongs_to_the_stage_does_not_count_unless_it_does() -> None:
    scene = active(ended(FIVE, 0), 1)
    thief = next(name for name, child in scene.children.items() if child.is_over)
    posing = {**scene.children, thief: replace(scene.children[thief], stage_uid="another")}
    assert started(replace(scene, children=posing)) == ["0-f0"], "it is not done; the API server will name the thief"


def test_items_have_readable_names_and_keep_their_order() -> None:
    scene = each(
        config={"folders": ["/nas/Sales & Co", {"name": "HR"}, {"path": "/nas/it/"}, 7, "x" * 99]}, parallelism=9
    )
    assert started(scene) == ["0-sales-co", "1-hr", "2-it", "3", "4-" + "x" * 16]


def test_items_are_fixed_when_the_stage_begins() -> None:
    (start,) = each().told().plan.actions
    assert isinstance(start, StartStage)
    assert start.stage is not None
    assert start.stage["spec"]["items"] == [f"/nas/f{number}" for number in range(5)]


def test_config_is_computed_for_each_item() -> None:
    computed = {
        "source": "item.path",
        "target": "config.target + item.path",
        "number": "index",
        "deep": "outputs.scan.n",
    }
    scan = make_task(config={"target": "/new"}).stage("scan").succeeded(
        "scan", completion={"outcome": "succeeded", "outputs": {"n": {"x": 1}, "folders": [{"path": "/a"}]}}
    )  # fmt: skip
    template = {
        "items": "outputs.scan.folders",
        "type": "sync",
        "config": {"verify": True, "number": 9},
        "configFrom": computed,
    }
    (start,) = scan.stage("spread", task={"forEach": template}).told().plan.actions
    assert isinstance(start, StartStage)
    assert start.tasks[0]["spec"]["config"] == {
        "source": "/a", "target": "/new/a", "number": 0, "deep": {"x": 1}, "verify": True,
    }  # fmt: skip


def test_config_of_named_tasks_is_computed_too() -> None:
    named = [{"name": "east", "type": "sync", "configFrom": {"source": "config.east"}}]
    (start,) = make_task(config={"east": "/nas/e"}).stage("spread", task={"tasks": named}).told().plan.actions
    assert isinstance(start, StartStage)
    assert start.tasks[0]["spec"]["config"] == {"source": "/nas/e"}


def test_an_item_without_what_the_template_asks_for_is_one_that_failed() -> None:
    folders = {"folders": [{"path": "/a"}, {"nothing": 1}, {"path": "/c"}]}
    scene = begun(
        each(config=folders, template={"configFrom": {"source": "item.path"}}), tasks={"total": 3, "priority": 3}
    )
    told = scene.told()
    assert told.actions == ("start spread with 2 tasks", "spread: ?")
    assert told.patch("spread")["tasks"]["failed"] == "1"
    (error,) = told.patch("spread")["itemErrors"]["first"]
    assert "configFrom.source: there is no 'path'" in error["message"]


def test_counts_are_told_and_kept() -> None:
    scene = active(ended(ended(ended(FIVE, 0, 1), 2, how="True PartiallySucceeded"), 3, how="False Failed"), 4)
    told = scene.told()
    record = told.patch("spread")
    assert told.message == "spread: 4 of 5 tasks have ended, 1 of them failed"
    assert record["tasks"] | {"time": ""} == {
        "total": 5, "succeeded": "0-1", "partial": "2", "failed": "3", "priority": 3, "time": "",
    }  # fmt: skip
    assert record["progress"] == {"itemsDone": 4, "itemsTotal": 5}
    assert [error["message"] for error in record["itemErrors"]["first"]] == ["no such share"]


def test_counts_are_outputs() -> None:
    patch = ended(FIVE, *range(5)).told().patch("spread")
    assert patch["outputs"] == {"total": 5, "succeeded": 5, "partial": 0, "failed": 0}
    after = each("[]").stage("tell", when="outputs.spread.total == 0")
    assert after.told().actions == ("start tell a1",)


def test_a_failure_names_tasks_and_the_first_one_s_words() -> None:
    scene = ended(ended(begun(each(maxFailures=1)), 1, 2, how="False Failed"), 0)
    message = scene.told().message
    assert "2 of 5 tasks failed: nightly-" in message
    assert "; 2 were not started. nightly-" in message
    assert message.endswith("no such share")


def test_a_task_that_can_t_begin_is_told_with_its_words() -> None:
    scene = active(FIVE, 0, 1)
    name = manifests.child_task_name(scene.task, "spread", "1-f1")
    broken = replace(scene.children[name], is_invalid=True, words="spec.type: there is no TaskType 'sync'")
    told = replace(scene, children={**scene.children, name: broken}).told()
    assert told.message.endswith(f"{name} is Invalid: spec.type: there is no TaskType 'sync'")


def test_the_record_is_written_when_it_is_due() -> None:
    scene = active(ended(begun(each(), tasks={"total": 5, "priority": 3, "time": ago(4)}), 0), 1, 2)
    assert scene.told().plan.wake_at is not None
    assert (scene.told().plan.wake_at - NOW).total_seconds() == 1  # type: ignore[operator]


def test_a_type_that_starts_itself_comes_to_an_end() -> None:
    deep = PAIR.with_meta(labels={names.LABEL_DEPTH: "5"})
    assert (deep.told().phase, deep.told().reason) == ("Failed", "InvalidStages")
    (start,) = PAIR.with_meta(labels={names.LABEL_DEPTH: "4"}).told().plan.actions
    assert isinstance(start, StartStage)
    assert start.tasks[0]["metadata"]["labels"][names.LABEL_DEPTH] == "5"


def test_thousands_of_items_stay_small() -> None:
    folders = {"folders": [f"/nas/{number}" for number in range(4000)]}
    scene = begun(each(config=folders, parallelism=1000))
    assert len(started(scene)) == 50, "others want their turn too"
    worst = {"total": 4000, "priority": 3, "time": ago(60), "succeeded": positions.write(range(0, 4000, 2))}
    scene = begun(each(config=folders, parallelism=1), tasks=worst | {"failed": positions.write(range(1, 3999, 2))})
    told = active(scene, 3999).told()
    assert told.message == "spread: 3999 of 4000 tasks have ended, 1999 of them failed"
    assert len(str(scene.told().patch("spread"))) + len(str(worst)) < 100_000


@given(st.sets(st.integers(0, 60)))
def test_positions_are_written_and_read(found: set[int]) -> None:
    assert positions.parse(positions.write(found)) == found


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), st.integers(1, 9), st.integers(1, 4), st.none() | st.integers(0, 9))
def test_every_item_is_started_once_and_counted_once(
    data: st.DataObject, total: int, parallelism: int, allowed: int | None
) -> None:
    """Tasks end in any way and order; the operator forgets at any time what it has not written; ended tasks vanish."""
    limits = {"parallelism": parallelism} | ({} if allowed is None else {"maxFailures": allowed})
    scene = each(config={"folders": list(range(total))}, **limits)
    made: list[int] = []
    ends: dict[int, str] = {}
    for _ in range(6 * total + 6):
        told = scene.told()
        for action in told.plan.actions:
            if isinstance(action, StartStage):
                if action.stage:
                    scene = begun(scene, tasks=None)
                made += [int(tell_name(body["metadata"]["name"])[0]) for body in action.tasks]
                for body in action.tasks:
                    scene = child(scene, tell_name(body["metadata"]["name"])[0])
            assert not isinstance(action, PatchTask)
            if isinstance(action, PatchStage):
                scene = scene.began("spread", **action.status)
        assert len(made) - len(ends) <= parallelism
        assert made == list(range(len(made))), "in order, and each once"
        if told.phase in {"Succeeded", "Partial", "Failed"}:
            break
        running = [index for index in made if index not in ends]
        if running and not told.plan.actions:
            index = data.draw(st.sampled_from(running))
            ends[index] = data.draw(st.sampled_from(["True Succeeded", "True PartiallySucceeded", "False Failed"]))
            scene = child(scene, str(index), *ends[index].split())
        elif not told.plan.actions:
            raise AssertionError("nothing runs, and no end")
        record = (next(iter(scene.stages.values()))["status"].get("tasks") or {}) if scene.stages else {}
        kept = positions.parse(record.get("succeeded", "")) | positions.parse(record.get("failed", ""))
        if kept and data.draw(st.booleans()):
            gone = manifests.child_task_name(scene.task, "spread", str(data.draw(st.sampled_from(sorted(kept)))))
            scene = replace(scene, children={name: c for name, c in scene.children.items() if name != gone})
    failed = sum(end.startswith("False") for end in ends.values())
    expected = "Succeeded" if set(ends.values()) == {"True Succeeded"} else "Partial"
    assert told.phase == ("Failed" if failed > (allowed or 0) or failed == total else expected)
    assert len(ends) == total or failed > (allowed if allowed is not None else total)
    assert told.patch("spread")["outputs"]["failed"] == failed


def test_the_scene_is_the_one_meant() -> None:
    assert isinstance(each().resolved, Resolved)
