"""Tasks, queues and the state of admission, for tests: what a sentence needs and nothing else."""

from typing import Any

from asynctask.core.admission.model import Decisions, EndpointUse, Key, Queue, Running, Task
from asynctask.core.admission.state import AdmissionState
from asynctask.core.overlap import Access, Location, locate


def key(name: str) -> Key:
    """`name`, or `namespace/name`; the namespace is `team` by default."""
    namespace, _, short = name.rpartition("/")
    return (namespace or "team", short)


def names(keys: tuple[Key, ...]) -> list[str]:
    """Without the namespace where that is `team`."""
    return [short if namespace == "team" else f"{namespace}/{short}" for namespace, short in keys]


def wants(name: str, priority: int = 3, at: float = 0.0, **more: Any) -> Task:
    """A task of queue `q` that waits since `at`."""
    return Task(key(name), more.pop("queue", "q"), at, priority, **more)


def writes(path: str, endpoint: str = "nas") -> Location:
    """A tree written to."""
    return _location(path, "Write", endpoint)


def reads(path: str, endpoint: str = "nas") -> Location:
    """A tree read."""
    return _location(path, "Read", endpoint)


def _location(path: str, access: Access, endpoint: str) -> Location:
    return locate("team", endpoint, path, access)


def uses(endpoint: str = "nas", streams: int = 1, least: int = 0) -> EndpointUse:
    """So many streams, and MB/s at least."""
    return EndpointUse(("team", endpoint), streams, least)


class Scene:
    """A state with queue `q`, told of things by name."""

    def __init__(self, **limits: Any) -> None:
        self.state = AdmissionState()
        self.now = 0.0
        self.last = Decisions()
        self.limit(**limits)

    def limit(self, name: str = "q", **limits: Any) -> "Scene":
        self.state.set_queue(Queue(name, **limits))
        return self

    def waits(self, *tasks: Task) -> "Scene":
        for task in tasks:
            self.state.submit(task)
        return self

    def runs(self, task: Task, started: float = 0.0, checkpoint: float | None = None) -> "Scene":
        self.state.started(Running(task, started, checkpoint))
        return self

    def ends(self, *ended: str) -> "Scene":
        for name in ended:
            self.state.ended(key(name))
        return self

    def admits(self, now: float | None = None) -> list[str]:
        """Who starts in a pass."""
        self.now = self.now if now is None else now
        self.last = self.state.admit(self.now)
        return names(self.last.admitted)

    def why(self, name: str) -> str:
        """The reason that a task waits for; empty if it doesn't wait."""
        refusal = self.state.refusal(key(name), self.now)
        return str(refusal.reason) if refusal else ""
