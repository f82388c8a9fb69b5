"""Whenever a task is deleted, nothing of it is left."""

import random
from time import sleep

import pytest
from support.estate import Estate, job
from support.kubelet import Script
from support.operators import OperatorProcess


def delete(estate: Estate, name: str) -> str:
    uid: str = estate.task(name)["metadata"]["uid"]
    estate.api.call("DELETE", estate.path("asynctasks", name))
    return uid


@pytest.mark.parametrize("seconds", [0, 0.03, 0.08, 0.2, 0.5])
def test_deleted_a_moment_after_it_was_made(estate: Estate, operator: OperatorProcess, seconds: float) -> None:
    name = f"moment-{int(seconds * 1000)}"
    estate.kubelet.plays(name, "", Script(runs=random.Random(name).random()))
    estate.submit(job("scan"), job("copy"), name=name)
    sleep(seconds)  # the moment is what is tested
    uid = delete(estate, name)
    estate.until_nothing_is_left_of(uid)


def test_deleted_while_a_pod_runs(estate: Estate, operator: OperatorProcess) -> None:
    name = "running"
    estate.kubelet.plays(name, "copy", Script(runs=60, stopping=0.5))
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    estate.until_nothing_is_left_of(delete(estate, name))
    (life,) = estate.kubelet.lives_of(name)
    assert life.exit_code == 143


def test_deleted_while_it_is_paused(estate: Estate, operator: OperatorProcess) -> None:
    name = "paused"
    estate.kubelet.plays(name, "copy", Script(runs=60))
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    estate.change(name, suspend=True)
    estate.until_condition(name, "Paused", "True Suspended")
    estate.until_nothing_is_left_of(delete(estate, name))


def test_deleted_when_it_has_ended(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("copy"))
    estate.until(name, "True Succeeded")
    estate.until_nothing_is_left_of(delete(estate, name))


def test_a_successor_of_the_same_name_shares_nothing(estate: Estate, operator: OperatorProcess) -> None:
    name = "phoenix"
    estate.kubelet.plays(name, "copy", Script(runs=60), Script())
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    uid = delete(estate, name)
    estate.submit(job("copy"), name=name)
    estate.until(name, "True Succeeded")
    estate.until_nothing_is_left_of(uid)
    assert len(estate.kubelet.lives_of(name)) == 2


def test_a_task_goes_when_its_time_to_live_is_over(estate: Estate, operator: OperatorProcess) -> None:
    name = estate.submit(job("copy"), ttlSecondsAfterFinished=2)
    uid = estate.until(name, "True Succeeded")["metadata"]["uid"]
    estate.api.until_gone(estate.path("asynctasks", name), within=10)
    estate.until_nothing_is_left_of(uid)


def test_a_stage_deleted_by_hand_is_made_again(estate: Estate, operator: OperatorProcess) -> None:
    name = "stageless"
    estate.kubelet.plays(name, "copy", Script(runs=60), Script())
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    (stage,) = estate.stages_of(name)
    estate.api.call("DELETE", estate.path("stages", stage["metadata"]["name"]))
    estate.until(name, "True Succeeded", within=40)
    first, second = estate.kubelet.lives_of(name)
    assert first.ended is not None
    assert first.ended <= second.begun


def test_a_pod_deleted_by_hand_is_replaced(estate: Estate, operator: OperatorProcess) -> None:
    name = "podless"
    estate.kubelet.plays(name, "copy", Script(runs=60), Script())
    estate.submit(job("copy"), name=name)
    estate.until_running(name, "copy")
    pods = f"/api/v1/namespaces/{estate.namespace}/pods"
    uid = estate.task(name)["metadata"]["uid"]
    (pod,) = estate.api.get(f"{pods}?labelSelector=asynctask.io%2Ftask-uid%3D{uid}")["items"]
    estate.api.call("DELETE", f"{pods}/{pod['metadata']['name']}")
    estate.until(name, "True Succeeded")
    first, second = estate.kubelet.lives_of(name)
    assert first.ended is not None
    assert first.ended <= second.begun
    assert estate.stages_of(name)[0]["status"].get("failures", 0) == 0
