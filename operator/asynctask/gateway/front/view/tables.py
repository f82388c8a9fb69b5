"""Rows of one kind, found by uid, by name, by namespace."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

from asynctask.gateway.front.view.changes import Change
from asynctask.gateway.front.view.rows import KindName, ObjectRow, StageRow, TaskRow

R = TypeVar("R", TaskRow, StageRow, ObjectRow)
MAX_TOMBSTONES = 10_000


class Table(Generic[R]):
    """Rows of a kind. Old news change nothing, whoever brings them: a watch, a list, or the answer to a write."""

    def __init__(self, kind: KindName, tell: Callable[[Change], None]) -> None:
        self.kind: KindName = kind
        self._tell = tell
        self._rows: dict[str, R] = {}
        self._by_name: dict[str, dict[str, str]] = {}
        self._buried: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def get(self, uid: str) -> R | None:
        """The row of a uid."""
        return self._rows.get(uid)

    def named(self, namespace: str, name: str) -> R | None:
        """The row of a name; the namespace is empty where the kind has none."""
        uid = self._by_name.get(namespace, {}).get(name)
        return self._rows.get(uid) if uid else None

    def within(self, namespaces: Collection[str] | None) -> Iterator[R]:
        """The rows of these namespaces; None: all."""
        if namespaces is None:
            yield from self._rows.values()
            return
        for namespace in namespaces:
            for uid in self._by_name.get(namespace, {}).values():
                yield self._rows[uid]

    def put(self, row: R) -> bool:
        """Take a row in; whether it was news."""
        old = self._rows.get(row.uid)
        if row.uid in self._buried or (old is not None and old.version >= row.version):
            return False
        names = self._by_name.setdefault(row.namespace, {})
        namesake = names.get(row.name)
        if namesake and namesake != row.uid:  # it was deleted and made anew, and the news come out of order
            self.drop(namesake)
            names = self._by_name.setdefault(row.namespace, {})
        self._rows[row.uid] = row
        names[row.name] = row.uid
        self._added(row)
        self._tell(Change(self.kind, row, old))
        return True

    def drop(self, uid: str) -> bool:
        """The object is gone; whether that was news."""
        self._buried[uid] = None
        while len(self._buried) > MAX_TOMBSTONES:
            self._buried.popitem(last=False)
        old = self._rows.pop(uid, None)
        if old is None:
            return False
        names = self._by_name.get(old.namespace, {})
        if names.get(old.name) == uid:
            del names[old.name]
            if not names:
                self._by_name.pop(old.namespace, None)
        self._removed(old)
        self._tell(Change(self.kind, None, old))
        return True

    def _added(self, row: R) -> None:
        """Index it further."""

    def _removed(self, row: R) -> None:
        """It was taken out."""


class StageTable(Table[StageRow]):
    """Stages, also found by their task."""

    def __init__(self, tell: Callable[[Change], None]) -> None:
        super().__init__("stage", tell)
        self._by_task: dict[str, dict[str, None]] = {}

    def of_task(self, task_uid: str) -> list[StageRow]:
        """The stages of a task, of all its runs that are still there, in the order in which they were made."""
        found = [self._rows[uid] for uid in self._by_task.get(task_uid, ())]
        return sorted(found, key=lambda row: (row.run, row.created))

    def _added(self, row: StageRow) -> None:
        self._by_task.setdefault(row.task_uid, {})[row.uid] = None

    def _removed(self, row: StageRow) -> None:
        mine = self._by_task.get(row.task_uid, {})
        mine.pop(row.uid, None)
        if not mine:
            self._by_task.pop(row.task_uid, None)
