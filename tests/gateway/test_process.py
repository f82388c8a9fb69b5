"""The gateway as it is deployed: its rights, its end, and stages of the real SDK that outlive it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway.processes import GatewayProcess, least_rights, run_stage
from gateway.world import World

from asynctask.adapters import cluster as api

COPY = """
import asynctask_stage

def main(stage):
    done = (stage.checkpoint or {"done": 0})["done"]
    items = stage.config["items"]
    stage.artifacts.put("list.txt", b"a\\nb\\n")
    for number in range(done + 1, items + 1):
        stage.check()
        stage.progress(items_done=number, items_total=items, message="copying")
        stage.save({"done": number}, now=number % 5 == 0)
        stage.sleep(0.05)
    stage.item_error("broken", reason="PermissionDenied", message="no")
    stage.log.warning("nearly done")
    return {"items": items}

asynctask_stage.run(main)
"""


@pytest.fixture(scope="session")
def gateway_kubeconfig(kubeconfig: Path, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return least_rights(kubeconfig, namespace, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
async def gateway(gateway_kubeconfig: Path, world: World) -> AsyncIterator[GatewayProcess]:
    gateway = GatewayProcess(gateway_kubeconfig, world.artifacts)
    await gateway.start()
    yield gateway
    await gateway.end(signal.SIGKILL)


async def test_a_stage_of_the_sdk_runs_through_while_the_gateway_is_killed_and_comes_back(
    world: World, gateway: GatewayProcess, tmp_path: Path
) -> None:
    stage = await world.stage()
    pod = await world.pod(gateway.url, await world.job(stage, config={"items": 30}))
    running = asyncio.create_task(run_stage(world, pod, COPY, tmp_path / "stage"))
    async with asyncio.timeout(60):
        while (await world.status(stage)).get("checkpoint", {}).get("data", {}).get("done", 0) < 5:
            await asyncio.sleep(0.05)
        await gateway.end(signal.SIGKILL)
        kept = (await world.status(stage))["checkpoint"]["data"]["done"]
        await gateway.start()
        code, output = await running
    assert code == 3, output
    status = await world.status(stage)
    assert status["checkpoint"]["data"]["done"] >= kept
    assert status["completion"]["outcome"] == "partial"
    assert status["completion"]["outputs"] == {"items": 30}
    assert status["progress"]["itemsDone"] == 30
    assert status["itemErrors"]["count"] == 1
    assert (await pod.call("GET", "artifacts/list.txt")).body == b"a\nb\n"


async def test_a_stage_of_the_sdk_stops_when_its_pod_is_to_go_and_another_goes_on_from_its_checkpoint(
    world: World, url: str, tmp_path: Path
) -> None:
    stage = await world.stage()
    job = await world.job(stage, config={"items": 400})
    first = await world.pod(url, job, held=True)
    running = asyncio.create_task(run_stage(world, first, COPY, tmp_path / "first"))
    async with asyncio.timeout(60):
        while (await world.status(stage)).get("checkpoint", {}).get("data", {}).get("done", 0) < 5:
            await asyncio.sleep(0.05)
        await world.cluster.delete(api.PODS, world.namespace, first.name)  # as the Job controller does
        code, output = await running
    assert code == 143, output
    await world.release(first)
    status = await world.status(stage)
    assert "completion" not in status
    assert status["checkpoint"]["data"]["done"] == status["progress"]["itemsDone"] < 400
    second = await world.pod(url, job)  # younger by the seconds that the first one has worked
    assert (await second.context()).body["checkpoint"]["data"] == status["checkpoint"]["data"]
    assert (await world.status(stage))["holder"]["podUID"] == second.uid


async def test_what_waits_is_written_before_the_gateway_ends(world: World, gateway: GatewayProcess) -> None:
    await gateway.end(signal.SIGKILL)
    gateway.period = 60
    await gateway.start()
    stage = await world.stage()
    pod = await world.worker(gateway.url, stage)
    assert (await pod.report(1, progress={"itemsDone": 4})).status == 200
    assert not await world.written(stage)
    assert await gateway.probe("healthz") == 200
    ending = asyncio.create_task(gateway.end())
    async with asyncio.timeout(20):
        while await gateway.probe("readyz") == 200:
            await asyncio.sleep(0.05)
        assert (await pod.report(2, progress={"itemsDone": 5})).status == 200  # still serving
        assert await ending == 0
    assert (await world.status(stage))["progress"]["itemsDone"] == 5


async def test_what_is_counted_names_nobody(world: World, gateway: GatewayProcess) -> None:
    stage = await world.stage()
    pod = await world.worker(gateway.url, stage)
    await pod.report(1, checkpoint={})
    await pod.call("GET", f"artifacts/{pod.name}")
    await pod.call("GET", pod.name)
    text = await gateway.metrics()
    assert 'asynctask_gateway_calls_total{route="report",status="200"} 1.0' in text
    assert 'asynctask_gateway_calls_total{route="artifacts",status="404"} 1.0' in text
    assert 'asynctask_gateway_status_writes_total{content="checkpoint",result="Written"} 1.0' in text
    assert "asynctask_gateway_live_stages 1.0" in text
    assert pod.name not in text
    assert stage["metadata"]["name"] not in text
    assert world.namespace not in text
