"""Which task waits for which, kept so that a circle is known the moment it closes.

A circle can only close through the task that changed last, so only what that one reaches is walked, and only when it
both waits and is waited for: tasks that come in order cost nothing. No recursion: a circle may have thousands of them.
"""

from collections import deque
from collections.abc import Iterable, Iterator

Key = tuple[str, str]
"""Namespace and name of a task, whether it is there or not."""


class Dependencies:
    """The `dependsOn` of all tasks, by both ends, and the circles in it."""

    def __init__(self) -> None:
        self._needs: dict[Key, tuple[Key, ...]] = {}
        self._dependents: dict[Key, set[Key]] = {}
        self._tangle_of: dict[Key, frozenset[Key]] = {}

    def dependents(self, key: Key) -> set[Key]:
        """The tasks that wait for this one."""
        return set(self._dependents.get(key, ()))

    def put(self, key: Key, names: Iterable[str]) -> set[Key]:
        """A task waits for these of its namespace, and for no others; returns those that got into a circle or out."""
        needs = tuple((key[0], name) for name in dict.fromkeys(names))
        if needs == self._needs.get(key, ()):
            return set()
        self._link(key, needs)
        before = self._tangle_of.get(key, frozenset())
        for member in before:
            del self._tangle_of[member]
        for member in self._still_tangled(before):
            if member not in self._tangle_of:
                self._find_tangle(member)
        self._find_tangle(key)
        after = self._tangle_of.get(key, frozenset())
        return set(before | after) if before != after else set()

    def cycle(self, key: Key) -> tuple[str, ...]:
        """The shortest circle that the task is in, from its name back to its name; empty when it is in none."""
        tangle = self._tangle_of.get(key)
        if tangle is None:
            return ()
        came_from: dict[Key, Key] = {}
        line = deque([key])
        while line:
            current = line.popleft()
            for other in self._needs.get(current, ()):
                if other == key:
                    return (*reversed([name for _, name in self._back(came_from, current)]), key[1])
                if other in tangle and other not in came_from:
                    came_from[other] = current
                    line.append(other)
        return ()

    def _back(self, came_from: dict[Key, Key], key: Key) -> Iterator[Key]:
        yield key
        while key in came_from:
            key = came_from[key]
            yield key

    def _link(self, key: Key, needs: tuple[Key, ...]) -> None:
        for other in self._needs.pop(key, ()):
            waiting = self._dependents.get(other, set())
            waiting.discard(key)
            if not waiting:
                self._dependents.pop(other, None)
        if needs:
            self._needs[key] = needs
        for other in needs:
            self._dependents.setdefault(other, set()).add(key)

    def _still_tangled(self, members: frozenset[Key]) -> set[Key]:
        """Those of a former tangle that may still be in a circle: the others have nobody left to wait for in it."""
        rest = set(members)
        counts = {member: sum(other in rest for other in self._needs.get(member, ())) for member in rest}
        loose = [member for member, count in counts.items() if not count]
        while loose:
            member = loose.pop()
            rest.discard(member)
            for other in self._dependents.get(member, ()):
                if other in rest:
                    counts[other] -= 1
                    if not counts[other]:
                        loose.append(other)
        return rest

    def _find_tangle(self, key: Key) -> None:
        """All tasks that are in a circle with this one: those that it waits for and that wait for it."""
        if key not in self._needs or key not in self._dependents:
            return
        ahead = _reach(key, self._needs)
        if key not in ahead:
            return
        tangle = frozenset(ahead & _reach(key, self._dependents))
        for member in tangle:
            self._tangle_of[member] = tangle


def _reach(key: Key, edges: dict[Key, tuple[Key, ...]] | dict[Key, set[Key]]) -> set[Key]:
    """What can be come to in one step or more."""
    found: set[Key] = set()
    rest = [key]
    while rest:
        for other in edges.get(rest.pop(), ()):
            if other not in found:
                found.add(other)
                rest.append(other)
    return found
