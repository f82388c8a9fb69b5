"""Who gets in, and which of several pods has the stage."""

import asyncio
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from gateway.world import Pod, World

from asynctask.adapters import cluster as api
from asynctask.api import names


async def test_a_ghost_of_an_older_attempt_is_refused(world: World, url: str) -> None:
    stage = await world.stage()
    old = await world.worker(url, stage, attempt=1)
    assert (await old.report(1, checkpoint={"by": "old"})).status == 200
    await world.operator_writes(stage, attempt=2)
    new = await world.worker(url, stage, attempt=2)
    for answer in (
        await old.report(2, checkpoint={"by": "ghost"}),
        await old.context(),
        await old.complete("succeeded"),
        await old.call("PUT", "artifacts/list", data=b"x"),
    ):
        assert (answer.status, answer.error) == (409, "StaleAttempt")
    writes = world.writes
    assert (await new.context()).body["checkpoint"] == {"sequence": 1, "data": {"by": "old"}}
    assert world.writes == writes + 1  # the claim
    assert (await new.report(2, checkpoint={"by": "new"})).status == 200
    status = await world.status(stage)
    assert status["checkpoint"]["data"] == {"by": "new"}
    assert status["checkpoint"]["attempt"] == status["holder"]["attempt"] == 2


async def test_of_two_pods_of_an_attempt_the_younger_one_holds(world: World, url: str) -> None:
    stage = await world.stage()
    older, younger = await world.two_pods(url, stage)
    assert (await older.report(1, checkpoint={"by": "older"})).status == 200
    assert (await younger.context()).body["checkpoint"]["data"] == {"by": "older"}
    assert (await world.status(stage))["holder"]["podUID"] == younger.uid  # claimed before it was given the checkpoint
    assert (await older.report(2, checkpoint={"by": "ghost"})).error == "StaleAttempt"
    assert (await older.complete("failed")).error == "StaleAttempt"
    assert (await younger.report(2, checkpoint={"by": "younger"})).status == 200
    assert (await world.status(stage))["checkpoint"]["data"] == {"by": "younger"}


async def test_a_second_pod_waits_while_the_first_still_runs(world: World, url: str) -> None:
    stage = await world.stage()
    first, second = await world.twins(url, stage)
    assert (await first.report(1, checkpoint={"by": "first"})).status == 200
    answer = await second.context()
    assert (answer.status, answer.error) == (503, "NotNow")
    assert first.name in answer.body["error"]["message"]
    assert (await first.report(2, checkpoint={"by": "first"})).status == 200
    await world.ends(first, "Failed")
    assert (await second.context()).body["checkpoint"]["sequence"] == 2
    assert (await first.report(3)).error == "StaleAttempt"


@pytest.mark.parametrize("gateways", [1, 2])
async def test_of_two_pods_that_begin_at_once_one_does(world: World, url: str, gateways: int) -> None:
    """The answer to a pod's creation was lost, and the Job controller made another: neither has written anything yet."""
    async with world.gateway() as other:
        for _ in range(8):
            stage = await world.stage()
            twins = await world.twins(url, stage)
            twins[1].url = other if gateways > 1 else url
            answers = await asyncio.gather(*(pod.context() for pod in twins))
            begun, *others = [pod for pod, answer in zip(twins, answers, strict=True) if answer.status == 200]
            assert not others
            assert (await world.status(stage))["holder"]["podUID"] == begun.uid
            assert (await begun.report(1, checkpoint={"n": 1})).status == 200


async def test_a_second_pod_does_not_begin_what_the_first_has_ended(world: World, url: str) -> None:
    stage = await world.stage()
    first, second = await world.two_pods(url, stage)
    assert (await first.complete("succeeded")).status == 200
    assert (await second.context()).error == "StaleAttempt"
    assert (await world.status(stage))["completion"]["outcome"] == "succeeded"
    assert (await first.complete("succeeded")).status == 200


async def test_two_gateways_need_nothing_in_common_to_keep_a_ghost_out(world: World, url: str) -> None:
    stage = await world.stage()
    older, younger = await world.two_pods(url, stage)
    async with world.gateway() as other:
        assert (await older.report(1, checkpoint={"by": "older"})).status == 200
        younger.url = other
        assert (await younger.context()).status == 200
        assert (await older.report(2, checkpoint={"by": "ghost"})).error == "StaleAttempt"
        older.url = other
        assert (await older.report(3)).error == "StaleAttempt"


async def test_a_pod_that_speaks_first_late_does_not_undo_a_claim(world: World, url: str) -> None:
    stage = await world.stage()
    older, younger = await world.two_pods(url, stage)
    assert (await younger.context()).status == 200
    assert (await older.context()).error == "StaleAttempt"
    assert (await world.status(stage))["holder"]["podUID"] == younger.uid


async def test_a_claim_survives_a_checkpoint_of_the_old_pod_in_flight(world: World, url: str) -> None:
    stage = await world.stage()
    older, younger = await world.two_pods(url, stage)
    await older.report(1, checkpoint={"n": 1})
    answers, context = await asyncio.gather(
        asyncio.gather(*(older.report(n, checkpoint={"n": n}) for n in range(2, 12))), younger.context()
    )
    assert {answer.status for answer in answers} <= {200, 409}
    durable = max([1, *(answer.body["checkpointSequence"] for answer in answers if answer.status == 200)])
    assert context.body["checkpoint"]["data"]["n"] >= durable
    status = await world.status(stage)
    assert status["holder"]["podUID"] == younger.uid
    assert status["checkpoint"]["data"] == context.body["checkpoint"]["data"]


async def test_a_pod_of_an_attempt_newer_than_recorded_claims_at_once(world: World, url: str) -> None:
    stage = await world.stage()
    old, new = await world.worker(url, stage, attempt=1), await world.worker(url, stage, attempt=2)
    await old.report(1, checkpoint={})
    assert (await new.context()).status == 200
    assert (await old.report(2)).error == "StaleAttempt"
    assert (await world.status(stage))["holder"]["attempt"] == 2


async def test_a_deleted_pods_token_is_refused(world: World, url: str) -> None:
    pod = await world.worker(url)
    assert (await pod.context()).status == 200
    await world.cluster.delete(api.PODS, world.namespace, pod.name)
    assert (await pod.report(1)).error == "InvalidToken"


async def test_a_pod_of_the_same_name_is_another_pod(world: World, url: str) -> None:
    pod = await world.worker(url)
    await pod.context()
    await world.cluster.delete(api.PODS, world.namespace, pod.name)
    again = {key: value for key, value in pod.object.items() if key != "status"}
    again["metadata"] = {k: again["metadata"][k] for k in ("name", "labels", "ownerReferences")}
    again["spec"] = {"containers": [{"name": "stage", "image": "x"}]}
    await world.cluster.create(api.PODS, world.namespace, again)
    assert (await pod.report(1)).error == "InvalidToken"


async def test_a_deleted_stage_or_task_is_gone(world: World, url: str) -> None:
    stage, other = await world.stage(), await world.stage()
    pod, second = await world.worker(url, stage), await world.worker(url, other)
    assert (await pod.context()).status == (await second.context()).status == 200
    await world.cluster.delete(api.STAGES, world.namespace, stage["metadata"]["name"])
    assert (await pod.report(1)).status in {401, 410}  # the garbage collector may have taken the pod already
    finalizer = {"metadata": {"finalizers": ["example.com/tests"]}}
    name = other["spec"]["taskName"]
    await world.cluster.patch(api.TASKS, world.namespace, name, finalizer)
    await world.cluster.delete(api.TASKS, world.namespace, name)
    assert (await second.report(1)).error == "StageGone"
    await world.cluster.patch(api.TASKS, world.namespace, name, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    "owner",
    [
        {"kind": "ReplicaSet"},
        {"apiVersion": "example.com/v1"},
        {"controller": False},
        {"blockOwnerDeletion": False},
        {"uid": "0e7c0e7c-0000-0000-0000-000000000000"},
    ],
    ids=lambda owner: next(iter(owner)),
)
async def test_a_pod_that_no_job_owns_is_refused(world: World, url: str, owner: dict[str, Any]) -> None:
    stage = await world.stage()
    pod = await world.pod(url, await world.job(stage), held=True, **owner)
    for answer in (await pod.context(), await pod.report(1, checkpoint={}), await pod.complete("succeeded")):
        assert (answer.status, answer.error) == (403, "NotAStage")
    await world.release(pod)
    assert not await world.written(stage)


async def test_a_pod_that_only_bears_the_labels_is_refused(world: World, url: str) -> None:
    stage = await world.stage()
    job = await world.job(stage)
    job["metadata"]["name"] = "no-such-job"
    forged = await world.pod(url, job, held=True)
    assert (await forged.context()).error == "StageGone"
    await world.release(forged)
    plain = await world.pod(url, None)
    assert (await plain.context()).error == "NotAStage"


async def test_a_job_made_by_hand_is_refused(world: World, url: str) -> None:
    stage = await world.stage()
    forged = await world.pod(url, await world.job(stage, name="forged"))
    assert (await forged.report(1, checkpoint={"by": "forger"})).error == "NotAStage"
    assert not await world.written(stage)


async def test_a_job_whose_template_says_another_attempt_is_refused(world: World, url: str) -> None:
    stage = await world.stage()
    spec = stage["spec"]
    name = names.child_name(spec["taskName"], spec["taskUID"], "copy", 1, 1)
    forged = await world.pod(url, await world.job(stage, attempt=9, name=name))
    assert (await forged.context()).error == "NotAStage"


async def test_nothing_reaches_across_namespaces(world: World, url: str) -> None:
    stage = await world.stage()
    job = await world.job(stage)
    pod = await world.pod(url, job)
    assert (await pod.context()).status == 200  # the Job is known to the gateway now
    elsewhere = World(world.cluster, "default", world.artifacts, world.session)
    forged = await elsewhere.pod(url, job, held=True)
    assert (await forged.report(1, checkpoint={"by": "forger"})).error == "StageGone"  # no such Job here
    await elsewhere.release(forged)
    assert "checkpoint" not in await world.status(stage)


async def test_tokens_that_are_not_for_us_are_refused(world: World, url: str) -> None:
    pod = await world.worker(url)
    claims = urlsafe_b64encode(b'{"aud":["asynctask-gateway"]}').decode()
    for token in (
        "",
        "nonsense",
        f"e30.{claims}.e30",
        "a.b.c",
        await world.token(None),
        await world.token(pod.object, audience="elsewhere"),
    ):
        other = Pod(pod.object, token, url, world.session)
        assert (await other.context()).error == "InvalidToken", token
    reviews = sum(resource == "tokenreviews" for _, resource, _ in world.requests)
    assert reviews <= 4  # one at the start; what can't be a token for us is not asked about
