"""What stages are told that they may move, by one gateway and by several, as limits, priorities and stages change."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gateway.world import Pod, World

from asynctask.adapters import cluster as api

WITHIN_SECONDS = 10
MB = 1_000_000


@dataclass
class Mover:
    """A stage that uses all that it is told, or as much as its disks give."""

    world: World
    stage: dict[str, Any]
    pod: Pod
    speed: float = 1000.0
    told: float | None = 0.0
    sequence: int = 0
    history: list[float | None] = field(default_factory=list)

    async def begins(self) -> "Mover":
        return self._was_told((await self.pod.context()).body["bytesPerSecond"])

    async def reports(self, url: str = "") -> "Mover":
        self.pod.url = url or self.pod.url
        self.sequence += 1
        used = {} if self.told is None else {"usedBytesPerSecond": int(min(self.told, self.speed) * MB)}
        answer = await self.pod.report(self.sequence, progress={"bytesDone": self.sequence}, **used)
        return self._was_told(answer.body["bytesPerSecond"])

    async def ends(self) -> None:
        await self.pod.complete("succeeded")

    def _was_told(self, rate: int | None) -> "Mover":
        self.told = None if rate is None else rate / MB
        self.history.append(self.told)
        return self


@dataclass
class Movers:
    """Makes them."""

    world: World
    url: str

    async def __call__(self, *endpoints: str, url: str = "", speed: float = 1000.0, **task: Any) -> Mover:
        locations = [{"field": f"f{n}", "endpoint": name, "path": f"/{name}"} for n, name in enumerate(endpoints)]
        stage = await self.world.stage(await self.world.task(**task), locations=locations)
        return Mover(self.world, stage, await self.world.worker(url or self.url, stage), speed)


@pytest.fixture
def mover(world: World, url: str) -> Movers:
    return Movers(world, url)


async def settle(*movers: Mover, until: Callable[[], bool], within: float = WITHIN_SECONDS) -> None:
    """Let all report in turn until this holds."""
    async with asyncio.timeout(within):
        while not until():
            for each in movers:
                await each.reports()
            await asyncio.sleep(0.25)


def told(*movers: Mover) -> tuple[float | None, ...]:
    return tuple(each.told for each in movers)


def near(*rates: float) -> Any:
    return pytest.approx(rates, rel=0.03, abs=0.5)


async def test_the_limit_is_shared_by_priority(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    urgent, normal = await mover(nas, priority=1), await mover(nas)
    await urgent.begins()
    await normal.begins()
    await settle(urgent, normal, until=lambda: told(urgent, normal) == near(80, 20))
    await urgent.ends()
    assert (await normal.reports()).told == 100


async def test_a_stage_counts_before_its_pod_comes(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    early, late = await mover(nas), await mover(nas)
    await early.begins()
    await settle(early, until=lambda: early.told == 50)
    assert (await late.begins()).told == 50


async def test_the_smaller_share_of_two_endpoints_counts_and_the_rest_is_passed_on(world: World, mover: Movers) -> None:
    nas, slow = await world.endpoint(100), await world.endpoint(10)
    copy, other = await mover(nas, slow), await mover(nas)
    await copy.begins()
    await settle(copy, other, until=lambda: told(copy, other) == near(10, 90))


async def test_what_a_slow_stage_leaves_is_passed_on_and_its_status_says_so(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    slow, fast = await mover(nas, speed=10), await mover(nas)
    await settle(slow, fast, until=lambda: told(slow, fast) == near(11, 89))
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await world.status(slow.stage)).get("bandwidth", {}).get("usedBytesPerSecond") != 10 * MB:
            await slow.reports()


async def test_a_new_limit_holds_with_the_next_report(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    one, two = await mover(nas), await mover(nas)
    await settle(one, two, until=lambda: told(one, two) == near(50, 50))
    for limits, share in (({"megabytesPerSecond": 30}, 15), ({"megabytesPerSecond": 300}, 150)):
        await world.cluster.patch(api.ENDPOINTS, world.namespace, nas, {"spec": {"limits": limits}})
        await settle(one, two, until=lambda share=share: told(one, two) == near(share, share))  # type: ignore[misc]
    await world.cluster.patch(api.ENDPOINTS, world.namespace, nas, {"spec": {"limits": None}})
    await settle(one, two, until=lambda: told(one, two) == (None, None))


async def test_a_limit_holds_for_stages_that_began_without_one(world: World, mover: Movers) -> None:
    nas = await world.endpoint(None)
    one = await mover(nas)
    assert (await one.begins()).told is None
    limits = {"megabytesPerSecond": 7}
    await world.cluster.patch(api.ENDPOINTS, world.namespace, nas, {"spec": {"limits": limits}})
    await settle(one, until=lambda: one.told == 7)


async def test_a_timetable_is_obeyed_when_its_hour_comes(world: World, mover: Movers) -> None:
    now = datetime.now(UTC)
    soon, later = (now + timedelta(seconds=after) for after in (60, 3600))
    today = {"start": f"{now - timedelta(minutes=5):%H:%M}", "end": f"{soon:%H:%M}", "megabytesPerSecond": 5}
    other = {"start": f"{soon:%H:%M}", "end": f"{later:%H:%M}", "megabytesPerSecond": 6}
    nas = await world.endpoint(100, timetable={"periods": [today, other]})
    one = await mover(nas)
    assert (await one.begins()).told in {5, 6}  # the minute may turn meanwhile


async def test_a_new_priority_counts_within_seconds(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    one, two = await mover(nas, priority=3), await mover(nas, priority=3)
    await settle(one, two, until=lambda: told(one, two) == near(50, 50))
    await world.change_task(two.stage, priority=1)
    await settle(one, two, until=lambda: told(one, two) == near(20, 80))


async def test_a_promise_is_kept(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    urgent, promised = await mover(nas, priority=1), await mover(nas, priority=5, minMegabytesPerSecond=60)
    await promised.begins()
    await settle(urgent, promised, until=lambda: told(urgent, promised) == near(40, 60))
    assert min(rate or 0 for rate in promised.history) >= 59


async def test_a_stage_that_stops_leaves_its_share(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    one, two = await mover(nas), await mover(nas)
    await settle(one, two, until=lambda: told(one, two) == near(50, 50))
    await world.operator_writes(two.stage, phase="Paused")
    await settle(one, until=lambda: one.told == 100)


async def test_replicas_share_one_limit(world: World, mover: Movers) -> None:
    async with world.gateway() as second:
        nas = await world.endpoint(100)
        here = [await mover(nas), await mover(nas, speed=5)]
        there = [await mover(nas, url=second, priority=2), await mover(nas, url=second)]
        everybody = [*here, *there]
        for each in everybody:
            await each.begins()
        assert sum(each.told or 0 for each in everybody) <= 101
        await settle(*everybody, until=lambda: told(*everybody) == near(23.6, 5.5, 47.2, 23.6), within=20)
        here[1].speed = 1000
        highest = 0.0

        def all_share() -> bool:
            nonlocal highest
            highest = max(highest, sum(min(each.told or 0, each.speed) for each in everybody))
            return told(*everybody) == near(20, 20, 40, 20)

        await settle(*everybody, until=all_share, within=2 * WITHIN_SECONDS)
        assert highest <= 110


async def test_a_stage_goes_on_with_its_share_at_another_replica(world: World, mover: Movers) -> None:
    nas = await world.endpoint(100)
    one, two = await mover(nas), await mover(nas, speed=10)
    await settle(one, two, until=lambda: told(one, two) == near(89, 11))
    async with world.gateway() as second:
        await one.reports(second)
        assert one.told is not None
        assert one.told <= 100 - 9
        await two.reports(second)
        await settle(one, two, until=lambda: told(one, two) == near(89, 11))
