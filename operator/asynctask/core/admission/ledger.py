"""What is taken of the queues and endpoints, and what stops one more task."""

from math import inf
from typing import NamedTuple

from asynctask.api.reasons import Reason
from asynctask.core.admission.model import EndpointKey, EndpointLimits, Key, Queue, Task

Pool = str | EndpointKey
"""Something that tasks share and that can be kept free for one of them: a queue, by name, or an endpoint."""


class Block(NamedTuple):
    """Why a task of a certain shape can't start: an answer for all that are alike."""

    reason: Reason
    resource: str = ""
    limit: int | None = None
    used: int | None = None
    needed: int | None = None
    pool: Pool | None = None
    """What would have to be kept free for it; None: it would not help, or others needn't suffer for it."""
    holder: Key | None = None
    earliest: float | None = None


class Share:
    """What is taken of one pool."""

    __slots__ = ("cpu_milli", "holder", "megabytes", "memory_bytes", "places")

    def __init__(self) -> None:
        self.places = 0
        """Tasks, or streams."""
        self.cpu_milli = 0
        self.memory_bytes = 0
        self.megabytes = 0
        self.holder: Key | None = None
        """Whom it was kept for first, where it is kept room."""


NOTHING = Share()


class Ledger:
    """Sums over tasks. One counts what runs; another, made anew each pass, what is kept free."""

    def __init__(self) -> None:
        self.queues: dict[str, Share] = {}
        self.endpoints: dict[EndpointKey, Share] = {}
        self.by_namespace: dict[tuple[str, str], int] = {}
        self.by_type: dict[tuple[str, str], int] = {}

    def hold(self, task: Task, times: int = 1) -> None:
        """Count a task; -1 takes it out again."""
        self.hold_queue(task, times)
        for use in task.endpoints:
            self.hold_endpoint(task, use.endpoint, times)

    def release(self, task: Task) -> None:
        """Take a task out."""
        self.hold(task, -1)

    def hold_queue(self, task: Task, times: int = 1) -> None:
        """Count it in its queue only."""
        share = self.queues.setdefault(task.queue, Share())
        share.places += times
        share.cpu_milli += times * task.cpu_milli
        share.memory_bytes += times * task.memory_bytes
        share.holder = share.holder or task.key
        for counts, name in ((self.by_namespace, task.namespace), (self.by_type, task.type)):
            counts[task.queue, name] = counts.get((task.queue, name), 0) + times
            if not counts[task.queue, name]:
                del counts[task.queue, name]

    def hold_endpoint(self, task: Task, endpoint: EndpointKey, times: int = 1) -> None:
        """Count it at one of its endpoints only."""
        share = self.endpoints.setdefault(endpoint, Share())
        share.holder = share.holder or task.key
        for use in task.endpoints:
            if use.endpoint == endpoint:
                share.places += times * use.streams
                share.megabytes += times * use.megabytes_per_second


EMPTY = Ledger()


class Limits:
    """The limits in force, and the question whether a task fits into what they leave."""

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.endpoints: dict[EndpointKey, EndpointLimits] = {}

    def queue(self, name: str) -> Queue:
        """The limits of a queue; none if it was never set."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name)
        return queue

    def full(self, name: str, taken: Ledger) -> Block | None:
        """What stops every task of the queue alike: its count."""
        limit = self.queue(name).max_running
        used = taken.queues.get(name, NOTHING).places
        if limit is None or used < limit:
            return None
        return Block(Reason.QUEUE_FULL, "maxRunning", limit, used, 1)

    def block(self, task: Task, taken: Ledger, kept: Ledger) -> Block | None:
        """What stops the task; None: nothing but, maybe, a lock.

        Endpoints come before the queue's quota: for a task that waits hours for an endpoint, no room in the queue is
        to be kept.
        """
        queue = self.queue(task.queue)
        name = task.queue
        limit = queue.max_running_per_namespace
        if limit is not None:
            counted = (name, task.key[0])
            used, spare = taken.by_namespace.get(counted, 0), kept.by_namespace.get(counted, 0)
            if used + spare >= limit:
                reason = Reason.NAMESPACE_LIMIT_REACHED if used >= limit else Reason.ROOM_RESERVED
                return Block(reason, "maxRunningPerNamespace", limit, used + spare, 1)
        limit = queue.max_running_per_type
        if limit is not None:
            counted = (name, task.type)
            used, spare = taken.by_type.get(counted, 0), kept.by_type.get(counted, 0)
            if used + spare >= limit:
                reason = Reason.TYPE_LIMIT_REACHED if used >= limit else Reason.ROOM_RESERVED
                return Block(reason, "maxRunningPerType", limit, used + spare, 1)
        return self._endpoint_block(task, taken, kept) or queue_block(queue, task, taken, kept)

    def blocked_by_use(self, task: Task, taken: Ledger) -> bool:
        """Whether the queue itself is too full for the task, whatever is kept for others."""
        return queue_block(self.queue(task.queue), task, taken, EMPTY) is not None

    def free(self, name: str, taken: Ledger, kept: Ledger) -> tuple[float, float]:
        """CPU and memory that the queue's quota leaves; who needs more of either is stopped by `queue_block`."""
        queue = self.queue(name)
        used, spare = taken.queues.get(name, NOTHING), kept.queues.get(name, NOTHING)
        cpu, memory = queue.cpu_milli, queue.memory_bytes
        return (
            inf if cpu is None else max(0, cpu - used.cpu_milli - spare.cpu_milli),
            inf if memory is None else max(0, memory - used.memory_bytes - spare.memory_bytes),
        )

    def fits_empty(self, task: Task) -> bool:
        """Whether the task could run if nothing else did."""
        return self.full(task.queue, EMPTY) is None and self.block(task, EMPTY, EMPTY) is None

    def _endpoint_block(self, task: Task, taken: Ledger, kept: Ledger) -> Block | None:
        for use in task.endpoints:
            limits = self.endpoints.get(use.endpoint)
            if limits is None:
                continue
            used, spare = taken.endpoints.get(use.endpoint, NOTHING), kept.endpoints.get(use.endpoint, NOTHING)
            for reason, limit, in_use, in_reserve, needed in (
                (Reason.ENDPOINT_BUSY, limits.streams, used.places, spare.places, use.streams),
                (
                    Reason.BANDWIDTH_UNAVAILABLE,
                    limits.megabytes_per_second if use.megabytes_per_second else None,
                    used.megabytes,
                    spare.megabytes,
                    use.megabytes_per_second,
                ),
            ):
                if limit is not None and in_use + in_reserve + needed > limit:
                    return _block(
                        reason, use.endpoint[1], limit, in_use, spare.holder, in_reserve, needed, use.endpoint
                    )
        return None


def queue_block(queue: Queue, task: Task, taken: Ledger, kept: Ledger) -> Block | None:
    """What the queue has too little of for the task: places, CPU, memory."""
    used, spare = taken.queues.get(queue.name, NOTHING), kept.queues.get(queue.name, NOTHING)
    full, quota = Reason.QUEUE_FULL, Reason.QUEUE_QUOTA_EXCEEDED
    limit = queue.max_running
    if limit is not None and used.places + spare.places >= limit:
        return _block(full, "maxRunning", limit, used.places, spare.holder, spare.places, 1, queue.name)
    limit, needed = queue.cpu_milli, task.cpu_milli
    if limit is not None and needed and used.cpu_milli + spare.cpu_milli + needed > limit:
        return _block(quota, "quota.cpu", limit, used.cpu_milli, spare.holder, spare.cpu_milli, needed, queue.name)
    limit, needed = queue.memory_bytes, task.memory_bytes
    if limit is not None and needed and used.memory_bytes + spare.memory_bytes + needed > limit:
        return _block(
            quota, "quota.memory", limit, used.memory_bytes, spare.holder, spare.memory_bytes, needed, queue.name
        )
    return None


def _block(
    reason: Reason, resource: str, limit: int, used: int, holder: Key | None, kept: int, needed: int, pool: Pool
) -> Block:
    """The answer, with what it comes from: too large for ever, kept for somebody else, or in use."""
    if needed > limit:
        for_good = reason is Reason.QUEUE_QUOTA_EXCEEDED  # an endpoint's limits have a timetable
        return Block(Reason.REQUEST_TOO_LARGE if for_good else reason, resource, limit, used, needed)
    if used + needed <= limit:
        return Block(Reason.ROOM_RESERVED, resource, limit, used + kept, needed, pool, holder)
    return Block(reason, resource, limit, used, needed, pool)
