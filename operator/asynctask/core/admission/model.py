"""What goes into an admission pass and what comes out of it: plain values. Times are seconds on any one clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from asynctask.api.reasons import Reason
from asynctask.core.overlap import Location

Key = tuple[str, str]
"""Namespace and name of a task."""
EndpointKey = tuple[str, str]
"""Namespace and name of a StorageEndpoint."""
OverlapPolicy = Literal["Wait", "Skip", "Fail"]
MOST_URGENT, LEAST_URGENT = 1, 5


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """What a task takes of one StorageEndpoint while it runs."""

    endpoint: EndpointKey
    streams: int = 1
    megabytes_per_second: int = 0
    """What it needs at least; 0: it takes what there is."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task that wants to run, or runs."""

    key: Key
    queue: str
    submitted: float
    """When it asked for a place first in this run. Being displaced or paused doesn't change it: it keeps its turn."""
    priority: int = 3
    """As given, 1 to 5; waiting raises it, see `ageing`."""
    type: str = ""
    """Its TaskType; tasks with stages of their own share the type ``""``."""
    cpu_milli: int = 0
    """The most that its stages may request at once."""
    memory_bytes: int = 0
    endpoints: tuple[EndpointUse, ...] = ()
    """At most one entry an endpoint."""
    locations: tuple[Location, ...] = ()
    """What it locks while it runs."""
    overlap_policy: OverlapPolicy = "Wait"
    preemptible: bool = True
    """False: it is never displaced (it can't save a checkpoint, or is kept for another reason)."""
    away_seconds: float = 0.0
    """Time since `submitted` in which it did not wait (it ran and was displaced, it was paused), and so did not age."""

    shut_seconds: float = 0.0
    """Time in which it waited for its or its queue's window, not for its turn, and so did not age either."""

    @property
    def namespace(self) -> str:
        """The namespace, whose limit and share it counts against."""
        return self.key[0]


@dataclass(frozen=True, slots=True)
class Running:
    """A task that holds a place."""

    task: Task
    started: float
    """When it was admitted, or last started."""
    checkpoint: float | None = None
    """When it last saved one, in this or an earlier attempt."""
    is_leaving: bool = False
    """It has been stopped, and its place is free as soon as its pod has gone: nobody need be displaced for that one."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """Whether urgent tasks may displace less urgent ones of the same queue."""

    enabled: bool = False
    min_runtime_seconds: float = 60.0
    max_per_hour: int = 20
    min_distance: int = 1
    """How many classes less urgent a victim must be."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue's limits; None limits nothing."""

    name: str
    max_running: int | None = None
    max_running_per_namespace: int | None = None
    max_running_per_type: int | None = None
    cpu_milli: int | None = None
    memory_bytes: int | None = None
    start_rate_per_minute: int | None = None
    promote_after_seconds: float | None = None
    """None or 0: waiting raises nothing."""
    head_of_line_seconds: float = 300.0
    weights: Mapping[str, int] = field(default_factory=dict)
    """By namespace; the others weigh 1."""
    preemption: Preemption = Preemption()


@dataclass(frozen=True, slots=True)
class Gate:
    """Why a queue starts nothing at all for now: paused, outside its window, the cluster is busy, just started.

    Reckoned elsewhere; when several apply, give the one that lasts longest.
    """

    reason: Reason
    resource: str = ""
    """What holds it, for people: the window, `pressure.maxNodeCPUPercent`, …"""
    limit: int | None = None
    used: int | None = None
    opens_at: float | None = None
    """When it ends, where that is known. The caller takes the gate away; it doesn't end by itself."""


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """What a StorageEndpoint bears now; None: no limit."""

    streams: int | None = None
    megabytes_per_second: int | None = None
    """What may be promised to tasks that need something at least."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a task does not run. A code with figures: `texts.describe` makes a sentence of it on demand."""

    reason: Reason
    queue: str
    ahead: int = 0
    """Tasks of the queue whose turn comes before its own, by class, share and submit time, as things are now."""
    resource: str = ""
    """Which limit, as its field in the TaskQueue (`maxRunning`, `quota.cpu`), an endpoint's name, a path, a window."""
    limit: int | None = None
    used: int | None = None
    """What is in use, with what is kept free for tasks ahead of it."""
    needed: int | None = None
    holder: Key | None = None
    """Who holds the lock, or for whom the room is kept."""
    holder_waits: bool = False
    """The holder doesn't run yet, but goes first."""
    earliest: float | None = None
    """Before this it can't start, where that is known."""


@dataclass(frozen=True, slots=True)
class Displacement:
    """These running tasks must make room for one that waits: suspend them; `ended` tells when they have gone."""

    by: Key
    victims: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The task would share a tree with one that runs, and its policy is not to wait: it is out of the queue already."""

    key: Key
    policy: OverlapPolicy
    holder: Key
    path: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one pass decided. Who is in none of the lists waits on; `AdmissionState.refusal` says why."""

    admitted: tuple[Key, ...] = ()
    """They hold a place from now on, most urgent first."""
    displaced: tuple[Displacement, ...] = ()
    overlapping: tuple[Overlap, ...] = ()
    next_pass: float | None = None
    """Time alone may change something at this moment; None: the next pass is due when something changes."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a queue is."""

    running: int = 0
    cpu_milli: int = 0
    memory_bytes: int = 0
    waiting: int = 0
    waiting_by_priority: tuple[tuple[int, int], ...] = ()
    """(priority as given, tasks), most urgent first, without those that nobody waits with."""
    waiting_since: float | None = None
    """Submit time of the one that has waited longest."""
    displaced_last_hour: int = 0
