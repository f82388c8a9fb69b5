"""A storage estate that never was: queues, namespaces, endpoints, and what they are asked within a day."""

import random
from dataclasses import dataclass, replace

from asynctask.core.admission.model import EndpointKey, EndpointLimits, EndpointUse, Key, Preemption, Queue, Task
from asynctask.core.overlap import Location, locate

HOUR, DAY = 3600, 86_400
GIB = 1 << 30
NAMESPACES = tuple(f"dept-{index:02}" for index in range(20))
WEIGHTS = {name: 3 if index < 4 else 1 for index, name in enumerate(NAMESPACES)}
CLOSING, OPENING = 18 * HOUR, 10 * HOUR
"""The day begins at noon; `nightly` is open from 22:00 (10 h later) to 06:00 (18 h later)."""
QUEUES = (
    Queue(
        "interactive", max_running=24, max_running_per_namespace=8, promote_after_seconds=300, weights=WEIGHTS
    ),
    Queue(
        "default",
        max_running=150,
        max_running_per_type=90,
        cpu_milli=160_000,
        memory_bytes=320 * GIB,
        promote_after_seconds=1200,
        head_of_line_seconds=300,
        weights=WEIGHTS,
        preemption=Preemption(enabled=True, min_runtime_seconds=120, max_per_hour=60),
    ),
    Queue(
        "nightly",
        max_running=240,
        cpu_milli=240_000,
        start_rate_per_minute=600,
        promote_after_seconds=3600,
        weights=WEIGHTS,
    ),
)  # fmt: skip
NIGHTLY = "nightly"
ENDPOINTS = {
    "nas": EndpointLimits(streams=30, megabytes_per_second=2000),
    "archive": EndpointLimits(streams=16, megabytes_per_second=800),
    "cloud": EndpointLimits(streams=8, megabytes_per_second=200),
}
PRIORITIES = (1, 2, 3, 3, 3, 3, 4, 4, 5, 5)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of task: what it needs, and how long it takes (median, in seconds)."""

    name: str
    seconds: float
    cpu_milli: int
    memory_bytes: int
    reads: str
    writes: str
    least: int = 0


KINDS = {
    "interactive": (Kind("restore", 45, 500, GIB, "archive", "nas"), Kind("scan", 30, 500, GIB, "nas", "")),
    "default": (
        Kind("sync", 130, 500, GIB, "nas", "archive"),
        Kind("backup", 200, 1000, 2 * GIB, "nas", "archive"),
        Kind("migrate", 200, 2000, 8 * GIB, "nas", "nas", least=50),
        Kind("upload", 240, 1000, GIB, "nas", "cloud", least=10),
    ),
    "nightly": (Kind("backup", 150, 1000, 2 * GIB, "nas", "archive"), Kind("verify", 60, 500, GIB, "archive", "")),
}
SHARES = {"interactive": 0.25, "default": 0.35, "nightly": 0.4}
"""Of all tasks."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A task and how long it will run."""

    task: Task
    seconds: float


def endpoints() -> dict[EndpointKey, EndpointLimits]:
    """The endpoints of all namespaces."""
    return {(space, name): limits for space in NAMESPACES for name, limits in ENDPOINTS.items()}


def day(count: int, seed: int) -> list[Arrival]:
    """So many tasks, in the order in which they come. The same seed gives the same day."""
    chance = random.Random(seed)  # nothing secret
    arrivals = [_arrival(chance, index, _moment(chance)) for index in range(count)]
    arrivals.sort(key=lambda arrival: (arrival.task.submitted, arrival.task.key))
    return arrivals


def backlog(count: int, seed: int, *, own_shapes: bool = False) -> list[Task]:
    """So many tasks that came within the last hour. With `own_shapes` no two request the same: the worst case."""
    chance = random.Random(seed)
    tasks = [_arrival(chance, index, chance.uniform(-HOUR, 0)).task for index in range(count)]
    if not own_shapes:
        return tasks
    return [replace(task, memory_bytes=task.memory_bytes + index) for index, task in enumerate(tasks)]


def _moment(chance: random.Random) -> float:
    """A third comes in bursts at the full hour, as schedules make them; the rest is spread."""
    if chance.random() < 1 / 3:
        return float(chance.randrange(24) * HOUR)
    return float(chance.randrange(DAY))


def _arrival(chance: random.Random, index: int, moment: float) -> Arrival:
    queue = chance.choices(list(SHARES), list(SHARES.values()))[0]
    kind = chance.choice(KINDS[queue])
    key = (chance.choice(NAMESPACES), f"{kind.name}-{index}")
    used = dict.fromkeys(name for name in (kind.reads, kind.writes) if name)
    task = Task(
        key=key,
        queue=queue,
        submitted=moment,
        priority=chance.choice(PRIORITIES),
        type=kind.name,
        cpu_milli=kind.cpu_milli,
        memory_bytes=kind.memory_bytes,
        endpoints=tuple(EndpointUse((key[0], name), 1, kind.least) for name in used),
        locations=_locations(chance, key, kind),
    )
    return Arrival(task, max(1.0, min(chance.lognormvariate(0, 0.8) * kind.seconds, 3 * HOUR)))


def _locations(chance: random.Random, key: Key, kind: Kind) -> tuple[Location, ...]:
    """A folder that is read and one that is written; one in twenty takes the share as a whole."""

    def folder(endpoint: str) -> str:
        share = f"/{endpoint}/share{chance.randrange(12)}"
        return share if chance.random() < 0.05 else f"{share}/folder{chance.randrange(300)}"

    found = [locate(key[0], kind.reads, folder(kind.reads))]
    if kind.writes:
        found.append(locate(key[0], kind.writes, folder(kind.writes), "Write"))
    return tuple(found)
