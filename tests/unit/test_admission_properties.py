"""What holds of admission whatever is asked: small worlds lived through from end to end, with every pass checked."""

from dataclasses import dataclass, field, replace
from itertools import combinations

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.waiting import reads, uses, writes

from asynctask.core.admission.ageing import longest_wait, running_class
from asynctask.core.admission.model import EndpointLimits, Key, Preemption, Queue, Running, Task
from asynctask.core.admission.state import AdmissionState
from asynctask.core.overlap import overlap

GRACE = 5.0
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: worlds this intricate shrink for minutes. What fails is kept, and comes first the next time."""
PATHS = ["/a", "/a/x", "/b"]
ENDPOINTS = {("team", "nas"): EndpointLimits(2, 100), ("team", "s3"): EndpointLimits(streams=3)}

QUEUES = st.builds(
    Queue,
    name=st.sampled_from(["p", "q"]),
    max_running=st.none() | st.integers(1, 3),
    max_running_per_namespace=st.none() | st.integers(1, 2),
    max_running_per_type=st.none() | st.integers(1, 2),
    cpu_milli=st.none() | st.integers(4, 6),
    memory_bytes=st.none() | st.integers(4, 6),
    start_rate_per_minute=st.none() | st.sampled_from([10, 60]),
    promote_after_seconds=st.none() | st.just(40.0),
    head_of_line_seconds=st.sampled_from([0.0, 20.0]),
    weights=st.sampled_from([{}, {"team": 3}]),
    preemption=st.sampled_from([Preemption(), Preemption(True, 10, 3), Preemption(True, 0, 5, 2)]),
)
LOCATIONS = st.lists(st.sampled_from([f(p) for p in PATHS for f in (reads, writes)]), max_size=2).map(tuple)
TASKS = st.builds(
    Task,
    key=st.just(("", "")),
    queue=st.sampled_from(["p", "q"]),
    submitted=st.integers(0, 100).map(float),
    priority=st.integers(1, 5),
    type=st.sampled_from(["", "backup"]),
    cpu_milli=st.integers(0, 4),
    memory_bytes=st.sampled_from([0, 1, 4]),
    endpoints=st.sampled_from(
        [(), (uses(),), (uses(streams=2),), (uses(least=60),), (uses("s3"), uses()), (uses("s3", 3),)]
    ),
    locations=LOCATIONS,
    preemptible=st.booleans(),
    shut_seconds=st.sampled_from([0.0, 0.0, 70.0]),
)


@dataclass
class World:
    """Tasks with the time that each takes, and queues."""

    queues: dict[str, Queue]
    tasks: dict[Key, Task]
    left: dict[Key, float]
    ends: dict[Key, float] = field(default_factory=dict)
    running: dict[Key, Running] = field(default_factory=dict)
    trace: list[tuple[float, tuple[Key, ...], tuple[object, ...]]] = field(default_factory=list)
    waited: dict[Key, float] = field(default_factory=dict)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    queues = {queue.name: queue for queue in draw(st.lists(QUEUES, min_size=1, max_size=2))}
    tasks = {
        (namespace, str(index)): replace(task, key=(namespace, str(index)))
        for index, (namespace, task) in enumerate(
            draw(st.lists(st.tuples(st.sampled_from(["team", "other"]), TASKS), min_size=1, max_size=12))
        )
    }
    return World(queues, tasks, {key: draw(st.sampled_from([1.0, 30.0, 90.0])) for key in tasks})


def live(world: World) -> World:
    """Let all of it happen; checks every pass; returns the world when everything has run."""
    state = AdmissionState()
    for queue in world.queues.values():
        state.set_queue(queue)
    for endpoint, limits in ENDPOINTS.items():
        state.set_endpoint(endpoint, limits)
    to_come = sorted(world.tasks.values(), key=lambda task: (task.submitted, task.key))
    now, wake, done = 0.0, None, 0
    for _ in range(2000):
        while to_come and to_come[0].submitted <= now:
            state.submit(to_come.pop(0))
        for key in [key for key, at in world.ends.items() if at <= now]:
            done += end(state, world, key, now)
        decisions = state.admit(now)
        wake = decisions.next_pass
        world.trace.append((now, decisions.admitted, decisions.displaced))
        for key in decisions.admitted:
            world.running[key] = Running(world.tasks[key], now)
            world.ends[key] = now + world.left[key]
            world.waited[key] = now - world.tasks[key].submitted
        check_pass(state, world, now)
        for displacement in decisions.displaced:
            by = world.tasks[displacement.by]
            queue = world.queues.get(by.queue, Queue(by.queue))
            for victim in displacement.victims:
                running = world.running[victim]
                assert running.task.queue == by.queue
                assert (
                    running_class(running, queue.promote_after_seconds) >= by.priority + queue.preemption.min_distance
                )
                assert now - running.started >= queue.preemption.min_runtime_seconds
                assert running.task.preemptible
                world.ends[victim] = min(world.ends[victim], now + GRACE)
        moments = [*world.ends.values(), *(task.submitted for task in to_come[:1])]
        if wake is not None and wake > now:
            moments.append(wake)
        if done == len(world.tasks):
            return world
        assert moments, f"nothing will ever happen, and these wait: {[k for k in world.tasks if state.is_waiting(k)]}"
        now = max(now, min(moments))
    raise AssertionError("it takes for ever")


def end(state: AdmissionState, world: World, key: Key, now: float) -> int:
    """A task has done its work, or makes room and waits on. 1 if it is done."""
    running = world.running.pop(key)
    del world.ends[key]
    by = state.displaced_by(key)
    world.left[key] -= now - running.started
    if by is None or world.left[key] <= 0:
        state.ended(key)
        return 1
    task = world.tasks[key]
    world.tasks[key] = replace(task, away_seconds=task.away_seconds + now - running.started)
    state.submit(world.tasks[key])
    return 0


def check_pass(state: AdmissionState, world: World, now: float) -> None:
    tasks = [running.task for running in world.running.values()]
    for one, other in combinations(tasks, 2):
        assert not any(overlap(a, b) for a in one.locations for b in other.locations), "two share a tree"
    for endpoint, limits in ENDPOINTS.items():
        used = [use for task in tasks for use in task.endpoints if use.endpoint == endpoint]
        assert within(sum(use.streams for use in used), limits.streams)
        assert within(sum(use.megabytes_per_second for use in used), limits.megabytes_per_second)
    for queue in world.queues.values():
        of_queue = [task for task in tasks if task.queue == queue.name]
        assert within(len(of_queue), queue.max_running)
        assert within(sum(task.cpu_milli for task in of_queue), queue.cpu_milli)
        assert within(sum(task.memory_bytes for task in of_queue), queue.memory_bytes)
        for name in {task.namespace for task in of_queue}:
            assert within(sum(task.namespace == name for task in of_queue), queue.max_running_per_namespace)
        for name in {task.type for task in of_queue}:
            assert within(sum(task.type == name for task in of_queue), queue.max_running_per_type)
        assert state.usage(queue.name, now).displaced_last_hour <= queue.preemption.max_per_hour
    for key in world.tasks:
        assert state.is_running(key) == (key in world.running)
        if state.is_waiting(key):
            refusal = state.refusal(key, now)
            assert refusal is not None
            assert refusal.reason not in {"", "Queued"}, "waits without a reason"


def within(amount: int, limit: int | None) -> bool:
    return limit is None or amount <= limit


@given(worlds())
@settings(max_examples=examples(50), deadline=None, phases=PHASES)
def test_limits_and_locks_hold_all_run_in_the_end_and_every_wait_has_a_reason(world: World) -> None:
    live(world)


@given(worlds())
@settings(max_examples=examples(15), deadline=None, phases=PHASES)
def test_the_same_happens_every_time(world: World) -> None:
    one, other = (live(World(world.queues, dict(world.tasks), dict(world.left))) for _ in range(2))
    assert one.trace == other.trace


@given(worlds())
@settings(max_examples=examples(30), deadline=None, phases=PHASES)
def test_who_makes_room_does_not_do_so_in_vain(world: World) -> None:
    """When the victims have gone, those start for whom it was."""
    state = AdmissionState()
    for queue in world.queues.values():
        state.set_queue(replace(queue, start_rate_per_minute=None, preemption=Preemption()))
    for endpoint, limits in ENDPOINTS.items():
        state.set_endpoint(endpoint, limits)
    tasks = sorted(world.tasks.values(), key=lambda task: -task.priority)
    for task in tasks:
        state.submit(task)
        state.admit(200)
    for queue in world.queues.values():
        state.set_queue(replace(queue, start_rate_per_minute=None, preemption=Preemption(True, 0, 10)))
    state.submit(replace(tasks[0], key=("team", "urgent"), priority=1, locations=()))
    displaced = state.admit(210).displaced
    for displacement in displaced:
        for victim in displacement.victims:
            assert state.displaced_by(victim) == displacement.by
            state.ended(victim)
    assert {displacement.by for displacement in displaced} <= set(state.admit(211).admitted)


PLACES, LONGEST, PROMOTE = 3, 10.0, 60.0


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from([3.0, LONGEST])), min_size=60, max_size=90))
@settings(max_examples=examples(8), deadline=None, phases=PHASES)
def test_in_an_overload_nobody_waits_longer_than_the_ageing_rule_says(arrivals: list[tuple[int, float]]) -> None:
    """Ten times as many come as can run; yet who waits is served by the bound in `ageing`, whatever comes after."""
    tasks = {
        ("team", str(index)): Task(("team", str(index)), "q", index / 3, priority)
        for index, (priority, _) in enumerate(arrivals)
    }
    left = {key: length for key, (_, length) in zip(tasks, arrivals, strict=True)}
    queue = Queue("q", max_running=PLACES, promote_after_seconds=PROMOTE)
    world = live(World({"q": queue}, tasks, left))
    for key, task in tasks.items():
        ahead = sum(
            other.submitted <= task.submitted < other.submitted + world.waited[name]
            for name, other in tasks.items()
            if name != key
        )
        bound = longest_wait(task.priority, ahead, PLACES, LONGEST, PROMOTE)
        assert world.waited[key] <= bound
