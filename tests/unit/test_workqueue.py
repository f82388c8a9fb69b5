"""The work queue: each key once, never twice at a time, no wake-up lost."""

import asyncio
from collections.abc import Iterator

import pytest

from asynctask.adapters import workqueue
from asynctask.adapters.workqueue import BACKOFF_MAX_SECONDS, WorkQueue


@pytest.fixture
def queue() -> WorkQueue[str]:
    return WorkQueue()


@pytest.fixture(autouse=True)
def full_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue.random, "random", lambda: 1.0)


async def taken(queue: WorkQueue[str]) -> list[str]:
    """Everything that is ready, in order, each marked as done."""
    found = []
    while len(queue):
        found.append(await queue.get())
        queue.done(found[-1])
    return found


async def is_empty(queue: WorkQueue[str]) -> bool:
    try:
        await asyncio.wait_for(queue.get(), 0.02)
    except TimeoutError:
        return True
    return False


async def test_keys_come_in_order_and_once(queue: WorkQueue[str]) -> None:
    for key in "abacb":
        queue.add(key)
    assert await taken(queue) == ["a", "b", "c"]
    assert await is_empty(queue)


async def test_a_sweep_goes_behind_all_else(queue: WorkQueue[str]) -> None:
    queue.sweep("abc")
    queue.add("d")
    queue.add("c")
    assert len(queue) == 4
    assert queue.is_backed_up
    assert await taken(queue) == ["d", "c", "a", "b"]
    assert await is_empty(queue)


async def test_a_sweep_is_no_backlog(queue: WorkQueue[str]) -> None:
    queue.sweep("abc")
    assert not queue.is_backed_up


async def test_a_sweep_adds_no_key_that_waits_or_is_worked_on(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("b")
    queue.sweep("abbc")
    assert queue.is_backed_up
    queue.done("a")
    assert await taken(queue) == ["b", "c"]
    assert await is_empty(queue)


async def test_a_key_is_never_worked_on_twice_at_a_time(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert await is_empty(queue)
    queue.done("a")
    assert await taken(queue) == ["a"]
    assert await is_empty(queue)


async def test_a_key_is_ready_again_after_it_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await taken(queue) == ["a"]
    queue.add("a")
    assert await taken(queue) == ["a"]


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await asyncio.wait_for(worker, 1) == "a"


async def test_a_delayed_key_comes_in_its_time_and_order(queue: WorkQueue[str]) -> None:
    queue.add_after("late", 0.06)
    queue.add_after("early", 0.02)
    assert (len(queue), queue.delayed) == (0, 2)
    assert [await asyncio.wait_for(queue.get(), 1) for _ in range(2)] == ["early", "late"]
    assert queue.delayed == 0


async def test_of_two_times_the_earlier_counts(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 60)
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    assert await asyncio.wait_for(queue.get(), 1) == "a"
    queue.done("a")
    assert queue.delayed == 0


async def test_an_immediate_wish_ends_the_delayed_one(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 0.02)
    queue.add("a")
    assert await taken(queue) == ["a"]
    assert await is_empty(queue)
    assert await is_empty(queue)


async def test_a_delayed_wish_during_the_work_is_kept(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add_after("a", 0.01)
    queue.done("a")
    assert await asyncio.wait_for(queue.get(), 1) == "a"


async def test_no_delay_is_at_once(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 0)
    queue.add_after("b", -1)
    assert await taken(queue) == ["a", "b"]


async def test_the_back_off_doubles_up_to_its_limit_and_starts_anew(queue: WorkQueue[str]) -> None:
    delays = [queue.retry("a") for _ in range(14)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == BACKOFF_MAX_SECONDS
    queue.forget("a")
    assert queue.retry("a") == 0.1
    assert queue.retry("b") == 0.1


async def test_drained_waits_for_what_is_in_flight(queue: WorkQueue[str]) -> None:
    await asyncio.wait_for(queue.drained(), 1)
    queue.add("a")
    key = await queue.get()
    waiting = asyncio.create_task(queue.drained())
    queue.add("b")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    queue.done(key)
    await asyncio.wait_for(waiting, 1)
    assert len(queue) == 1


async def test_the_oldest_key_is_told(queue: WorkQueue[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[float] = iter([100.0, 103.0, 110.0])
    monkeypatch.setattr(workqueue, "monotonic", lambda: next(clock))
    queue.add("a")
    queue.add("b")
    assert queue.oldest_seconds() == 10


async def test_preferred_keys_come_first(queue: WorkQueue[str]) -> None:
    for key in "abc":
        queue.add(key)
    queue.prefer(["c", "d"])
    found = await taken(queue)
    assert set(found[:2]) == {"c", "d"}
    assert found[2:] == ["a", "b"]


async def test_many_workers_lose_nothing_and_never_collide(queue: WorkQueue[str]) -> None:
    active: set[str] = set()
    done: dict[str, int] = {}

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in active
            active.add(key)
            await asyncio.sleep(0)
            active.discard(key)
            done[key] = done.get(key, 0) + 1
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for round_number in range(20):
        for number in range(50):
            queue.add(str(number))
        if round_number % 3 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while len(queue):
            await asyncio.sleep(0)
    await asyncio.wait_for(queue.drained(), 5)
    assert len(done) == 50
    assert all(not worker.done() for worker in workers)
    for worker in workers:
        worker.cancel()
