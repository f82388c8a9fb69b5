"""Everything a decision about one task rests on, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from asynctask.api.asynctask import AsyncTask
from asynctask.api.base import JsonObject
from asynctask.api.reasons import Reason
from asynctask.api.stage import Stage, StageLocation
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.templates import Retry
from asynctask.api.window import Window
from asynctask.core.graph import Graph
from asynctask.core.observed import Job, Pod
from asynctask.core.others import Other
from asynctask.core.problems import Problem

Want = Literal["run", "hold", "yield", "pause", "cancel"]
"""What is wanted of the stages: `hold` lets those that run go on and starts none; `yield` stops pods as a pause does,
and has them wait in the queue for their next turn."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A window that holds for a task."""

    owner: str
    """Whose it is, for people: `the task`, `TaskType file-backup`, `TaskQueue nightly`."""
    window: Window


@dataclass(frozen=True, slots=True)
class Resolved:
    """A task with its type applied and everything in it found valid."""

    graph: Graph
    config: JsonObject
    locations: tuple[StageLocation, ...]
    endpoints: Mapping[str, StorageEndpoint]
    priority: int
    queue: str
    retry: Retry
    type_name: str = ""
    type_generation: int = 0
    """The TaskType's, as it is now; 0 for a task with stages of its own."""
    hours: tuple[Hours, ...] = ()
    """All must be open."""
    preemptible: bool = True
    """Whether more urgent tasks may push it out."""


@dataclass(frozen=True, slots=True)
class Displacement:
    """Why a task that runs has to give its place back."""

    reason: Reason
    by: str
    """For people who may see the task: names nothing of other namespaces."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The queue's answer for one task: it may run, or why not."""

    admitted: bool = False
    reason: Reason | str = Reason.QUEUED
    message: str = ""
    queue: str = ""
    ahead: int | None = None
    resource: str = ""
    holder: str = ""
    earliest: datetime | None = None
    displacement: Displacement | None = None
    """Its place is taken back: what runs of it must stop."""
    is_overlap: bool = False
    """It waits for another task that uses the same storage: its overlap policy decides."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What all stage pods have in common."""

    gateway_url: str = ""
    service_account: str = "default"
    kueue_queue: str = ""
    """The LocalQueue of Kueue that Jobs are handed to; empty: they are started here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Patience, in seconds."""

    stuck_pod_seconds: float = 600
    pod_refused_seconds: float = 20
    linger_seconds: float = 30
    """A pod that has reported its end is stopped this long after its grace period."""
    replacement_seconds: float = 30
    """A pod that the cluster took should have been replaced by then; the Job controller waits longer each time."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One task and all that was observed of it at one moment."""

    task: AsyncTask
    resolved: Resolved | Problem
    now: datetime
    stages: tuple[Stage, ...] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    pods_gone: Mapping[str, datetime] = field(default_factory=dict)
    """When the last pod of a Job, by its uid, was seen to be no more."""
    known_since: datetime | None = None
    """What went before this was not seen."""
    dependencies: Mapping[str, Other] = field(default_factory=dict)
    dependency_cycle: tuple[str, ...] = ()
    children: Mapping[str, Other] = field(default_factory=dict)
    admission: Admission = Admission()
    refusals: Mapping[str, str] = field(default_factory=dict)
    """What the API server said a moment ago when it would not make what a Stage, by its name, needs to begin."""
    pod_refusals: Mapping[str, str] = field(default_factory=dict)
    """What the Job controller said of Jobs, by their uids, that it can't make a pod for."""
    pod_settings: PodSettings = PodSettings()
    limits: Limits = Limits()
    archive_required: bool = False
    """Whether a task stays until the gateway has archived it, though its time to live is over."""


Patch = Mapping[str, Any]
