"""Progress, checkpoints and ends, as they arrive in the Stage."""

import asyncio
from time import monotonic
from typing import Any

import pytest
from gateway.world import World

from asynctask.adapters import cluster as api


async def test_a_context_has_all_a_stage_needs(world: World, url: str) -> None:
    task = await world.task()
    scan = await world.stage(task, name="scan")
    failed = await world.stage(task, name="failed")
    plain = await world.stage(task, name="plain")
    await world.operator_writes(scan, completion={"attempt": 1, "outcome": "succeeded", "outputs": {"entries": 7}})
    await world.operator_writes(failed, completion={"attempt": 1, "outcome": "failed", "outputs": {"entries": 9}})
    await world.operator_writes(plain, outputs={"said": "last words"})
    inputs = [{"stage": s["spec"]["template"]["name"], "object": s["metadata"]["name"]} for s in (scan, failed, plain)]
    stage = await world.stage(task, name="copy", inputs=[*inputs, {"stage": "never", "object": "never"}])
    pod = await world.pod(url, await world.job(stage, config={"source_path": "/nas/a", "depth": {"most": 3}}))
    answer = await pod.context()
    assert answer.body == {
        "task": {
            "namespace": world.namespace,
            "name": task["metadata"]["name"],
            "uid": task["metadata"]["uid"],
            "type": "file-backup",
        },
        "run": 1,
        "stage": "copy",
        "attempt": 1,
        "config": {"source_path": "/nas/a", "depth": {"most": 3}},
        "outputs": {"scan": {"entries": 7}, "plain": {"said": "last words"}},
        "checkpoint": None,
        "retryItems": None,
        "bytesPerSecond": None,
        "reportPeriodSeconds": 0.4,
        "checkpointPeriodSeconds": 20,
    }


async def test_a_short_stage_costs_its_claim_and_one_write(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    await pod.context()
    await pod.report(1, progress={"itemsDone": 1})
    await pod.report(2, progress={"itemsDone": 2}, itemErrors=[{"path": "a"}], itemErrorCount=1)
    assert (await pod.complete("partial", progress={"itemsDone": 3}, outputs={"n": 3})).body == {"acknowledged": True}
    await asyncio.sleep(0.6)
    assert world.writes == 2
    status = await world.status(stage)
    assert status["completion"].pop("time")
    assert status["completion"] == {"attempt": 1, "outcome": "partial", "outputs": {"n": 3}}
    assert status["progress"] == {"itemsDone": 3}
    assert status["itemErrors"] == {"count": 1, "first": [{"path": "a", "class": "permanent"}]}
    assert status["holder"]["podUID"] == pod.uid


async def test_progress_is_coalesced_and_the_last_of_it_written_without_another_call(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    started = monotonic()
    async with asyncio.timeout(10):
        for sequence in range(1, 31):
            await pod.report(sequence, progress={"bytesDone": sequence})
        while (await world.status(stage)).get("progress", {}).get("bytesDone") != 30:
            await asyncio.sleep(0.05)
    assert world.writes <= (monotonic() - started) / 0.4 + 1
    before = (await world.read(stage))["metadata"]["resourceVersion"]
    await pod.report(31, progress={"bytesDone": 30})
    await pod.report(32)
    await asyncio.sleep(0.6)
    assert (await world.read(stage))["metadata"]["resourceVersion"] == before


async def test_a_checkpoint_is_durable_before_the_answer(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    data: dict[str, Any] = {"cursor": "a", "gone": {"x": 1}, "nothing": None}
    answer = await pod.report(5, checkpoint=data, progress={"bytesDone": 1})
    assert answer.body == {
        "acknowledgedSequence": 5,
        "checkpointSequence": 5,
        "command": "continue",
        "bytesPerSecond": None,
    }
    status = await world.status(stage)
    assert status["checkpoint"].pop("time")
    assert status["checkpoint"] == {"sequence": 5, "attempt": 1, "data": data}
    await pod.report(6, checkpoint={"cursor": "b"})
    assert (await world.status(stage))["checkpoint"]["data"] == {"cursor": "b"}  # replaced whole, not merged
    assert (await pod.context()).body["checkpoint"] == {"sequence": 6, "data": {"cursor": "b"}}


async def test_checkpoints_that_come_at_once_share_writes(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    await pod.context()
    answers = await asyncio.gather(*(pod.report(n, checkpoint={"n": n}) for n in range(1, 21)))
    assert all(answer.body["checkpointSequence"] >= answer.body["acknowledgedSequence"] for answer in answers)
    checkpoint = (await world.status(stage))["checkpoint"]
    assert (checkpoint["sequence"], checkpoint["data"]) == (20, {"n": 20})
    assert world.writes < 15


async def test_a_report_that_comes_twice_or_late_changes_nothing(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    await pod.report(7, checkpoint={"n": 7})
    before = (await world.read(stage))["metadata"]["resourceVersion"]
    assert (await pod.report(7, checkpoint={"n": 7})).body["acknowledgedSequence"] == 7
    assert (await pod.report(6, checkpoint={"n": 6})).body["checkpointSequence"] == 7
    assert (await world.read(stage))["metadata"]["resourceVersion"] == before


async def test_writes_of_the_operator_at_the_same_time_lose_nothing(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)

    async def operate() -> None:
        for number in range(40):
            await world.operator_writes(stage, message=f"write {number}", failures=number)
            await asyncio.sleep(0.01)

    async def work() -> None:
        for number in range(1, 31):
            answer = await pod.report(number, checkpoint={"n": number}, progress={"itemsDone": number})
            assert answer.body["checkpointSequence"] == number
            assert (await world.status(stage))["checkpoint"]["data"] == {"n": number}
            await asyncio.sleep(0.2 if number > 25 else 0)

    await asyncio.gather(operate(), work())
    await pod.complete("succeeded")
    status = await world.status(stage)
    assert status["message"] == "write 39"
    assert status["checkpoint"]["sequence"] == 30
    assert status["completion"]["outcome"] == "succeeded"


async def test_only_the_first_twenty_item_errors_are_kept_but_all_are_counted(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    errors = [{"path": f"f{n}", "class": "transient", "reason": "busy", "message": "m"} for n in range(30)]
    await pod.report(1, itemErrors=errors[:15], itemErrorCount=15)
    await pod.report(2, itemErrors=errors[10:], itemErrorCount=30)
    await pod.complete("partial")
    errors_kept = (await world.status(stage))["itemErrors"]
    assert errors_kept["count"] == 30
    assert [error["path"] for error in errors_kept["first"]] == [f"f{n}" for n in range(20)]
    assert errors_kept["first"][0] == {"path": "f0", "class": "transient", "reason": "Busy", "message": "m"}


async def test_a_stage_that_was_stopped_has_no_end_but_its_progress(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    await pod.report(1, progress={"itemsDone": 5})
    assert (await pod.complete("stopped")).status == 200
    status = await world.status(stage)
    assert "completion" not in status
    assert status["progress"] == {"itemsDone": 5}
    assert (await pod.complete("stopped")).status == 200
    assert world.writes == 1


async def test_the_end_may_be_told_twice_but_not_changed(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    failure = {"class": "throttled", "reason": "SlowDown", "message": "429", "outputs": {"a": None}}
    assert (await pod.complete("failed", **failure)).status == 200
    assert (await pod.complete("failed", **failure)).status == 200
    assert (await pod.complete("succeeded")).error == "StaleAttempt"
    assert (await pod.report(2000, progress={"itemsDone": 1})).status == 200  # was under way: of no consequence
    completion = (await world.status(stage))["completion"]
    assert completion.pop("time")
    assert completion == {"attempt": 1, "outcome": "failed", **failure}
    await world.operator_writes(stage, conditions=[condition("False")])
    assert (await pod.complete("failed", **failure)).status == 200
    assert world.writes == 1


@pytest.mark.parametrize("status", ["True", "False"])
async def test_a_stage_that_is_over_takes_no_reports(world: World, url: str, status: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    await pod.context()
    await world.operator_writes(stage, conditions=[condition("Unknown")])
    assert (await pod.report(1, checkpoint={})).status == 200
    await world.operator_writes(stage, conditions=[condition(status)])
    assert (await pod.report(2)).error == "StaleAttempt"
    assert (await pod.complete("succeeded")).error == "StaleAttempt"


async def test_a_stage_is_told_to_stop(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.pod(url, await world.job(stage), held=True)
    assert (await pod.report(1)).body["command"] == "continue"
    await world.change_task(stage, suspend=True)
    assert (await pod.report(2)).body["command"] == "stop"
    await world.change_task(stage, suspend=False)
    assert (await pod.report(3)).body["command"] == "continue"
    await world.cluster.delete(api.PODS, world.namespace, pod.name)
    assert (await pod.report(4)).body["command"] == "stop"
    await world.release(pod)


def condition(status: str) -> dict[str, str]:
    return {"type": "Succeeded", "status": status, "reason": "Done", "lastTransitionTime": "2026-01-01T00:00:00Z"}
