"""How many tasks there are in each state: counted once for those who see the same namespaces, then kept up."""

import asyncio
from collections import Counter
from collections.abc import Collection

from asynctask.gateway.front.stream.followers import Namespaces
from asynctask.gateway.front.view import View
from asynctask.gateway.front.view.changes import Change
from asynctask.gateway.front.view.rows import TaskRow


class Counts:
    """Of the overviews that are followed."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._counts: dict[Namespaces, Counter[str]] = {}
        self.changed = asyncio.Event()
        """Set when any count is another."""

    def of(self, namespaces: Namespaces) -> dict[str, int]:
        """By status."""
        counts = self._counts.get(namespaces)
        if counts is None:
            counts = Counter(str(row.status) for row in self._view.tasks.within(namespaces))
            self._counts[namespaces] = counts
        return {status: count for status, count in sorted(counts.items()) if count > 0}

    def take(self, change: Change) -> None:
        """Keep up."""
        for namespaces, counts in self._counts.items():
            for row, step in ((change.before, -1), (change.row, 1)):
                if isinstance(row, TaskRow) and (namespaces is None or row.namespace in namespaces):
                    counts[str(row.status)] += step
                    self.changed.set()

    def keep_only(self, followed: Collection[Namespaces]) -> None:
        """Count no longer what nobody follows."""
        for namespaces in [known for known in self._counts if known not in followed]:
            del self._counts[namespaces]

    def clear(self) -> None:
        """Changes were lost: count anew when next asked."""
        self._counts.clear()
