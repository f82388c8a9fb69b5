"""Locks on trees: two tasks that write into overlapping trees, or write where another reads, never run at once.

Trees overlap when the path of one begins with the components of the other's. The locks of an endpoint hang in a trie,
so a look costs as much as the path is deep, however many hold locks. Nothing here is stored: who runs holds its
locks, and whoever asks anew after a crash is told by what runs then, so a lock never outlives its holder.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Access = Literal["Read", "Write"]


@dataclass(frozen=True, slots=True)
class Location:
    """A tree on an endpoint. `locate` makes one from a path as users write it."""

    endpoint: tuple[str, str]
    """Namespace and name of the StorageEndpoint. Two endpoints on the same storage don't know of each other."""
    parts: tuple[str, ...]
    access: Access = "Read"

    @property
    def path(self) -> str:
        """The path in words."""
        return "/" + "/".join(self.parts)


def locate(namespace: str, endpoint: str, path: str, access: Access = "Read") -> Location:
    """A location from a path on the endpoint, absolute or as ENDPOINT:PATH; doubled slashes and `.` don't count."""
    if not path.startswith("/"):
        path = path.removeprefix(f"{endpoint}:")
    return Location((namespace, endpoint), tuple(p for p in path.split("/") if p not in {"", "."}), access)


def overlap(one: Location, other: Location) -> bool:
    """Whether two tasks with these locations must not run at once: the rule itself, which `Locks` answers faster."""
    depth = min(len(one.parts), len(other.parts))
    return (
        "Write" in {one.access, other.access}
        and one.endpoint == other.endpoint
        and one.parts[:depth] == other.parts[:depth]
    )


class _Node:
    """A directory, with who locks just it, and how many lock it or anything below."""

    __slots__ = ("children", "readers", "reading", "writers", "writing")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.readers: dict[Hashable, None] = {}
        self.writers: dict[Hashable, None] = {}
        self.reading = 0
        self.writing = 0

    def count(self, access: Access, by: int) -> None:
        if access == "Write":
            self.writing += by
        else:
            self.reading += by


class Locks:
    """Who holds which trees. Several may hold conflicting ones: what runs is a fact, not a question."""

    def __init__(self) -> None:
        self._roots: dict[tuple[str, str], _Node] = {}
        self._held: dict[Hashable, tuple[Location, ...]] = {}

    def __contains__(self, owner: Hashable) -> bool:
        return owner in self._held

    def hold(self, owner: Hashable, locations: Iterable[Location]) -> None:
        """The owner holds these and no others from now on."""
        self.release(owner)
        held = tuple(dict.fromkeys(locations))
        if not held:
            return
        self._held[owner] = held
        for location in held:
            node = self._roots.setdefault(location.endpoint, _Node())
            node.count(location.access, 1)
            for part in location.parts:
                node = node.children.setdefault(part, _Node())
                node.count(location.access, 1)
            (node.writers if location.access == "Write" else node.readers)[owner] = None

    def release(self, owner: Hashable) -> None:
        """The owner holds nothing."""
        for location in self._held.pop(owner, ()):
            node = self._roots[location.endpoint]
            node.count(location.access, -1)
            if not (node.reading or node.writing):
                del self._roots[location.endpoint]
            for part in location.parts:
                child = node.children[part]
                child.count(location.access, -1)
                if not (child.reading or child.writing):
                    del node.children[part]
                node = child
            (node.writers if location.access == "Write" else node.readers).pop(owner, None)

    def conflicts(self, wanted: Iterable[Location]) -> Iterator[tuple[Hashable, Location]]:
        """Who stands in the way of these, with the wanted location concerned. An owner may come several times."""
        for location in wanted:
            writes = location.access == "Write"
            node: _Node | None = self._roots.get(location.endpoint)
            for part in location.parts:
                if node is None:
                    break
                yield from ((owner, location) for owner in node.writers)
                if writes:
                    yield from ((owner, location) for owner in node.readers)
                node = node.children.get(part)
            if node is not None:
                yield from ((owner, location) for owner in _below(node, everybody=writes))


def _below(top: _Node, *, everybody: bool) -> Iterator[Hashable]:
    """The writers in a tree, or everybody; branches without any are not entered."""
    stack = [top]
    while stack:
        node = stack.pop()
        if not (node.writing or (everybody and node.reading)):
            continue
        yield from node.writers
        if everybody:
            yield from node.readers
        stack.extend(node.children.values())
