"""Gateways as processes: one leads and archives, another takes over at once when it ends and soon when it is killed."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from archive.world import World, rows_of, until, until_true
from gateway.processes import GatewayProcess
from support.databases import Database

from asynctask.adapters.archive import Archive
from asynctask.adapters.cluster import LEASES, NotFound


@pytest.fixture
async def gateways(
    archive: Archive,
    database: Database,
    world: World,
    kubeconfig: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two that compete for the Lease of the test's namespace."""
    settings = {
        "NAMESPACE": world.namespace,
        "WATCH_NAMESPACES": f'["{world.namespace}"]',
        "ARCHIVE_URL": database.url,
        "LEASE_DURATION_SECONDS": "3",
        "LEASE_RENEW_SECONDS": "0.5",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ASYNCTASK_{name}", value)
    both = GatewayProcess(kubeconfig, tmp_path / "artifacts"), GatewayProcess(kubeconfig, tmp_path / "artifacts")
    try:
        for gateway in both:
            await gateway.start()
        yield both
    finally:
        for gateway in both:
            if gateway.process:
                await gateway.end(signal.SIGKILL)


async def leader(gateways: tuple[GatewayProcess, GatewayProcess]) -> GatewayProcess:
    """Who archives, once somebody does."""
    found: list[GatewayProcess] = []

    async def somebody() -> bool:
        living = [gateway for gateway in gateways if gateway.process and gateway.process.returncode is None]
        for gateway in living:
            if "asynctask_archive_leader 1.0" in await gateway.metrics():
                found.append(gateway)
        return bool(found)

    await until_true(somebody)
    return found[0]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_other_goes_on(
    archive: Archive, world: World, gateways: tuple[GatewayProcess, GatewayProcess], number: signal.Signals
) -> None:
    first = await leader(gateways)
    made = []
    for count in range(30):
        made.append(await world.task("Succeeded", ttlSecondsAfterFinished=600))
        if count == 15:
            ending = asyncio.create_task(first.end(number))
    for task in made:
        await until(archive, task, lambda row: row.task_status == "completed")
    code = await ending
    assert code == (0 if number == signal.SIGTERM else -number)
    assert await leader(gateways) is not first
    assert len(await rows_of(archive)) == 30

    async def all_are_told() -> bool:
        return all(["Archived" in world.conditions(await world.read(task)) for task in made])

    await until_true(all_are_told)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_the_lease_is_handed_over_at_the_end(
    world: World, gateways: tuple[GatewayProcess, GatewayProcess]
) -> None:
    for gateway in gateways:
        await leader(gateways)
        assert await gateway.end() == 0
    try:
        lease = await world.cluster.get(LEASES, world.namespace, "asynctask-gateway")
    except NotFound:
        pytest.fail("nobody ever led")
    assert lease["spec"]["holderIdentity"] == ""
