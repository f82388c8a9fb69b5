"""One pass's way through one queue, head of group by head of group, and what it leaves out because it can't fit."""

from heapq import heapify, heappop, heappush
from math import inf

from asynctask.core.admission.book import Book
from asynctask.core.admission.ledger import EMPTY, Block, queue_block
from asynctask.core.admission.lines import Family, Group, Line
from asynctask.core.admission.model import MOST_URGENT, Key, Task

Head = tuple[int, float, float, Key]
"""Class, share of the namespace, submit time, key: smaller goes first."""
CLAIMED = 0
"""The class of a task that room is made for: nobody takes that room before it."""


class Walk:
    """Through one queue, head of group by head of group."""

    __slots__ = ("book", "heads", "later", "line", "name", "now", "number", "stopped")

    def __init__(self, book: Book, name: str, now: float, number: int) -> None:
        self.book = book
        self.name = name
        self.line: Line = book.lines[name]
        self.now = now
        self.number = number
        self.heads: list[tuple[Head, Group | None]] = []
        self.later: dict[Family, list[tuple[Head, Group]]] = {}
        """A heap for each family: none of it goes before the one that is among the heads."""
        self.stopped = False
        """Nobody can start; only those who keep room are asked."""

    @property
    def turn(self) -> tuple[int, float, str]:
        """Whose turn it is between queues."""
        head = self.heads[0][0]
        return head[0], head[2], self.name

    def line_up(self) -> None:
        """All heads of groups, in order. Spelled out where everything else calls `head_class`: it is most of a pass."""
        promote_after = self.book.limits.queue(self.name).promote_after_seconds or inf
        groups = self.line.groups.values()
        spaces = {group.namespace for group in groups}
        shares = {namespace: self.book.share(self.name, namespace) for namespace in spaces}
        claims, now, later = self.book.claims.get(self.name, {}), self.now, self.later
        keepers = {*self.book.stuck.get(self.name, ()), *claims}
        cpu, memory = self.book.limits.free(self.name, self.book.taken, self.book.kept)
        most_cpu, most_memory = self.book.limits.free(self.name, EMPTY, EMPTY)
        large: dict[Family, tuple[Head, Group]] = {}
        for group in groups:
            submitted, key = group.turns[0]
            urgency = group.priority
            since = submitted + group.away if group.opened is None else group.opened
            if (waited := now - since) >= promote_after:
                urgency = max(MOST_URGENT, urgency - int(waited // promote_after))
            if key in claims:
                urgency = CLAIMED
            kind = group.kind
            head = (urgency, shares[group.namespace], submitted, key)
            if key in keepers:
                self.heads.append((head, group))
            elif kind.memory_bytes <= memory and kind.cpu_milli <= cpu:
                later.setdefault(kind.family, []).append((head, group))
            else:
                kind.skipped = self.number
                could_ever = kind.memory_bytes <= most_memory and kind.cpu_milli <= most_cpu
                if could_ever and ((first := large.get(kind.family)) is None or head < first[0]):
                    large[kind.family] = (head, group)
        # room may have to be kept for the first one that doesn't fit
        for family, entry in large.items():
            later.setdefault(family, []).append(entry)
        for family_heads in later.values():
            heapify(family_heads)
            self.heads.append(heappop(family_heads))
        heapify(self.heads)

    def next_of_family(self, family: Family, *, is_short: bool) -> None:
        """One of the family has been asked: the next one that may fit comes among the heads.

        `is_short`: somebody had no room in this queue.
        """
        heads = self.later.get(family)
        if not heads or self.stopped:
            return
        if not is_short:
            heappush(self.heads, heappop(heads))
            return
        cpu, memory = self.book.limits.free(self.name, self.book.taken, self.book.kept)
        while heads:
            entry = heappop(heads)
            kind = entry[1].kind
            if kind.memory_bytes <= memory and kind.cpu_milli <= cpu:
                heappush(self.heads, entry)
                return
            kind.skipped = self.number

    def skip_family(self, family: Family) -> None:
        """None of the family can start in this pass, whatever its size."""
        for _, group in self.later.pop(family, ()):
            group.kind.skipped = self.number

    def exhausted(self) -> Block | None:
        """What stops the rest of the queue: a count or quota of which too little is left for anybody."""
        queue = self.book.limits.queue(self.name)
        if not self.line.groups:
            return None
        cpu, memory = self.line.least_needed()
        least = Task(("", ""), self.name, self.now, cpu_milli=cpu, memory_bytes=memory)
        return queue_block(queue, least, self.book.taken, self.book.kept)

    def only_keepers(self) -> None:
        """Nobody of the queue can start, but what is kept for some of them at endpoints stays theirs."""
        claims = self.book.claims.get(self.name, ())
        self.stopped = True
        self.heads = []
        for key in {*self.book.stuck.get(self.name, ()), *claims}:
            task = self.line.tasks[key]
            urgency = CLAIMED if key in claims else self.book.urgency(task, self.now)
            self.heads.append(((urgency, 0.0, task.submitted, key), None))
        heapify(self.heads)
