"""One pass over all that wait: the most urgent first, and no more than there is room for.

The order within a queue is that of class, fair share, submit time; between queues, which share endpoints and locks,
class and submit time. Tasks that are alike are answered together, so a pass costs as much as there are different
kinds of tasks, not tasks. Where all differ in size, those are passed over that a quota has too little left for: what
is free only shrinks during a pass.

Who does not fit is overtaken by those who do, as in Kueue's BestEffortFIFO and in backfilling (Slurm's
sched/backfill). Run times aren't known here, so no start can be planned; instead the first in line gets, after
`head_of_line_seconds`, what ends from then on, as YARN's schedulers reserve containers: for each queue and endpoint,
what the first one needs is kept free of those behind it.
"""

from heapq import heapify, heappop, heappush, heapreplace

from asynctask.api.reasons import Reason
from asynctask.core.admission import preemption
from asynctask.core.admission.book import Book, Stuck
from asynctask.core.admission.ledger import Block, Ledger, Pool
from asynctask.core.admission.lockwaits import Wait
from asynctask.core.admission.model import Decisions, Displacement, Key, Overlap, Running, Task
from asynctask.core.admission.walk import Walk


class Pass:
    """What is found out on the way."""

    def __init__(self, book: Book, now: float, number: int) -> None:
        self.book = book
        self.now = now
        self.number = number
        self.kept = book.kept = Ledger()
        self._kept_pools: set[Pool] = set()
        self._first_blocked: set[Pool] = set()
        self._admitted: list[Key] = []
        self._overlapping: list[Overlap] = []
        self._times: list[float] = []

    def run(self) -> Decisions:
        """Admit, then see for whom room should be made."""
        for key in self.book.locks.impatient(self.now):
            if (task := self.book.waiting(key)) is not None:
                self.book.locks.want(task)
        self._ask_fresh()
        walks = [walk for name in sorted(self.book.lines) if (walk := self._begin(name)).heads]
        turns = [(walk.turn, walk) for walk in walks]
        heapify(turns)
        while turns:
            walk = turns[0][1]
            self._step(walk)
            if walk.heads:
                heapreplace(turns, (walk.turn, walk))
            else:
                heappop(turns)
        displaced = self._displace()
        self._end_claims()
        next_pass = min(self._times, default=None)
        return Decisions(tuple(self._admitted), tuple(displaced), tuple(self._overlapping), next_pass)

    def _ask_fresh(self) -> None:
        """Whoever doesn't wait for locks is asked when it is due, not when it is its turn."""
        for key in list(self.book.fresh):
            task = self.book.waiting(key)
            if task is None or task.queue in self.book.gates:
                continue
            del self.book.fresh[key]
            wait = self.book.locks.holder(task)
            if wait is not None:
                self._overlap(task, wait)

    def _overlap(self, task: Task, wait: Wait) -> None:
        self._overlapping.append(Overlap(task.key, task.overlap_policy, wait.holder, wait.location.path))
        self.book.dequeue(task.key)
        self.book.unpark_behind(task.key)

    def _begin(self, name: str) -> Walk:
        walk = Walk(self.book, name, self.now, self.number)
        line = walk.line
        gate = self.book.gates.get(name)
        if gate is not None:
            line.stop = Block(gate.reason, gate.resource, gate.limit, gate.used, earliest=gate.opens_at)
            return walk
        line.stop = self._stop(name) or walk.exhausted()
        if line.stop is not None:
            walk.only_keepers()
            return walk
        walk.line_up()
        return walk

    def _stop(self, name: str) -> Block | None:
        """What stops the whole queue now."""
        full = self.book.limits.full(name, self.book.taken)
        if full is not None:
            return full
        rate = self.book.rates.get(name)
        if rate is None or rate.is_free(self.now):
            return None
        self._times.append(rate.next_start())
        limit = self.book.limits.queue(name).start_rate_per_minute
        return Block(Reason.START_RATE_LIMITED, "startRatePerMinute", limit, earliest=rate.next_start())

    def _step(self, walk: Walk) -> None:
        (urgency, share, submitted, key), group = walk.heads[0]
        if group is None:
            heappop(walk.heads)
            self._keep(walk.line.tasks[key])
            return
        if share != (share_now := self.book.share(walk.name, key[0])):
            heapreplace(walk.heads, ((urgency, share_now, submitted, key), group))
            return
        heappop(walk.heads)
        task = walk.line.tasks[key]
        if group.kind.passed == self.number:
            self._keep(task)
            walk.next_of_family(group.kind.family, is_short=walk.name in self._first_blocked)
            return
        block = self.book.limits.block(task, self.book.taken, self.kept)
        if block is not None:
            group.kind.block, group.kind.passed = block, self.number
            self._blocked(task, block)
            if block.pool == walk.name and (stop := walk.exhausted()) is not None:
                walk.line.stop = stop
                walk.only_keepers()
            elif block.pool == walk.name or block.reason is Reason.REQUEST_TOO_LARGE:
                walk.next_of_family(group.kind.family, is_short=walk.name in self._first_blocked)
            else:
                walk.skip_family(group.kind.family)
            return
        wait = self.book.locks.holder(task) or self.book.locks.claimant(
            task, lambda other: self._goes_first(other, task)
        )
        if wait is None:
            self._admit(walk, task)
        elif task.overlap_policy != "Wait" and wait.holder in self.book.running:
            self._overlap(task, wait)
        else:
            walk.line.leave(task)
            self.book.locks.park(task, wait, self.now, self.book.limits.queue(walk.name).head_of_line_seconds)
        if group.turns:
            submitted, key = group.turns[0]
            urgency = group.head_class(self.now, self.book.limits.queue(walk.name).promote_after_seconds)
            head = (urgency, self.book.share(walk.name, key[0]), submitted, key)
            heappush(walk.later.setdefault(group.kind.family, []), (head, group))
        walk.next_of_family(group.kind.family, is_short=walk.name in self._first_blocked)

    def _goes_first(self, other: Key, task: Task) -> bool:
        """Whether another that waits, and wants the same lock for good, goes before this one."""
        waiting = self.book.waiting(other)
        return (
            waiting is not None
            and waiting.queue not in self.book.gates
            and self.book.urgency(waiting, self.now) <= self.book.urgency(task, self.now)
            and self.book.limits.fits_empty(waiting)
        )

    def _admit(self, walk: Walk, task: Task) -> None:
        self.book.dequeue(task.key)
        self.book.hold(Running(task, self.now))
        self._admitted.append(task.key)
        rate = self.book.rates.get(walk.name)
        if rate is not None:
            rate.start(self.now)
        walk.line.stop = self._stop(walk.name)
        if walk.line.stop is not None:
            walk.only_keepers()

    def _blocked(self, task: Task, block: Block) -> None:
        """The first in order that a pool has no room for is the one that room will be kept for there."""
        if block.pool is not None and block.pool not in self._first_blocked:
            self._first_blocked.add(block.pool)
            stuck = self.book.stuck.setdefault(task.queue, {}).setdefault(task.key, Stuck(self.now))
            stuck.pools.add(block.pool)
        self._keep(task)

    def _keep(self, task: Task) -> None:
        """Keep room free for the task, where it has been the first in line long enough: all that it has ever stood for.

        A pool that had room for it stays kept while it waits for another one; else two pools could be free for it in
        turns for ever.
        """
        if task.key in self.book.claims.get(task.queue, ()):
            self.kept.hold(task)
            self.book.locks.want(task)
            return
        stuck = self.book.stuck.get(task.queue, {}).get(task.key)
        patience = self.book.limits.queue(task.queue).head_of_line_seconds
        if stuck is None or self.now - stuck.since < patience or not self.book.limits.fits_empty(task):
            return
        self.book.locks.want(task)
        for pool in sorted(stuck.pools - self._kept_pools, key=str):
            self._kept_pools.add(pool)
            if isinstance(pool, str):
                self.kept.hold_queue(task)
            else:
                self.kept.hold_endpoint(task, pool)

    def _displace(self) -> list[Displacement]:
        found: list[Displacement] = []
        for name, line in sorted(self.book.lines.items()):
            if name in self.book.gates or not self.book.limits.queue(name).preemption.enabled:
                continue
            if line.stop is not None and line.stop.reason is Reason.START_RATE_LIMITED:
                continue
            displaced, again_at = preemption.plan(self.book, name, self.now)
            found += displaced
            if again_at is not None:
                self._times.append(again_at)
        return found

    def _end_claims(self) -> None:
        """Where all have gone who were to make room, and it still wasn't enough, the task waits like any other."""
        for name, claims in list(self.book.claims.items()):
            for key, victims in list(claims.items()):
                if not any(self.book.leaving.get(victim) == key for victim in victims):
                    self.book.drop_claim(name, key)
            if not claims:
                del self.book.claims[name]
