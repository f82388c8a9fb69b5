"""What a pass costs while so many wait."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter, thread_time
from typing import TypeVar

from asynctask.adapters import memory
from asynctask.core.admission.model import EndpointLimits, EndpointUse, Key, Queue, Refusal, Running, Task
from asynctask.core.admission.state import AdmissionState
from asynctask.core.admission.texts import describe

from . import estate

Result = TypeVar("Result")
Times = dict[str, list[tuple[float, float]]]
"""Milliseconds of CPU and of the clock, by what was done."""


def measure(waiting: int, passes: int, seed: int) -> Times:
    """Every kind of pass, while so many wait."""
    times: Times = {}
    memory.collect_seldom()  # as the operator does
    tasks = estate.backlog(waiting + waiting // 4 + 1000, seed)
    _with_hand_over(times, tasks, waiting, passes)
    _with_own_shapes(times, estate.backlog(waiting, seed, own_shapes=True), passes)
    _with_nothing_in_common(times, waiting, passes)
    return times


def _timed(times: Times, name: str, work: Callable[[], Result]) -> Result:
    wall, cpu = perf_counter(), thread_time()
    result = work()
    cpu, wall = thread_time() - cpu, perf_counter() - wall
    times.setdefault(name, []).append((cpu * 1000, wall * 1000))
    return result


def _state(queues: tuple[Queue, ...]) -> AdmissionState:
    state = AdmissionState()
    for queue in queues:
        state.set_queue(queue)
    for key, limits in estate.endpoints().items():
        state.set_endpoint(key, limits)
    return state


def _with_hand_over(times: Times, tasks: list[Task], waiting: int, passes: int) -> None:
    """The estate with a backlog: a task ends, another starts, a new one comes."""
    unlimited = tuple(replace(queue, start_rate_per_minute=None) for queue in estate.QUEUES)
    state = _state(unlimited)
    spare = iter(tasks)
    running: list[Key] = []

    def top_up() -> None:
        while sum(state.usage(queue.name, 0).waiting for queue in unlimited) < waiting:
            state.submit(next(spare))

    now = 0.0
    for round_ in range(6):  # until the queues are full and as many wait
        top_up()
        name = "filling" if round_ else "first pass: all are new"
        running += _timed(times, name, partial(state.admit, now)).admitted
        now += 1
    times.pop("filling", None)
    memory.settle()
    for _ in range(passes):
        now += 1.0
        state.ended(running.pop(0))
        state.submit(next(spare))
        running += _timed(times, "one ended", partial(state.admit, now)).admitted
    for number in range(passes):
        now += 1.0
        state.set_queue(replace(unlimited[0], head_of_line_seconds=1000 + number))
        _timed(times, "limits changed, nobody can start", partial(state.admit, now))
        _timed(times, "nothing changed", partial(state.admit, now))
    keys = [task.key for task in tasks if state.is_waiting(task.key)]
    for _ in range(3):
        now += 5.0
        refusals = _timed(times, "why, of all that wait", partial(_all_refusals, state, keys, now))
        _timed(times, "and as sentences", partial(_sentences, refusals))


def _all_refusals(state: AdmissionState, keys: list[Key], now: float) -> list[Refusal]:
    return [refusal for key in keys if (refusal := state.refusal(key, now))]


def _sentences(refusals: list[Refusal]) -> list[str]:
    return [describe(refusal) for refusal in refusals]


def _with_own_shapes(times: Times, tasks: list[Task], passes: int) -> None:
    """No two tasks are alike, and a quota, not the count, is what stops them: nothing can be answered together."""
    queues = tuple(
        Queue(queue.name, memory_bytes=40 * estate.GIB, promote_after_seconds=600, weights=estate.WEIGHTS)
        for queue in estate.QUEUES
    )
    state = _state(queues)
    for task in tasks:
        state.submit(task)
    running = list(state.admit(0.0).admitted)
    memory.settle()
    for number in range(max(3, passes // 10)):
        state.ended(running.pop(0))
        running += _timed(times, "one ended, no two alike", partial(state.admit, number + 1.0)).admitted


def _with_nothing_in_common(times: Times, waiting: int, passes: int) -> None:
    """No two are alike and none can start: a little is free, which only one that waits for an endpoint could use."""
    queue = Queue("q", memory_bytes=estate.GIB, promote_after_seconds=600)
    endpoint = ("team", "busy")
    for name, free, uses in (
        ("no two alike, one not too large", 1, ()),
        ("no two alike, half too large, endpoint busy", waiting // 2, (EndpointUse(endpoint),)),
    ):
        state = AdmissionState()
        state.set_endpoint(endpoint, EndpointLimits(streams=0))
        state.started(Running(Task(("team", "all"), "q", 0.0, memory_bytes=estate.GIB - free), 0.0))
        state.submit(Task(("team", "small"), "q", 0.0, memory_bytes=1, endpoints=(EndpointUse(endpoint),)))
        for size in range(2, waiting + 1):
            state.submit(Task((f"n{size % 20}", f"{size}"), "q", size % 97, 1 + size % 5, "", 0, size, uses))
        memory.settle()
        for number in range(max(3, passes // 10)):
            state.set_queue(replace(queue, head_of_line_seconds=1000 + number))
            _timed(times, name, partial(state.admit, number + 1000.0))
