"""Tasks that wait for tasks, stages that start tasks, and what comes of failures, on a real API server."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from support.estate import Body, Estate, job, summary
from support.kubelet import Life, Script
from support.operators import OperatorProcess

from asynctask.api import names
from asynctask.api.names import API_VERSION

OUTPUTS = '{"outcome":"succeeded","outputs":{"folders":[%s]}}'
CHILDREN = "asynctask.io%%2Ftask-uid%%3D%s"


@pytest.fixture(scope="module")
def sync(estate: Estate) -> Iterator[str]:
    """A task type of one pod."""
    name = f"sync-{estate.namespace}"
    body = {
        "apiVersion": API_VERSION,
        "kind": "TaskType",
        "metadata": {"name": name},
        "spec": {"stages": [job("copy")]},
    }
    estate.api.call("POST", f"/apis/{API_VERSION}/tasktypes", body)
    yield name
    estate.api.call("DELETE", f"/apis/{API_VERSION}/tasktypes/{name}")


@pytest.fixture(scope="module")
def narrow(estate: Estate) -> Iterator[str]:
    """A queue in which one task runs at a time."""
    name = f"narrow-{estate.namespace}"
    body = {"apiVersion": API_VERSION, "kind": "TaskQueue", "metadata": {"name": name}, "spec": {"maxRunning": 1}}
    estate.api.call("POST", f"/apis/{API_VERSION}/taskqueues", body)
    yield name
    estate.api.call("DELETE", f"/apis/{API_VERSION}/taskqueues/{name}")


def each(sync: str, items: str, **more: Any) -> Body:
    """A stage that starts a task for each item."""
    template = {"items": items, "type": sync, "configFrom": {"source": "item"}}
    return {"name": "sync", "task": {"forEach": template, **more}}


def children(estate: Estate, task: str) -> dict[str, Body]:
    """The tasks that a task has started, in their order."""
    uid = estate.task(task)["metadata"]["uid"]
    found = estate.api.get(f"{estate.path('asynctasks')}?labelSelector={CHILDREN % uid}")["items"]
    return {child["metadata"]["name"]: child for child in sorted(found, key=_index)}


def _index(child: Body) -> int:
    return int(child["metadata"]["labels"][names.LABEL_INDEX])


def lives_of_all(estate: Estate, tasks: dict[str, Body]) -> list[Life]:
    """All their pods, in the order in which they began."""
    return sorted((life for task in tasks for life in estate.kubelet.lives_of(task)), key=lambda life: life.begun)


def until_begun(estate: Estate, task: str, count: int) -> dict[str, Body]:
    """The tasks that it started, once there are so many."""
    uid = estate.task(task)["metadata"]["uid"]
    path = f"{estate.path('asynctasks')}?labelSelector={CHILDREN % uid}"
    estate.api.until_all(path, lambda found: len(found) >= count, within=20, why=f"{task} starts {count} tasks")
    return children(estate, task)


def test_a_failed_dependency_is_a_clear_end(estate: Estate, operator: OperatorProcess) -> None:
    estate.kubelet.plays("first", "copy", Script(exit_code=65, message="no such share"))
    first = [{"name": "first"}]
    estate.submit(job("copy"), name="then", dependsOn=first)
    estate.submit(job("copy"), name="anyhow", dependsOn=[{"name": "first", "condition": "Finished"}])
    estate.submit(job("copy"), name="last", dependsOn=[{"name": "then"}])
    estate.submit(job("copy"), name="impatient", dependsOn=[{"name": "nobody"}], dependencyTimeoutSeconds=1)
    estate.submit(job("copy"), name="first")
    then = estate.until("then", "False DependencyFailed")
    assert (
        "task first, which this one depends on, failed: stage copy: exit code 65: no such share"
        in then["status"]["message"]
    )
    assert not estate.stages_of("then")
    estate.until("last", "False DependencyFailed")
    estate.until("impatient", "False DeadlineExceeded")
    estate.until("anyhow", "True Succeeded")


def test_a_circle_of_more_than_a_hundred_is_refused_with_its_path(estate: Estate, operator: OperatorProcess) -> None:
    count = 101
    for number in range(count):
        after = {"name": f"ring-{(number + 1) % count}"}
        estate.submit(job("copy"), name=f"ring-{number}", dependsOn=[after])
    told = estate.until("ring-7", "Unknown CycleInDependencies", within=40)
    assert "ring-7 → ring-8 → " in told["status"]["message"]
    assert told["status"]["phase"] == "Invalid"
    estate.until("ring-0", "Unknown CycleInDependencies")
    estate.change("ring-9", dependsOn=[], suspend=True)
    estate.until("ring-8", "Unknown DependencyPending")
    estate.until("ring-7", "Unknown DependencyPending")
    estate.until("ring-10", "Unknown DependencyPending")


def test_the_folders_of_an_earlier_stage_are_dealt_with_a_few_at_a_time(
    estate: Estate, operator: OperatorProcess, sync: str, narrow: str
) -> None:
    """In a queue of one place, which the parent must not hold; and through the death of the operator."""
    name, count = "folders", 6
    folders = ",".join(f'"/nas/f{number}"' for number in range(count))
    estate.kubelet.plays(name, "list", Script(message=OUTPUTS % folders))
    tell = job("tell", when="outputs.sync.succeeded == 6 && outputs.sync.failed == 0")
    estate.submit(
        job("list"), each(sync, "outputs.list.folders", parallelism=2), tell, name=name, queueName=narrow, priority=2
    )
    begun = until_begun(estate, name, 3)
    operator.kill()
    operator.start()
    estate.until(name, "True Succeeded", within=60)
    assert len(estate.kubelet.lives_of(name, "tell")) == 1
    found = children(estate, name)
    assert begun.keys() <= found.keys()
    assert [child["spec"]["config"]["source"] for child in found.values()] == [f"/nas/f{n}" for n in range(count)]
    assert {(child["spec"]["queueName"], child["spec"]["priority"]) for child in found.values()} == {(narrow, 2)}
    lives = lives_of_all(estate, found)
    assert [life.task for life in lives] == list(found), "each once, in order"
    assert all((before.ended or 0) <= after.begun for before, after in itertools.pairwise(lives)), "one at a time"
    (stage,) = [stage for stage in estate.stages_of(name) if stage["spec"]["template"]["name"] == "sync"]
    assert stage["status"]["tasks"]["succeeded"] == "0-5"
    assert stage["status"]["progress"] == {"itemsDone": 6, "itemsTotal": 6}


def test_failures_that_are_borne_and_cleaning_up_after_those_that_are_not(
    estate: Estate, operator: OperatorProcess, sync: str
) -> None:
    config = {"folders": ["a", "b", "c"]}
    thaw = job("thaw", needsCondition="Finished")
    for name, allowed in (("patient", 1), ("strict", 0)):
        estate.submit(
            each(sync, "config.folders", parallelism=1, maxFailures=allowed),
            thaw,
            name=name,
            config=config,
            suspend=True,
        )
        uid = estate.task(name)["metadata"]["uid"]
        estate.kubelet.plays(
            names.child_name(name, uid + "sync", "1-b", 1), "copy", Script(exit_code=65, message="no right")
        )
        estate.change(name, suspend=False)
    patient, strict = (
        estate.until("patient", "True PartiallySucceeded"),
        estate.until("strict", "False ChildTaskFailed"),
    )
    assert patient["status"]["itemErrorCount"] == 1
    assert [len(children(estate, name)) for name in ("patient", "strict")] == [3, 2]
    assert "1 of 3 tasks failed" in strict["status"]["message"]
    assert "; 1 were not started." in strict["status"]["message"]
    assert strict["status"]["message"].endswith("exit code 65: no right")
    assert [len(estate.kubelet.lives_of(name, "thaw")) for name in ("patient", "strict")] == [1, 1]


def test_pause_priority_and_cancel_are_passed_on(estate: Estate, operator: OperatorProcess, sync: str) -> None:
    name = "parent"
    estate.submit(
        each(sync, "['a', 'b', 'c']", parallelism=2), job("thaw", needsCondition="Finished"), name=name, suspend=True
    )
    uid = estate.task(name)["metadata"]["uid"]
    for child in ("0-a", "1-b"):
        estate.kubelet.plays(names.child_name(name, uid + "sync", child, 1), "copy", Script(runs=60))
    estate.change(name, suspend=False)
    two = list(until_begun(estate, name, 2))
    for child in two:
        estate.until_running(child, "copy")
    estate.change(name, suspend=True)
    for child in (*two, name):
        estate.until_condition(child, "Paused", "True Suspended")
    estate.change(name, suspend=False, priority=1)
    for child in two:
        estate.until_holds(child, lambda task: task["spec"]["priority"] == 1 and not task["spec"]["suspend"])
        estate.until_running(child, "copy")
    estate.change(name, cancel=True)
    for child in (*two, name):
        estate.until(child, "False Cancelled")
    assert len(children(estate, name)) == 2
    assert len(estate.kubelet.lives_of(name, "thaw")) == 1, "a cancel cleans up"


def test_what_a_task_started_goes_with_it(estate: Estate, operator: OperatorProcess, sync: str) -> None:
    estate.kubelet.default = Script(runs=60)
    name = estate.submit(each(sync, "2"), name="brief")
    uid = estate.task(name)["metadata"]["uid"]
    for child in until_begun(estate, name, 2):
        estate.until_running(child, "copy")
    estate.kubelet.default = Script()
    estate.api.call("DELETE", estate.path("asynctasks", name))
    estate.until_nothing_is_left_of(uid)
    path = f"{estate.path('asynctasks')}?labelSelector={CHILDREN % uid}"
    estate.api.until_all(path, lambda found: not found, within=30, why="its tasks go")


def test_a_type_that_starts_itself_comes_to_an_end(estate: Estate, operator: OperatorProcess) -> None:
    name = f"endless-{estate.namespace}"
    stage = {"name": "again", "task": {"tasks": [{"name": "x", "type": name}]}}
    body = {"apiVersion": API_VERSION, "kind": "TaskType", "metadata": {"name": name}, "spec": {"stages": [stage]}}
    estate.api.call("POST", f"/apis/{API_VERSION}/tasktypes", body)
    estate.submit(name="endless", type=name)
    estate.until("endless", "False ChildTaskFailed")
    everything = estate.api.get(estate.path("asynctasks"))["items"]
    deep = [task for task in everything if task["spec"].get("type") == name]
    assert len(deep) == 6
    assert [summary(task) for task in deep].count("False InvalidStages") == 1
    estate.api.call("DELETE", f"/apis/{API_VERSION}/tasktypes/{name}")
