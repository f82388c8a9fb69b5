"""Locks on trees: two tasks that write into overlapping trees, or one that writes where another reads, never run at once."""

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
