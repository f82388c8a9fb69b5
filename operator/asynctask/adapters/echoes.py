"""Every write of ours comes back as an event. One that does not tells of a watch that looks alive and is not."""

from dataclasses import dataclass, field
from time import monotonic


@dataclass
class Echoes:
    """For each kind, the oldest write that has not come back yet."""

    _awaited: dict[str, tuple[int, float]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def expect(self, plural: str, version: str) -> None:
        """An object of the kind was written and got this resourceVersion."""
        number = int(version)
        if number > self._seen.get(plural, 0) and plural not in self._awaited:
            self._awaited[plural] = (number, monotonic())

    def seen(self, plural: str, version: str) -> None:
        """The watch brought this resourceVersion."""
        number = self._seen[plural] = max(int(version), self._seen.get(plural, 0))
        awaited = self._awaited.get(plural)
        if awaited and awaited[0] <= number:
            del self._awaited[plural]

    def overdue(self, seconds: float) -> str:
        """A kind whose watch has owed an event for longer than this; empty when none does."""
        now = monotonic()
        return next((plural for plural, (_, since) in self._awaited.items() if now - since > seconds), "")
