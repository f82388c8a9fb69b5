"""Room for the urgent: which running tasks of a queue should save a checkpoint and step aside, and for whom.

Like Kueue's `withinClusterQueue: LowerPriority`, by the priorities as given: waiting earns an early turn, not the
right to displace. Victims are protected by what they had waited when they started, else the patient would be
displaced by whoever comes next. Since a victim is always less urgent, as given, than who displaces it, tasks never
displace each other in a circle. As in Kueue, victims are added until there is room, then those that turn out not to
be needed are spared, most urgent first.

Nobody is displaced for a lock: a tree half written is no place for another writer.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from asynctask.core.admission.ageing import running_class
from asynctask.core.admission.book import HOUR, Book
from asynctask.core.admission.ledger import NOTHING, Ledger, Limits
from asynctask.core.admission.lines import Group
from asynctask.core.admission.model import Displacement, Key, Preemption, Running, Task

Dimension = tuple[str, str | tuple[str, str]]
"""What is short: kind, and which namespace, type or endpoint."""


class Victim(NamedTuple):
    """Sorts by how little is lost: least urgent, then newest checkpoint, then latest start."""

    urgency: int
    saved: float
    started: float
    key: Key
    running: Running


def plan(book: Book, name: str, now: float) -> tuple[list[Displacement], float | None]:
    """Who steps aside for whom, written into the book; and when time alone may allow more."""
    rules = book.limits.queue(name).preemption
    most_urgent = min(book.lines[name].by_priority)
    times = book.displaced_within_hour(name, now)
    if len(times) >= rules.max_per_hour:
        return [], times[0] + HOUR if times else None
    victims, ripe_at = _victims(book, name, most_urgent, now)
    if not victims:
        return [], ripe_at
    with_room_made = _Simulation(book, name)
    try:
        found = list(_displacements(book, name, victims, with_room_made, now))
    finally:
        with_room_made.undo()
    for displacement in found:
        book.claim(book.lines[name].tasks[displacement.by], displacement.victims)
    return found, ripe_at


def _victims(book: Book, name: str, most_urgent: int, now: float) -> tuple[list[Victim], float | None]:
    """Who may be displaced by the most urgent that waits, best first; and when the next one may."""
    queue = book.limits.queue(name)
    rules = queue.preemption
    found: list[Victim] = []
    ripe_at: list[float] = []
    for key in book.members.get(name, ()):
        running = book.running[key]
        if not running.task.preemptible or key in book.leaving:
            continue
        urgency = running_class(running, queue.promote_after_seconds)
        if urgency < most_urgent + rules.min_distance:
            continue
        ripe = running.started + max(1.0, rules.min_runtime_seconds)  # never in the pass that admitted it
        if ripe > now:
            ripe_at.append(ripe)
            continue
        saved = running.started if running.checkpoint is None else max(running.checkpoint, running.started)
        found.append(Victim(urgency, saved, running.started, key, running))
    found.sort(key=lambda victim: (-victim.urgency, -victim.saved, -victim.started, victim.key))
    return found, min(ripe_at, default=None)


class _Simulation:
    """The ledger as it will be when all who step aside have gone and those have started whom it is done for."""

    def __init__(self, book: Book, name: str) -> None:
        self._ledger = book.taken
        self._done: list[tuple[Task, int]] = []
        for key in book.leaving:
            if key in book.running and book.running[key].task.queue == name:
                self.change(book.running[key].task, -1)
        for key in book.claims.get(name, ()):
            if (task := book.waiting(key)) is not None:
                self.change(task, 1)

    def change(self, task: Task, times: int) -> None:
        self._ledger.hold(task, times)
        self._done.append((task, times))

    def undo(self) -> None:
        for task, times in self._done:
            self._ledger.hold(task, -times)


def _displacements(
    book: Book, name: str, victims: list[Victim], simulation: _Simulation, now: float
) -> Iterator[Displacement]:
    rules: Preemption = book.limits.queue(name).preemption
    budget = rules.max_per_hour - len(book.displaced_within_hour(name, now))
    freeable: dict[int, Ledger] = {}
    for task, skip_group in _candidates(book, name, victims[0].urgency - rules.min_distance, now):
        least = task.priority + rules.min_distance
        if least not in freeable:
            freeable[least] = _sum(victim for victim in victims if victim.urgency >= least)
        shortfall = _shortfall(book.limits, task, book.taken)
        if shortfall is None or not shortfall or not _covers(freeable[least], task, shortfall):
            skip_group()
            continue
        if book.locks.holder(task) or book.locks.claimant(task, lambda _: True):
            continue
        chosen = _choose([victim for victim in victims if victim.urgency >= least], shortfall)
        if len(chosen) > budget:
            skip_group()
            continue
        budget -= len(chosen)
        freeable.clear()
        keys = tuple(victim.key for victim in chosen)
        for victim in chosen:
            victims.remove(victim)
            book.leaving[victim.key] = task.key
            book.displacements[name].append(now)
            simulation.change(victim.running.task, -1)
        simulation.change(task, 1)
        yield Displacement(task.key, keys)
        if not budget or not victims:
            return


class _Skip:
    """Leave out the rest of a group."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> None:
        self.asked = True


def _candidates(book: Book, name: str, least_urgent: int, now: float) -> Iterator[tuple[Task, _Skip]]:
    """Tasks urgent enough to displace anybody, in the order of their turns."""
    line = book.lines[name]
    promote_after = book.limits.queue(name).promote_after_seconds
    claims = book.claims.get(name, {})

    def head(group: Group, index: int) -> tuple[int, float, Key, int, Group]:
        submitted, key = group.turns[index]
        return group.head_class(now, promote_after), submitted, key, index, group

    heads = [head(group, 0) for group in line.groups.values() if group.priority <= least_urgent]
    heapify(heads)
    while heads:
        _, _, key, index, group = heappop(heads)
        skip = _Skip()
        if key not in claims:
            yield line.tasks[key], skip
        if not skip.asked and index + 1 < len(group.turns):
            heappush(heads, head(group, index + 1))


def _sum(victims: Iterator[Victim]) -> Ledger:
    ledger = Ledger()
    for victim in victims:
        ledger.hold(victim.running.task)
    return ledger


def _shortfall(limits: Limits, task: Task, taken: Ledger) -> dict[Dimension, int] | None:
    """How much more must be free for the task, by dimension; None if no room could ever be enough."""
    if not limits.fits_empty(task):
        return None
    queue = limits.queue(task.queue)
    used = taken.queues.get(task.queue, NOTHING)
    found: list[tuple[Dimension, int | None, int, int]] = [
        (("places", ""), queue.max_running, used.places, 1),
        (("namespace", task.namespace), queue.max_running_per_namespace,
         taken.by_namespace.get((task.queue, task.namespace), 0), 1),
        (("type", task.type), queue.max_running_per_type, taken.by_type.get((task.queue, task.type), 0), 1),
        (("cpu", ""), queue.cpu_milli, used.cpu_milli, task.cpu_milli),
        (("memory", ""), queue.memory_bytes, used.memory_bytes, task.memory_bytes),
    ]  # fmt: skip
    for use in task.endpoints:
        endpoint = limits.endpoints.get(use.endpoint)
        if endpoint is not None:
            busy = taken.endpoints.get(use.endpoint, NOTHING)
            found.append((("streams", use.endpoint), endpoint.streams, busy.places, use.streams))
            found.append(
                (("megabytes", use.endpoint), endpoint.megabytes_per_second, busy.megabytes, use.megabytes_per_second)
            )
    return {
        dimension: taken_now + needed - limit
        for dimension, limit, taken_now, needed in found
        if limit is not None and needed and taken_now + needed > limit
    }


def _gives(ledger: Ledger, queue: str, dimension: Dimension) -> int:
    """What would be free of a dimension if all in the ledger went."""
    kind, name = dimension
    if isinstance(name, tuple):
        share = ledger.endpoints.get(name, NOTHING)
        return share.places if kind == "streams" else share.megabytes
    if kind == "namespace":
        return ledger.by_namespace.get((queue, name), 0)
    if kind == "type":
        return ledger.by_type.get((queue, name), 0)
    share = ledger.queues.get(queue, NOTHING)
    return {"places": share.places, "cpu": share.cpu_milli, "memory": share.memory_bytes}[kind]


def _covers(ledger: Ledger, task: Task, shortfall: dict[Dimension, int]) -> bool:
    return all(_gives(ledger, task.queue, dimension) >= missing for dimension, missing in shortfall.items())


def _choose(victims: list[Victim], shortfall: dict[Dimension, int]) -> list[Victim]:
    """Enough of them, best first; afterwards those are spared that the others make needless."""
    missing = dict(shortfall)
    chosen: list[tuple[Victim, Ledger]] = []
    for victim in victims:
        alone = _sum(iter((victim,)))
        gives = {dimension: _gives(alone, victim.running.task.queue, dimension) for dimension in missing}
        if not any(missing[dimension] > 0 and given for dimension, given in gives.items()):
            continue
        chosen.append((victim, alone))
        for dimension, given in gives.items():
            missing[dimension] -= given
        if all(short <= 0 for short in missing.values()):
            break
    needed: list[Victim] = []
    for victim, alone in reversed(chosen):
        gives = {dimension: _gives(alone, victim.running.task.queue, dimension) for dimension in missing}
        if all(missing[dimension] + given <= 0 for dimension, given in gives.items()):
            for dimension, given in gives.items():
                missing[dimension] += given
        else:
            needed.append(victim)
    return needed[::-1]
