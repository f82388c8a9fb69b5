"""Who waits in one queue, and in which order."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator

from asynctask.core.admission.ageing import away, effective, opened, waiting_class
from asynctask.core.admission.ledger import Block
from asynctask.core.admission.model import EndpointUse, Key, Queue, Task

POSITIONS_SECONDS = 1.0
"""Positions of a whole line are reckoned this often at most: they are for people."""

Shape = tuple[str, str, int, int, tuple[EndpointUse, ...]]
"""What a task takes: namespace, type, CPU, memory, endpoints."""
Alike = tuple[Shape, int, float | None, float, Key | None]
"""Shape, priority, when its window opened, else time away; for one that stands apart, its key."""
Turn = tuple[float, Key]
"""Submit time and key."""


class Family:
    """Waiting tasks that differ in size: a namespace's or type's limit or an endpoint stops all alike, a quota not."""

    __slots__ = ("kinds",)

    def __init__(self) -> None:
        self.kinds = 0


class Kind:
    """Waiting tasks of one shape: what stops one stops all."""

    __slots__ = ("block", "cpu_milli", "family", "groups", "memory_bytes", "passed", "skipped")

    def __init__(self, task: Task, family: Family) -> None:
        self.family = family
        self.cpu_milli = task.cpu_milli
        self.memory_bytes = task.memory_bytes
        self.groups = 0
        self.block: Block | None = None
        self.passed = -1
        """The pass that `block` is of."""
        self.skipped = -1
        """The last pass that needn't ask, since what stops it was plain from others."""


class Group:
    """Waiting tasks that differ in nothing but submit time and locations.

    They age alike: the first is always the most urgent one, and no task has to be moved when its class changes.
    """

    __slots__ = ("away", "kind", "namespace", "opened", "priority", "turns")

    def __init__(self, task: Task, kind: Kind) -> None:
        self.kind = kind
        self.priority = task.priority
        self.namespace = task.namespace
        self.opened = opened(task)
        self.away = away(task)
        self.turns: list[Turn] = []

    def head_class(self, now: float, promote_after: float | None) -> int:
        """The class of its first task."""
        since = self.turns[0][0] + self.away if self.opened is None else self.opened
        return effective(self.priority, now - since, promote_after)


class Line:
    """The tasks that wait in a queue. Those that wait for a lock are in no group: there is nothing to ask for them."""

    def __init__(self) -> None:
        self.tasks: dict[Key, Task] = {}
        self.groups: dict[Alike, Group] = {}
        self._kinds: dict[Shape, Kind] = {}
        self._families: dict[tuple[str, str, tuple[EndpointUse, ...]], Family] = {}
        self._cpu: list[int] = []
        self._memory: list[int] = []
        """What kinds need, least first."""
        self._apart: set[Key] = set()
        self.by_priority: dict[int, int] = {}
        self.stop: Block | None = None
        """What stopped the whole queue in the last pass."""
        self._positions: tuple[float, dict[Key, int]] = (float("-inf"), {})

    def add(self, task: Task) -> Group:
        """The task waits."""
        self.tasks[task.key] = task
        self.by_priority[task.priority] = self.by_priority.get(task.priority, 0) + 1
        return self.enter(task)

    def remove(self, key: Key) -> None:
        """The task waits no more."""
        task = self.tasks.pop(key)
        self.by_priority[task.priority] -= 1
        if not self.by_priority[task.priority]:
            del self.by_priority[task.priority]
        self.leave(task)

    def enter(self, task: Task) -> Group:
        """The task can be looked at."""
        found = self.groups.get(key := self._alike(task))
        if found is None:
            kind = self._kinds.get(key[0])
            if kind is None:
                kind = self._add_kind(key[0], task)
            kind.groups += 1
            found = self.groups[key] = Group(task, kind)
        insort(found.turns, (task.submitted, task.key))
        return found

    def leave(self, task: Task) -> None:
        """The task needn't be looked at; nothing happens if it isn't."""
        self._leave(self._alike(task), task)

    def _leave(self, alike: Alike, task: Task) -> None:
        group = self.groups.get(alike)
        if group is None:
            return
        turn = (task.submitted, task.key)
        at = bisect_left(group.turns, turn)
        if at < len(group.turns) and group.turns[at] == turn:
            del group.turns[at]
        if not group.turns:
            del self.groups[alike]
            group.kind.groups -= 1
            if not group.kind.groups:
                self._remove_kind(alike[0])

    def _add_kind(self, shape: Shape, task: Task) -> Kind:
        family = self._families.setdefault((shape[0], shape[1], shape[4]), Family())
        family.kinds += 1
        kind = self._kinds[shape] = Kind(task, family)
        insort(self._cpu, kind.cpu_milli)
        insort(self._memory, kind.memory_bytes)
        return kind

    def _remove_kind(self, shape: Shape) -> None:
        kind = self._kinds.pop(shape)
        del self._cpu[bisect_left(self._cpu, kind.cpu_milli)]
        del self._memory[bisect_left(self._memory, kind.memory_bytes)]
        kind.family.kinds -= 1
        if not kind.family.kinds:
            del self._families[shape[0], shape[1], shape[4]]

    def least_needed(self) -> tuple[int, int]:
        """The least CPU and memory that any needs which can be looked at."""
        return self._cpu[0], self._memory[0]

    def set_apart(self, task: Task) -> None:
        """The task, which can be looked at, is so by itself, not after those that are like it and came earlier."""
        before = self._alike(task)
        self._apart.add(task.key)
        self.enter(task)
        self._leave(before, task)

    def rejoin(self, key: Key) -> None:
        """The task stands with its like again."""
        task = self.tasks.get(key)
        if key not in self._apart or task is None:
            self._apart.discard(key)
            return
        before = self._alike(task)
        self._apart.discard(key)
        if before in self.groups:
            self.enter(task)
            self._leave(before, task)

    def _alike(self, task: Task) -> Alike:
        shape = (task.key[0], task.type, task.cpu_milli, task.memory_bytes, task.endpoints)
        since = opened(task)
        away_seconds = away(task) if since is None else 0.0
        return (shape, task.priority, since, away_seconds, task.key if task.key in self._apart else None)

    def group(self, task: Task) -> Group | None:
        """Where the task stands."""
        return self.groups.get(self._alike(task))

    def waiting_since(self) -> float | None:
        """The earliest submit time."""
        return min((task.submitted for task in self.tasks.values()), default=None)

    def ahead(self, key: Key, queue: Queue, running: Callable[[], dict[str, int]], now: float) -> int:
        """How many have their turn before the task; `running` counts tasks by namespace."""
        when, positions = self._positions
        if not 0 <= now - when < POSITIONS_SECONDS:
            positions = {key: index for index, key in enumerate(self.order(queue, running(), now))}
            self._positions = (now, positions)
        return positions.get(key, len(positions))

    def order(self, queue: Queue, running: dict[str, int], now: float) -> Iterator[Key]:
        """All in the order of their turns, if all who start from now on stay: class, fair share, submit time."""
        promote_after = queue.promote_after_seconds
        turns = sorted(
            (waiting_class(task, now, promote_after), task.submitted, task.key) for task in self.tasks.values()
        )
        counts = dict(running)
        shared: list[tuple[int, float, float, Key]] = []
        for urgency, submitted, key in turns:
            count = counts.get(key[0], 0)
            counts[key[0]] = count + 1
            shared.append((urgency, count / queue.weights.get(key[0], 1), submitted, key))
        shared.sort()
        return (entry[3] for entry in shared)
