"""The schedules and what is remembered of their tasks. A cache like the store, fed by the same watches and listings."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from asynctask.adapters.store import MAX_TOMBSTONES, Entry, Key, Models, compact
from asynctask.api import names
from asynctask.api.taskschedule import TaskSchedule
from asynctask.core.schedules import tasks
from asynctask.core.schedules.tasks import TaskLine


@dataclass(frozen=True, slots=True)
class _Known:
    schedule_uid: str
    version: int
    line: TaskLine


class ScheduleStore:
    """Schedules as compact JSON, decoded when looked at; of their tasks one line each."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self._key_of_uid: dict[str, Key] = {}
        self._tasks: dict[Key, _Known] = {}
        self._tasks_of: dict[str, set[Key]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._models = Models()

    def apply(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a TaskSchedule; returns its key if anything is new."""
        meta = body["metadata"]
        key, version, uid = (meta["namespace"], meta["name"]), int(meta["resourceVersion"]), meta["uid"]
        old = self.entries.get(key)
        if event == "DELETED":
            self._bury(uid)
            if old is not None and old.uid == uid:
                del self.entries[key]
                self._key_of_uid.pop(uid, None)
            return {key}
        if uid in self._gone or (old is not None and old.uid == uid and version <= old.version):
            return set()
        if old is not None and old.uid != uid:
            self._key_of_uid.pop(old.uid, None)
        kept = {name: value for name, value in meta.items() if name not in {"managedFields", "annotations"}}
        raw = {"metadata": kept, "spec": body.get("spec", {}), "status": body.get("status", {})}
        self.entries[key] = Entry(compact(raw), uid, version, meta["name"])
        self._key_of_uid[uid] = key
        return {key}

    def apply_task(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a task; returns its schedule if it has one and something that a schedule reads is new."""
        meta = body["metadata"]
        key, uid, version = (meta["namespace"], meta["name"]), meta["uid"], int(meta["resourceVersion"])
        known = self._tasks.get(key)
        if event == "DELETED":
            if known is None or known.line.uid != uid:
                return set()
            self._bury(uid)
            self._forget(key, known)
            return self._schedule(known.schedule_uid)
        owner = _owner(meta)
        if not owner or uid in self._gone:
            return set()
        if known is not None and known.line.uid == uid and version <= known.version:
            return set()
        if known is not None:
            self._forget(key, known)
        fresh = _Known(owner, version, tasks.line(body))
        self._tasks[key] = fresh
        self._tasks_of.setdefault(owner, set()).add(key)
        return set() if known is not None and known.line == fresh.line else self._schedule(owner)

    def schedule(self, key: Key) -> TaskSchedule | None:
        """The schedule as last seen. Raises ValidationError when this version can't read it."""
        entry = self.entries.get(key)
        return self._models.decode(TaskSchedule, entry) if entry else None

    def raw(self, key: Key) -> dict[str, Any]:
        """The same, as it was written."""
        body: dict[str, Any] = orjson.loads(self.entries[key].raw)
        return body

    def tasks_of(self, uid: str) -> tuple[TaskLine, ...]:
        """The tasks that this schedule made, as far as they are there."""
        return tuple(self._tasks[key].line for key in sorted(self._tasks_of.get(uid, ())))

    def _schedule(self, uid: str) -> set[Key]:
        key = self._key_of_uid.get(uid)
        return {key} if key else set()

    def _forget(self, key: Key, known: _Known) -> None:
        del self._tasks[key]
        mine = self._tasks_of.get(known.schedule_uid, set())
        mine.discard(key)
        if not mine:
            self._tasks_of.pop(known.schedule_uid, None)

    def _bury(self, uid: str) -> None:
        self._models.forget(uid)
        self._gone[uid] = None
        if len(self._gone) > MAX_TOMBSTONES:
            self._gone.popitem(last=False)


def _owner(meta: Mapping[str, Any]) -> str:
    """The uid of the schedule that controls it; empty when none does."""
    for owner in meta.get("ownerReferences", ()):
        if owner["kind"] == "TaskSchedule" and owner.get("controller") and owner["apiVersion"].startswith(names.GROUP):
            return str(owner["uid"])
    return ""
