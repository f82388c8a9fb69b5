"""The API server freezes or dies under a gateway at work: calls are answered with "later", never with a false yes."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic

import aiohttp
import orjson
import pytest
from front import estate
from front.streams import follow
from front.test_stream import ready
from front.world import Answer, World
from support.cluster import CRDS, own_name
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from localcluster import Cluster

CALLERS = 6
AWAY_SECONDS = 4.0
ANSWER_SECONDS = 40.0
"""A call may take as long as one to the API server may, and then some."""


@pytest.fixture(scope="module")
def control_plane() -> Iterator[Cluster]:
    """Of this module alone: it is killed."""
    cluster = Cluster(own_name("front"), "control-plane")
    cluster.up()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
    yield cluster
    cluster.down()


@pytest.fixture
async def world(control_plane: Cluster, tmp_path: Path) -> AsyncIterator[World]:
    async with (
        api.Cluster(from_kubeconfig(control_plane.kubeconfig)) as cluster,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        yield World(cluster, tmp_path, session)


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
async def test_later_and_never_a_false_yes(world: World, control_plane: Cluster, how: signal.Signals) -> None:
    async with world.gateway() as client:
        namespace, task_type = await world.namespace(), await estate.make_type(world)
        await estate.make_endpoint(world, namespace)
        user = client.with_token(await world.token(namespace, await world.person(namespace, estate.TASKS)))
        await ready(user)
        body = {"task_type": task_type, "task_config": {"source_path": "/nas/photos"}, "namespace": namespace}
        known = (await user.post("/submit_task", body)).body["task_id"]
        answers: dict[str, list[Answer]] = {}
        slowest, is_over = 0.0, asyncio.Event()
        numbers = itertools.count()

        async def calls() -> None:
            """Each order again and again under its key until it is taken."""
            nonlocal slowest
            while not is_over.is_set():
                key = f"order-{next(numbers)}"
                while not (answers.get(key) and answers[key][-1].status == 200):
                    begun = monotonic()
                    answer = await user.with_headers(Idempotency_Key=key).post("/submit_task", body)
                    slowest = max(slowest, monotonic() - begun)
                    answers.setdefault(key, []).append(answer)
                    await asyncio.sleep(0.05)

        async with follow(user, "tasks") as stream:
            callers = asyncio.gather(*(calls() for _ in range(CALLERS)))
            await asyncio.sleep(1)
            control_plane.kill("kube-apiserver", how)
            try:
                await asyncio.sleep(AWAY_SECONDS)
                page = await user.get("/api/v1/tasks", namespace=namespace)
                assert page.status in {200, 503}
                pause = await user.put("/pause_task", {"task_id": known})
                assert is_later(pause)
            finally:
                if how == signal.SIGSTOP:
                    control_plane.kill("kube-apiserver", signal.SIGCONT)
                else:
                    await asyncio.to_thread(control_plane.start, "kube-apiserver")
            is_over.set()
            async with asyncio.timeout(patient(90)):
                await callers
            last = (await user.post("/submit_task", body)).body["task_id"]
            async with asyncio.timeout(patient(60)):
                await stream.next("task", "reset", where=lambda data: data.get("task", {}).get("taskId") == last)
        taken = [answer.body["task_id"] for told in answers.values() for answer in told if answer.status == 200]
        refused = [answer for told in answers.values() for answer in told if answer.status != 200]
        assert all(is_later(answer) for answer in refused)
        assert slowest < patient(ANSWER_SECONDS)
        assert len(set(taken)) == len(taken) == len(answers)
        assert await uids(world, namespace) == {known, last, *taken}


def is_later(answer: Answer) -> bool:
    """Refused for now, with when to ask again."""
    assert answer.status in {503, 504}, (answer.status, answer.body)
    return int(answer.headers["Retry-After"]) > 0


async def uids(world: World, namespace: str) -> set[str]:
    """All tasks there."""
    return {
        item["metadata"]["uid"]
        async for raw, _ in world.cluster.pages(api.TASKS, namespace)
        for item in orjson.loads(raw)["items"]
    }
