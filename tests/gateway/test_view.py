"""The cluster in memory, kept by watches of a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gateway.world import World
from support.proxy import FaultProxy

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import from_kubeconfig
from asynctask.gateway.front.view import View


@asynccontextmanager
async def following(view: View) -> AsyncIterator[View]:
    task = asyncio.create_task(view.run())
    try:
        async with asyncio.timeout(20):
            await view.known()
        yield view
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(view: View, is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        with view.listen() as changes:
            while not is_so():
                await changes.next()


async def test_it_follows_what_is_there_what_comes_and_what_goes(world: World) -> None:
    task = await world.task(priority=1)
    stage = await world.stage(task)
    endpoint = await world.endpoint(100)
    uid = task["metadata"]["uid"]
    async with following(View(world.cluster, [world.namespace])) as view:
        row = view.tasks.get(uid)
        assert row is not None
        assert (row.name, row.priority, row.phase) == (task["metadata"]["name"], 1, "Pending")
        assert [found.name for found in view.stages.of_task(uid)] == [stage["metadata"]["name"]]
        kept = view.endpoints.named(world.namespace, endpoint)
        assert kept is not None
        assert kept.object()["spec"]["limits"] == {"megabytesPerSecond": 100}
        await world.change_task(stage, suspend=True)
        await until(view, lambda: bool((now := view.tasks.get(uid)) and now.suspend))
        await world.cluster.delete(api.TASKS, world.namespace, row.name)
        await until(view, lambda: view.tasks.get(uid) is None)
        assert view.task(uid) is None, "without an archive there is nothing to wait for"


async def test_who_wrote_reads_it_at_once_and_later_news_win(world: World) -> None:
    async with following(View(world.cluster, [world.namespace])) as view:
        task = await world.task()
        assert view.saw_task(task).uid == task["metadata"]["uid"]
        assert view.task(task["metadata"]["uid"]) is not None
        await world.cluster.delete(api.TASKS, world.namespace, task["metadata"]["name"])
        await until(view, lambda: view.tasks.get(task["metadata"]["uid"]) is None)
        view.saw_task(task)
        assert view.tasks.get(task["metadata"]["uid"]) is None


async def test_a_deleted_task_is_shown_until_the_archive_has_it(world: World) -> None:
    has: set[str] = set()

    async def gone(_: object) -> set[str]:
        return has

    task = await world.task()
    uid = task["metadata"]["uid"]
    async with following(View(world.cluster, [world.namespace], gone)) as view:
        await world.cluster.delete(api.TASKS, world.namespace, task["metadata"]["name"])
        await until(view, lambda: view.tasks.get(uid) is None)
        assert uid in {row.uid for row in view.all_tasks({world.namespace})}
        assert uid not in {row.uid for row in view.all_tasks({"elsewhere"})}
        has.add(uid)
        async with asyncio.timeout(10):
            while view.task(uid):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("harm", [FaultProxy.cut_watches, FaultProxy.expire_watches])
async def test_nothing_is_missed_when_watches_break(
    world: World, kubeconfig: Path, tmp_path: Path, harm: Callable[[FaultProxy], None]
) -> None:
    with FaultProxy(kubeconfig) as proxy:
        async with (
            api.Cluster(from_kubeconfig(proxy.kubeconfig(tmp_path))) as far,
            following(View(far, [world.namespace])) as view,
        ):
            doomed = (await world.task())["metadata"]
            await until(view, lambda: view.tasks.get(doomed["uid"]) is not None)
            assert view.stale_seconds == 0
            harm(proxy)
            task = await world.task()
            await world.cluster.delete(api.TASKS, world.namespace, doomed["name"])
            proxy.behave()
            await until(view, lambda: view.tasks.get(task["metadata"]["uid"]) is not None)
            await until(view, lambda: view.tasks.get(doomed["uid"]) is None)


async def test_it_knows_that_it_is_old_while_the_api_server_is_away(
    world: World, kubeconfig: Path, tmp_path: Path
) -> None:
    with FaultProxy(kubeconfig) as proxy:
        far = api.Cluster(from_kubeconfig(proxy.kubeconfig(tmp_path)))
        await far.__aenter__()
        task = asyncio.create_task((view := View(far, [world.namespace])).run())
        assert not view.is_known
        await view.known()
        async with asyncio.timeout(10):
            while view.stale_seconds:
                await asyncio.sleep(0.02)
    async with asyncio.timeout(10):
        while not view.stale_seconds:
            await asyncio.sleep(0.02)
    assert view.is_known
    task.cancel()
    await asyncio.wait([task])
    await far.__aexit__()
