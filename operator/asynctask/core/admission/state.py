"""The entry: what is known of tasks, queues and endpoints, and a pass over it. No I/O, no clock."""

from asynctask.core.admission.model import (
    Decisions,
    EndpointKey,
    EndpointLimits,
    Gate,
    Key,
    Queue,
    Refusal,
    Running,
    Task,
    Usage,
)


class AdmissionState:
    """Changes are told by the methods, in any order and as often as one likes; `admit` decides.

    Nothing in here is the only copy: a new one, told of the tasks that run and those that wait, goes on. What it then
    has forgotten is only patience: how long a task has stood at the head, which room was made for whom.
    """

    def set_queue(self, queue: Queue) -> None:
        """A queue is new or has other limits. One that was never set has none."""
        raise NotImplementedError

    def remove_queue(self, name: str) -> None:
        """The queue's limits and gate are no more; who waits in it waits on, without them."""
        raise NotImplementedError

    def set_gate(self, queue: str, gate: Gate | None) -> None:
        """Nothing of the queue starts, whatever its limits; None: open. What runs is not touched."""
        raise NotImplementedError

    def set_endpoint(self, endpoint: EndpointKey, limits: EndpointLimits | None) -> None:
        """An endpoint bears this much from now on; None: there is no limit."""
        raise NotImplementedError

    def submit(self, task: Task) -> None:
        """The task waits, or waits with other values than before. It is no longer counted as running.

        A task whose own (not its queue's) window is closed, or that waits for something else of its own, is not submitted.
        """
        raise NotImplementedError

    def withdraw(self, key: Key) -> None:
        """The task waits no more. Nothing happens if it doesn't wait."""
        raise NotImplementedError

    def started(self, running: Running) -> None:
        """The task holds a place, whoever admitted it; told again, the values are taken over (start, checkpoint, priority)."""
        raise NotImplementedError

    def checkpointed(self, key: Key, at: float) -> None:
        """A running task has saved a checkpoint."""
        raise NotImplementedError

    def ended(self, key: Key) -> None:
        """The task holds no place any more: it is over, paused, backs off, or has been displaced and is gone."""
        raise NotImplementedError

    def recall_displacement(self, queue: str, at: float) -> None:
        """After a restart: a task of the queue was displaced then; counts against the budget of the hour."""
        raise NotImplementedError

    def admit(self, now: float) -> Decisions:
        """One pass over everything that waits. Cheap when nothing changed since the last one."""
        raise NotImplementedError

    def refusal(self, key: Key, now: float) -> Refusal | None:
        """Why the task waits, as of the last pass; None if it doesn't. `ahead` is reckoned at most once a second a queue."""
        raise NotImplementedError

    def is_running(self, key: Key) -> bool:
        """Whether the task holds a place."""
        raise NotImplementedError

    def is_waiting(self, key: Key) -> bool:
        """Whether the task waits for one."""
        raise NotImplementedError

    def displaced_by(self, key: Key) -> Key | None:
        """For whom a running task has been told to make room; None when it has not."""
        raise NotImplementedError

    def usage(self, queue: str, now: float) -> Usage:
        """How full the queue is."""
        raise NotImplementedError

    def queues(self) -> set[str]:
        """The queues that anything runs or waits in."""
        raise NotImplementedError
