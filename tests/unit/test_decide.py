"""The policies in their order: what is made of a whole task."""

from dataclasses import replace

import pytest
from support.scenes import REFUSED, Scene, ago, make_task

from asynctask.api.tasktype import TaskType
from asynctask.core.plan import StartStage

TWO = make_task().stage("scan").stage("copy")
FORK = make_task().stage("scan").stage("left", needs=["scan"]).stage("right", needs=["scan"]).stage("join", needs=["left", "right"])  # fmt: skip
SUSPENDED = {"suspend": True, "condition": ("Suspended", ""), "started_ago": None}

SENTENCES = {
    # order of stages
    "the second stage waits for the first": (TWO.running("scan"), "Running", ()),
    "the second stage follows the first": (TWO.succeeded("scan"), "Running", ("start copy a1",)),
    "it follows in the same step in which the first ended": (
        TWO.began("scan").job("scan").pod("scan", "Succeeded", exit_code=0),
        "Running", ("scan: Succeeded", "start copy a1")),
    "a stage done in part lets the next begin": (
        TWO.succeeded("scan", reason="PartiallySucceeded"), "Running", ("start copy a1",)),
    "all stages done is done": (TWO.succeeded("scan").succeeded("copy"), "Succeeded", ()),
    "one stage done in part is partial success": (
        TWO.succeeded("scan", reason="PartiallySucceeded").succeeded("copy"), "Partial", ()),
    "a failed stage is the end": (TWO.failed("scan"), "Failed", ()),
    "stages side by side start together": (FORK.succeeded("scan"), "Running", ("start left a1", "start right a1")),
    "a join waits for both": (FORK.succeeded("scan").succeeded("left").running("right"), "Running", ()),
    "a join follows both": (
        FORK.succeeded("scan").succeeded("left").succeeded("right"), "Running", ("start join a1",)),
    "stages without needs start at once": (
        make_task().stage("a", needs=[]).stage("b", needs=[]), "Running", ("start a a1", "start b a1")),
    "a failed stage lets its sister end": (FORK.succeeded("scan").failed("left").running("right"), "Running", ()),
    "a failed stage keeps its sister from beginning": (FORK.succeeded("scan").failed("left"), "Failed", ()),
    "a failed stage keeps its sister from another attempt": (
        FORK.succeeded("scan").failed("left").began("right", attempt=2, retryTime=ago(5)), "Failed", ("right: Pending",)),
    "a task with a cycle says so": (
        make_task().stage("a", needs=["b"]).stage("b", needs=["a"]), "Invalid", ()),
    # when
    "a stage whose condition is false is skipped": (
        make_task(config={"deep": False}).stage("scan", when="config.deep").stage("copy"),
        "Running", ("start copy a1",)),
    "a condition may look at outputs": (
        make_task().stage("scan").stage("copy", when="outputs.scan.changed > 0")
        .succeeded("scan", completion={"outcome": "succeeded", "outputs": {"changed": 0}}),
        "Succeeded", ()),
    "outputs of a termination message count as well": (
        make_task().stage("scan").stage("copy", when="outputs.scan.changed > 0")
        .succeeded("scan", outputs={"changed": 2}),
        "Running", ("start copy a1",)),
    "outputs are there in the step in which the stage ends": (
        make_task().stage("scan").stage("copy", when="outputs.scan.changed > 5").began("scan").job("scan")
        .pod("scan", "Succeeded", exit_code=0, message='{"outcome":"succeeded","outputs":{"changed":6}}'),
        "Running", ("scan: Succeeded", "start copy a1")),
    "a condition that fails is the end": (
        make_task().stage("scan").stage("copy", when="outputs.nothing.at.all > 0").succeeded("scan"), "Failed", ()),
    "a condition that gives a number is the end": (make_task().stage("scan", when="1 + 1"), "Failed", ()),
    "all stages skipped is done": (make_task().stage("scan", when="false"), "Succeeded", ()),
    # pause and resume
    "a pause between stages starts nothing": (TWO.paused().succeeded("scan"), "Paused", ()),
    "a pause of two stages stops both": (
        FORK.paused().succeeded("scan").running("left").running("right"), "Stopping",
        ("suspend left a1", "left: Stopping", "suspend right a1", "right: Stopping")),
    "a pause is over when all have stopped": (
        FORK.paused().succeeded("scan").began("left", phase="Paused").job("left", **SUSPENDED).running("right"),
        "Stopping", ("suspend right a1", "right: Stopping")),
    "a task that is done can't be paused": (TWO.paused().succeeded("scan").succeeded("copy"), "Succeeded", ()),
    # cancel
    "a cancel before the beginning": (TWO.cancelled(), "Cancelled", ()),
    "a cancel between stages": (TWO.cancelled().succeeded("scan"), "Cancelled", ()),
    "a cancel stops what runs": (
        TWO.cancelled().running("scan"), "Stopping", ("suspend scan a1", "scan: Stopping")),
    "a cancel outranks a pause": (TWO.paused().cancelled(), "Cancelled", ()),
    "a cancel waits while an attempt fails beside it": (
        TWO.cancelled().began("scan").job("scan").pod("scan", "Failed", exit_code=1),
        "Stopping", ("scan: BackingOff a2",)),
    "a cancelled invalid task is over": (
        make_task().stage("a", needs=["b"]).stage("b", needs=["a"]).cancelled(), "Cancelled", ()),
    "a cancelled invalid task stops what runs": (
        TWO.with_spec(restartFrom="moon", run=2).running("scan", run=2).cancelled(), "Invalid", ("suspend scan a1",)),
    "a paused invalid task stops what runs": (
        TWO.with_spec(restartFrom="moon", run=2).running("scan", run=2).paused(), "Invalid", ("suspend scan a1",)),
    "an invalid task leaves alone what runs": (
        TWO.with_spec(restartFrom="moon", run=2).running("scan", run=2), "Invalid", ()),
    # deadline
    "a run within its deadline goes on": (
        TWO.with_spec(activeDeadlineSeconds=61).running("scan"), "Running", ()),
    "a run past its deadline is stopped": (
        TWO.with_spec(activeDeadlineSeconds=59).running("scan"), "Stopping", ("suspend scan a1", "scan: Stopping")),
    "a run past its deadline has failed": (
        TWO.with_spec(activeDeadlineSeconds=59).began("scan").job("scan", **SUSPENDED), "Failed", ("scan: Cancelled",)),
    "a task that waits in its queue has no deadline yet": (
        TWO.with_spec(activeDeadlineSeconds=1).not_admitted(), "Queued", ()),
    # the end
    "a run that ended stays ended": (TWO.ended().succeeded("scan"), "", ()),
    "a run that failed stays failed": (TWO.ended("False", "Failed").running("scan"), "", ()),
    "a task whose time to live is over goes": (
        TWO.with_spec(ttlSecondsAfterFinished=30).ended(seconds_ago=31), "", ("delete the task",)),
    "a task whose time to live is not over stays": (
        TWO.with_spec(ttlSecondsAfterFinished=90).ended(seconds_ago=31), "", ()),
    "a task that is to be archived stays until it is": (
        TWO.with_spec(ttlSecondsAfterFinished=30).ended(seconds_ago=31).to_be_archived(), "", ()),
    "a task that is archived goes": (
        TWO.with_spec(ttlSecondsAfterFinished=30).ended(seconds_ago=31).to_be_archived().archived(),
        "", ("delete the task",)),
    "a task that is archived as it was before it was changed stays": (
        TWO.with_spec(ttlSecondsAfterFinished=30).with_meta(generation=3).ended(seconds_ago=31)
        .to_be_archived().archived(generation=2), "", ()),
    "a task that is said not to be archived stays": (
        TWO.with_spec(ttlSecondsAfterFinished=30).ended(seconds_ago=31).to_be_archived().archived(status="False"), "", ()),
    "an archived task whose time to live is not over stays": (
        TWO.with_spec(ttlSecondsAfterFinished=90).ended(seconds_ago=31).to_be_archived().archived(), "", ()),
    "a task that is being deleted is left alone": (TWO.with_meta(deletionTimestamp=ago(1)).running("scan"), "", ()),
    # runs
    "a higher run starts anew": (
        TWO.with_spec(run=2).ended().with_status(run=1).succeeded("scan", run=1), "Running", ("start scan a1",)),
    "a new run stops what is left of the one before": (
        TWO.with_spec(run=2).with_status(run=1).running("scan", run=1), "Stopping", ("suspend scan a1",)),
    "a new run waits for the pod of the one before": (
        TWO.with_spec(run=2).with_status(run=1).began("scan", run=1).job("scan", run=1, **SUSPENDED)
        .pod("scan", run=1), "Stopping", ()),
    "a new run waits for a pod whose Job is gone": (
        TWO.with_spec(run=2).with_status(run=1).pod("scan", run=1), "Stopping", ()),
    "a suspended Job of the run before is no obstacle": (
        TWO.with_spec(run=2).with_status(run=1).began("scan", run=1).job("scan", run=1, **SUSPENDED),
        "Running", ("start scan a1",)),
    "a restart from a stage keeps the results before it": (
        TWO.with_spec(run=2, restartFrom="copy").with_status(run=1).succeeded("scan", run=1).failed("copy", run=1),
        "Running", ("start copy a1",)),
    "a restart from the first stage keeps nothing": (
        TWO.with_spec(run=2, restartFrom="scan").with_status(run=1).succeeded("scan", run=1), "Running",
        ("start scan a1",)),
    "a restart runs again what never ended well": (
        TWO.with_spec(run=2, restartFrom="copy").with_status(run=1).failed("scan", run=1), "Running",
        ("start scan a1",)),
    "a restart takes the newest good result": (
        TWO.with_spec(run=3, restartFrom="copy").with_status(run=2).succeeded("scan", run=1).failed("scan", run=2),
        "Running", ("start copy a1",)),
    "a restart from an unknown stage says so": (TWO.with_spec(run=2, restartFrom="moon"), "Invalid", ()),
    "stages of very old runs go": (
        make_task(run=5).stage("scan").succeeded("scan", run=1).succeeded("scan", run=3).succeeded("scan", run=5),
        "Succeeded", ("delete scan",)),
    "an old result that is still used stays": (
        TWO.with_spec(run=5, restartFrom="copy").succeeded("scan", run=1).succeeded("copy", run=5), "Succeeded", ()),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_decide(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


def test_a_task_that_is_being_deleted_holds_its_place_until_its_pods_have_gone() -> None:
    going = TWO.with_meta(deletionTimestamp=ago(1))
    assert going.running("scan").told().plan.holds_slot
    assert going.began("scan").job("scan", active=1).told().plan.holds_slot, "a pod may come"
    assert going.began("scan").job("scan", **SUSPENDED).pod("scan").told().plan.holds_slot, "a pod stops"
    assert not going.began("scan").job("scan", **SUSPENDED).told().plan.holds_slot
    assert not going.told().plan.holds_slot


def test_a_circle_of_stages_is_told_with_its_path() -> None:
    told = make_task().stage("a", needs=["c"]).stage("b", needs=["a"]).stage("c", needs=["b"]).told()
    assert told.reason == "CycleInNeeds"
    assert "a → " in told.message
    assert "needs" in told.message


def test_a_problem_is_told_once() -> None:
    scene = make_task().stage("a", needs=["b"]).stage("b", needs=["a"])
    first = scene.told()
    assert [event.reason for event in first.plan.events] == ["CycleInNeeds"]
    assert first.plan.urgency == "now"
    again = scene.with_status(conditions=first.plan.status["conditions"] if first.plan.status else [])
    assert not again.told().plan.events


def test_a_problem_that_a_label_of_the_namespace_mends_is_looked_at_again() -> None:
    told = make_task().stage("scan", job={"image": "x", "securityProfile": "DataOwner"}).told()
    assert told.reason == "ProfileNotAllowed"
    assert told.plan.wake_at is not None


def test_a_problem_found_while_pods_run_keeps_their_place() -> None:
    assert TWO.with_spec(restartFrom="moon", run=2).running("scan", run=2).told().plan.holds_slot


PAUSED = {"type": "Paused", "status": "True", "reason": "Suspended"}


@pytest.mark.parametrize(("scene", "condition", "status"), [
    (TWO, "Succeeded", "Unknown"),
    (TWO.succeeded("scan").succeeded("copy"), "Succeeded", "True"),
    (TWO.succeeded("scan", reason="PartiallySucceeded").succeeded("copy"), "Succeeded", "True"),
    (TWO.failed("scan"), "Succeeded", "False"),
    (TWO.cancelled(), "Succeeded", "False"),
    (TWO.paused(), "Paused", "True"),
    (TWO.with_status(run=1, conditions=[PAUSED]), "Paused", "False"),
    (TWO.not_admitted(), "Admitted", "False"),
    (TWO.running("scan"), "Admitted", "True"),
    (TWO.running("scan"), "Progressing", "True"),
    (TWO.succeeded("scan").succeeded("copy"), "Progressing", "False"),
    (TWO.running("scan", checkpoint={"sequence": 1}), "Checkpointed", "True"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_conditions(scene: Scene, condition: str, status: str) -> None:
    assert scene.told().condition(condition)["status"] == status


def test_a_task_that_was_never_paused_does_not_speak_of_it() -> None:
    assert not TWO.running("scan").told().condition("Paused")


def test_a_condition_keeps_its_time_while_it_stays() -> None:
    before = {"type": "Paused", "status": "False", "reason": "Resumed", "lastTransitionTime": ago(500)}
    assert TWO.with_status(run=1, conditions=[before]).told().condition("Paused")["lastTransitionTime"] == ago(500)
    paused = TWO.paused().with_status(run=1, conditions=[before]).told()
    assert paused.condition("Paused")["lastTransitionTime"] == ago(0)


def test_the_run_before_goes_into_the_history() -> None:
    status = TWO.with_spec(run=2).ended().with_status(message="", run=1, startTime=ago(300)).told().plan.status or {}
    assert [(line["run"], line["phase"]) for line in status["runs"]] == [(1, "Succeeded")]
    assert not status.get("completionTime")


def test_a_run_that_was_cut_short_is_no_running_one_in_the_history() -> None:
    scene = TWO.with_spec(run=2).with_status(run=1, phase="Running", startTime=ago(300)).running("scan", run=1)
    status = scene.told().plan.status or {}
    assert [(line["run"], line["phase"]) for line in status["runs"]] == [(1, "Cancelled")]


def test_the_history_is_bounded() -> None:
    runs = [{"run": n, "phase": "Succeeded"} for n in range(10, 0, -1)]
    status = TWO.with_spec(run=12).ended().with_status(run=11, runs=runs).told().plan.status or {}
    assert [line["run"] for line in status["runs"]] == list(range(11, 1, -1))


def test_a_task_waits_for_its_deadline_and_its_time_to_live() -> None:
    from datetime import timedelta

    running = TWO.with_spec(activeDeadlineSeconds=100).running("scan").told().plan
    assert running.wake_at == TWO.now + timedelta(seconds=40)
    done = TWO.with_spec(ttlSecondsAfterFinished=50).succeeded("scan").succeeded("copy").told().plan
    assert done.wake_at == TWO.now + timedelta(seconds=50)


def test_a_failure_names_its_stage_and_why() -> None:
    told = make_task().stage("scan").began("scan").job("scan").pod("scan", "Failed", exit_code=65, message="no share").told()  # fmt: skip
    assert told.message == "stage scan: exit code 65: no share"
    assert told.reason == "PermanentError"


def test_item_errors_of_all_stages_add_up_and_survive_the_end() -> None:
    words = '{"outcome":"partial","itemErrorCount":4}'
    ended = TWO.began("scan").job("scan").pod("scan", "Failed", exit_code=3, message=words)
    assert (ended.told().plan.status or {})["itemErrorCount"] == 4
    assert ended.told().patch("scan")["itemErrors"] == {"count": 4}
    done = TWO.succeeded("scan", reason="PartiallySucceeded", itemErrors={"count": 4}).succeeded("copy").told()
    assert "4 items failed" in done.message


def a_type(*stages: dict[str, object], generation: int = 4) -> TaskType:
    """A TaskType with these stages."""
    spec = {"stages": [{"job": {"image": "example/new:2"}, **stage} for stage in stages]}
    return TaskType.model_validate({"metadata": {"name": "backup", "generation": generation}, "spec": spec})


def typed(scene: Scene, *stages: dict[str, object], generation: int = 4) -> Scene:
    """The same task, of a type that is now like this."""
    spec = {**scene.spec, "type": "backup"}
    return replace(scene, spec=spec, templates=(), type=a_type(*stages, generation=generation))


SCAN, COPY = {"name": "scan"}, {"name": "copy"}


def image(scene: Scene) -> str:
    """The image of the Job that is started."""
    (start,) = [action for action in scene.told().plan.actions if isinstance(action, StartStage)]
    assert start.job is not None
    return str(start.job["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_stage_that_has_begun_goes_on_as_it_was_when_its_type_changes() -> None:
    second = TWO.began("scan", attempt=2, retryTime=ago(1))
    assert image(typed(second, SCAN, COPY)) == "example/copy:1"
    assert image(typed(TWO.succeeded("scan"), SCAN, COPY)) == "example/new:2"


def test_a_stage_that_its_type_no_longer_has_is_brought_to_its_end() -> None:
    running = typed(TWO.succeeded("scan").running("copy"), SCAN)
    assert (running.told().phase, running.told().actions) == ("Running", ())
    assert running.paused().told().actions == ("suspend copy a1", "copy: Stopping")
    assert typed(TWO.succeeded("scan").failed("copy"), SCAN).told().phase == "Failed"


def test_a_run_remembers_the_type_that_it_began_with_and_says_that_it_changed() -> None:
    fresh = typed(TWO, SCAN, COPY, generation=4)
    assert (fresh.told().plan.status or {})["typeGeneration"] == 4
    assert (replace(fresh, admission=REFUSED).told().plan.status or {})["typeGeneration"] is None
    began = typed(TWO.running("scan"), SCAN, COPY, generation=5)
    same = began.with_status(run=1, typeGeneration=5).told()
    assert not same.condition("TypeChanged")
    changed = began.with_status(run=1, typeGeneration=4).told()
    assert (changed.plan.status or {})["typeGeneration"] == 4
    assert changed.condition("TypeChanged")["reason"] == "TypeChanged"
    assert "generation 5, it began with 4" in changed.condition("TypeChanged")["message"]
    anew = typed(TWO, SCAN, generation=5).with_spec(run=2).with_status(run=1, typeGeneration=4).told()
    assert (anew.plan.status or {})["typeGeneration"] == 5
    assert not anew.condition("TypeChanged")
