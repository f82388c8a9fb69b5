"""Bulk data through the gateway."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from gateway.world import World


async def test_an_artifact_comes_back_as_it_was_to_other_stages_of_the_run(world: World, url: str) -> None:
    task = await world.task()
    scan, copy = await world.stage(task, name="scan"), await world.stage(task, name="copy")
    writer, reader = await world.worker(url, scan), await world.worker(url, copy)
    content = bytes(range(256)) * 20_000
    assert (await writer.call("PUT", "artifacts/list.txt", data=content)).body == {"bytes": len(content)}
    assert (await reader.call("GET", "artifacts/list.txt")).body == content
    assert (await writer.call("PUT", "artifacts/list.txt", data=b"")).status == 200
    assert (await reader.call("GET", "artifacts/list.txt")).body == b""
    stranger = await world.worker(url)
    assert (await stranger.call("GET", "artifacts/list.txt")).error == "NotFound"


async def test_a_restarted_run_finds_what_the_stages_that_it_kept_have_stored(world: World, url: str) -> None:
    task = await world.task()
    scan = await world.stage(task, name="scan")
    writer = await world.worker(url, scan)
    await writer.call("PUT", "artifacts/list", data=b"first")
    kept = [{"stage": "scan", "object": scan["metadata"]["name"]}]
    again = await world.worker(url, await world.stage(task, name="copy", run=2, inputs=kept))
    assert (await again.call("GET", "artifacts/list")).body == b"first"
    await again.call("PUT", "artifacts/list", data=b"second")
    assert (await again.call("GET", "artifacts/list")).body == b"second"
    assert (await writer.call("GET", "artifacts/list")).body == b"first"
    other = await world.worker(url, await world.stage(task, name="check", run=3))
    assert (await other.call("GET", "artifacts/list")).error == "NotFound"


@pytest.mark.parametrize("name", ["..", "%2e%2e%2f%2e%2e%2fx", "..%2Fx", "a%2Fb", ".upload-1", "a b", "x" * 101, "."])
async def test_a_name_that_leads_elsewhere_is_refused(world: World, url: str, name: str) -> None:
    pod = await world.worker(url)
    async with world.session.put(
        f"{url}/stage/v1/artifacts/{name}", data=b"x", headers={"Authorization": f"Bearer {pod.token}"}
    ) as answer:
        assert answer.status in {400, 404, 405}
    found = [path for path in world.artifacts.parent.rglob("*") if path.is_file()]
    assert not [path for path in found if ".logs" not in path.parts]  # those are the gateway's own


async def test_readers_see_the_old_one_until_the_new_one_is_whole(world: World, url: str) -> None:
    pod = await world.worker(url)
    await pod.call("PUT", "artifacts/list", data=b"old")
    half, rest = asyncio.Event(), asyncio.Event()

    async def blocks() -> AsyncIterator[bytes]:
        yield b"n" * 2_000_000
        half.set()
        await rest.wait()
        yield b"ew"

    upload = asyncio.create_task(pod.call("PUT", "artifacts/list", data=blocks()))
    await half.wait()
    assert (await pod.call("GET", "artifacts/list")).body == b"old"
    rest.set()
    assert (await upload).status == 200
    assert (await pod.call("GET", "artifacts/list")).body == b"n" * 2_000_000 + b"ew"


async def test_what_is_too_large_is_refused_and_leaves_nothing(world: World) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    async with world.gateway(artifact_max_bytes=1000) as url:
        pod = await world.worker(url)
        assert (await pod.call("PUT", "artifacts/a", data=b"x" * 1001)).error == "TooLarge"
        assert (await pod.call("PUT", "artifacts/a", data=stream())).error == "TooLarge"
        assert (await pod.call("GET", "artifacts/a")).error == "NotFound"
        for name in "abcd":
            assert (await pod.call("PUT", f"artifacts/{name}", data=b"x" * 1000)).status == 200
        assert (await pod.call("PUT", "artifacts/e", data=b"x")).error == "TooLarge"  # the run has had its share
        assert (await pod.call("PUT", "artifacts/d", data=b"x" * 999)).status == 200
    assert not list(world.artifacts.rglob(".upload-*"))
