"""Ends are told one at a time while they are few, and never wait for long."""

import asyncio

import pytest

from asynctask import endings
from asynctask.endings import Endings


@pytest.fixture(autouse=True)
def _a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What began a while ago, in the time of the test, still comes first."""
    monkeypatch.setattr(endings, "BEGINNING_SECONDS", 60.0)


class Door:
    """Ends that pass when they are let."""

    def __init__(self, room: int) -> None:
        self.endings = Endings(room)
        self.endings.begin()
        self.inside: list[str] = []
        self.passed: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[float]] = {}

    async def come(self, *names: str) -> None:
        """Each wants its turn, in order."""
        for name in names:
            self._leave[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._pass(name))
            await self.settle()

    async def leave(self, name: str) -> float:
        """The one inside is done; returns what it waited."""
        self._leave[name].set()
        waited = await self._tasks[name]
        await self.settle()
        return waited

    async def give_up(self, name: str) -> None:
        """Its worker is cancelled."""
        self._tasks[name].cancel()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        """Let all that can go on do so."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def _pass(self, name: str) -> float:
        async with self.endings.turn() as waited:
            self.inside.append(name)
            try:
                await self._leave[name].wait()
            finally:
                self.inside.remove(name)
                self.passed.append(name)
            return waited


async def test_who_comes_alone_does_not_wait() -> None:
    door = Door(room=4)
    await door.come("a")
    assert door.inside == ["a"]
    assert await door.leave("a") == 0


async def test_one_passes_at_a_time_in_the_order_they_came() -> None:
    door = Door(room=4)
    await door.come("a", "b", "c")
    assert door.inside == ["a"]
    await door.leave("a")
    assert door.inside == ["b"]
    assert await door.leave("b") > 0
    assert door.inside == ["c"]


async def test_who_finds_no_room_to_wait_goes_on() -> None:
    door = Door(room=2)
    await door.come("a", "b", "c", "d", "e")
    assert door.inside == ["a", "d", "e"]
    await door.leave("a")
    assert door.inside == ["d", "e"], "turns are given when nobody passes"
    await door.leave("d")
    await door.leave("e")
    assert door.inside == ["b"]


async def test_without_room_nobody_waits() -> None:
    door = Door(room=0)
    await door.come("a", "b")
    assert door.inside == ["a", "b"]


async def test_nobody_waits_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "MAX_WAIT_SECONDS", 0.01)
    door = Door(room=4)
    await door.come("a", "b")
    async with asyncio.timeout(5):
        while "b" not in door.inside:
            await asyncio.sleep(0.005)
    assert door.inside == ["a", "b"]


async def test_several_pass_when_nothing_has_begun_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "BEGINNING_SECONDS", 0.0)
    names = [str(number) for number in range(endings.PASSING + 2)]
    door = Door(room=4)
    await door.come(*names)
    assert door.inside == names[: endings.PASSING]
    await door.leave("3")
    assert door.inside[-1] == names[endings.PASSING]


async def test_one_who_gives_up_takes_no_turn() -> None:
    door = Door(room=4)
    await door.come("a", "b", "c")
    await door.give_up("b")
    await door.leave("a")
    assert door.inside == ["c"]


async def test_one_who_fails_inside_lets_the_next_in() -> None:
    door = Door(room=4)
    await door.come("a", "b")
    await door.give_up("a")
    assert door.inside == ["b"]
