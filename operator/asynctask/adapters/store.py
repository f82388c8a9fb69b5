"""What is known of the cluster, kept small and indexed by task. Fed by watches, listings and our own writes."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import structlog
from pydantic import ValidationError

from asynctask.api import names
from asynctask.api.asynctask import AsyncTask
from asynctask.api.base import Model
from asynctask.api.stage import Stage
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.taskqueue import TaskQueue
from asynctask.api.tasktype import TaskType
from asynctask.core.dependencies import Dependencies
from asynctask.core.observed import Job, Pod
from asynctask.core.others import Other, other

log = structlog.get_logger()
M = TypeVar("M", bound=Model)

Key = tuple[str, str]
"""Namespace and name of a task."""
MAX_TOMBSTONES = 20_000
MAX_MODELS = 1_500
MAX_CONFIG_BYTES = 128 * 1024


@dataclass(slots=True)
class Entry:
    """One custom resource: compact JSON, decoded when looked at. A dictionary would take ten times the space."""

    raw: bytes
    uid: str
    version: int
    name: str
    parent_uid: str = ""
    queue: str = ""
    depends_on: tuple[str, ...] = ()
    queued_priority: int = 0
    """The priority that it waits in its queue with, by its status; 0 if it doesn't, or if its spec is newer."""
    submitted: str = ""
    is_over: bool = False
    as_other: Other | None = None
    """What it is to tasks that wait for it; reckoned when one asks."""


class Models:
    """The objects that were looked at lately, decoded once a version. The many that only wait stay as JSON."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, Model]] = OrderedDict()

    def decode(self, model: type[M], entry: Entry) -> M:
        """The entry as a model. Raises ValidationError when this version can't read it."""
        known = self._known.get(entry.uid)
        if known is not None and known[0] == entry.version:
            return known[1]  # type: ignore[return-value]  # a uid belongs to one kind
        fresh = model.model_validate(orjson.loads(entry.raw))
        self._known[entry.uid] = (entry.version, fresh)
        self._known.move_to_end(entry.uid)
        if len(self._known) > MAX_MODELS:
            self._known.popitem(last=False)
        return fresh

    def __len__(self) -> int:
        return len(self._known)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._known.pop(uid, None)


class Store:
    """The cache. Not a source of truth: it may be emptied and filled again at any time."""

    def __init__(self) -> None:
        self.tasks: dict[Key, Entry] = {}
        self.stages: dict[str, dict[str, Entry]] = {}
        self.jobs: dict[str, dict[str, Job]] = {}
        self.pods: dict[str, dict[str, Pod]] = {}
        self.pods_gone: OrderedDict[str, datetime] = OrderedDict()
        self.known_since = datetime.now(UTC)
        self.types: dict[str, tuple[int, TaskType]] = {}
        self.queues: dict[str, tuple[int, TaskQueue]] = {}
        self.endpoints: dict[str, dict[str, tuple[int, StorageEndpoint]]] = {}
        self.key_of_uid: dict[str, Key] = {}
        self.remains: dict[str, Key] = {}
        """By uid: tasks that were deleted while a pod of theirs worked, and whose pods have not all gone."""
        self.dependencies = Dependencies()
        self._children: dict[str, set[Key]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._models = Models()

    # -- tasks

    def apply_task(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a task; returns the tasks concerned: a deleted one too, which must let go of its place."""
        meta = body["metadata"]
        key = (meta["namespace"], meta["name"])
        old = self.tasks.get(key)
        version, uid = int(meta["resourceVersion"]), meta["uid"]
        if event == "DELETED":
            self._bury(uid)
            concerned = {key} | self._concerned(key, old, None)
            if old is not None and old.uid == uid:
                self._forget_task(key, old)
                self._leave(key, uid)
                concerned |= self.dependencies.put(key, ())
            return concerned
        if uid in self._gone or (old is not None and old.uid == uid and version <= old.version):
            return set()
        if old is not None:
            self._forget_task(key, old)
            if old.uid != uid:
                self._leave(key, old.uid)
        entry = _task_entry(body)
        self.tasks[key] = entry
        self.key_of_uid[uid] = key
        if entry.parent_uid:
            self._children.setdefault(entry.parent_uid, set()).add(key)
        return {key} | self._concerned(key, old, entry) | self.dependencies.put(key, entry.depends_on)

    def task(self, key: Key) -> AsyncTask | None:
        """The task as last seen. Raises ValidationError when this version can't read it."""
        entry = self.tasks.get(key)
        return self._models.decode(AsyncTask, entry) if entry else None

    def other(self, key: Key) -> Other | None:
        """The task as one that waits for it sees it."""
        entry = self.tasks.get(key)
        return _as_other(entry) if entry else None

    def known_tasks(self) -> Iterator[dict[str, Any]]:
        """What identifies each task, as `apply_task` takes it."""
        for (namespace, name), entry in self.tasks.items():
            yield {
                "metadata": {
                    "namespace": namespace,
                    "name": name,
                    "uid": entry.uid,
                    "resourceVersion": str(entry.version),
                }
            }

    def children(self, uid: str) -> Iterator[Other]:
        """The tasks that stages of this task started."""
        for key in self._children.get(uid, ()):
            if entry := self.tasks.get(key):
                yield _as_other(entry)

    def is_at_work(self, uid: str) -> bool:
        """Whether a pod of the task, which may be gone itself, works or may come."""
        jobs, pods = self.jobs.get(uid, {}).values(), self.pods.get(uid, {}).values()
        return any(pod.is_live for pod in pods) or any(job.may_work for job in jobs)

    def _leave(self, key: Key, uid: str) -> None:
        if self.is_at_work(uid):
            self.remains[uid] = key

    def _forget_task(self, key: Key, entry: Entry) -> None:
        self.tasks.pop(key, None)
        self.key_of_uid.pop(entry.uid, None)
        if entry.parent_uid:
            _drop(self._children, entry.parent_uid, key)

    def _concerned(self, key: Key, old: Entry | None, new: Entry | None) -> set[Key]:
        """Who waits for it, unless the change is nothing to them: its progress is not."""
        concerned = self.dependencies.dependents(key)
        for entry in (old, new):
            if entry and (parent := self.key_of_uid.get(entry.parent_uid)):
                concerned.add(parent)
        if concerned and old and new and old.uid == new.uid and _as_other(old) == _as_other(new):
            return set()
        return concerned

    # -- what belongs to a task

    def apply_stage(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a Stage; returns its task."""
        meta = body["metadata"]
        task_uid = body["spec"]["taskUID"]
        mine = self.stages.get(task_uid, {})
        old = mine.get(meta["name"])
        version = int(meta["resourceVersion"])
        if event == "DELETED":
            self._bury(meta["uid"])
            if old is not None and old.uid == meta["uid"]:
                del mine[meta["name"]]
            if not mine:
                self.stages.pop(task_uid, None)
        elif meta["uid"] in self._gone or (old is not None and old.uid == meta["uid"] and version <= old.version):
            return set()
        else:
            self.stages.setdefault(task_uid, mine)[meta["name"]] = Entry(
                compact(_trimmed(body)), meta["uid"], version, meta["name"]
            )
        return self._owner(task_uid)

    def stages_of(self, task_uid: str) -> tuple[Stage, ...]:
        """The Stages of a task, over all runs. One that this version can't read is left out and logged."""
        found = []
        for entry in self.stages.get(task_uid, {}).values():
            try:
                found.append(self._models.decode(Stage, entry))
            except ValidationError as error:
                log.warning("a Stage can't be read", stage=entry.name, error=str(error)[:500])
        return tuple(found)

    def known_stages(self) -> Iterator[dict[str, Any]]:
        """What identifies each Stage, as `apply_stage` takes it."""
        for task_uid, entries in self.stages.items():
            for entry in entries.values():
                meta = orjson.loads(entry.raw)["metadata"]
                yield {"metadata": meta, "spec": {"taskUID": task_uid}}

    def apply_job(self, event: str, job: Job) -> set[Key]:
        """Take in a Job; returns its task."""
        return self._apply_owned(self.jobs, event, job)

    def apply_pod(self, event: str, pod: Pod) -> set[Key]:
        """Take in a pod; returns its task."""
        if event == "DELETED":
            for owner in pod.metadata.owner_references:
                self.pods_gone[owner.uid] = datetime.now(UTC)
            if len(self.pods_gone) > MAX_TOMBSTONES:
                self.pods_gone.popitem(last=False)
        return self._apply_owned(self.pods, event, pod)

    def _apply_owned(self, index: dict[str, dict[str, Any]], event: str, item: Job | Pod) -> set[Key]:
        meta = item.metadata
        if not meta.task_uid:
            return set()
        mine = index.get(meta.task_uid, {})
        old = mine.get(meta.name)
        if event == "DELETED":
            self._bury(meta.uid)
            if old is not None and old.metadata.uid == meta.uid:
                del mine[meta.name]
            if not mine:
                index.pop(meta.task_uid, None)
        elif meta.uid in self._gone or (old is not None and _is_older(meta, old.metadata)):
            return set()
        else:
            index.setdefault(meta.task_uid, mine)[meta.name] = item
            if old is not None and old.digest == item.digest:
                return set()
        return self._owner(meta.task_uid)

    def _owner(self, task_uid: str) -> set[Key]:
        key = self.key_of_uid.get(task_uid) or self.remains.get(task_uid)
        return {key} if key else set()

    # -- what tasks refer to

    def apply_type(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a TaskType; returns all tasks, of which those that use it will be looked at."""
        changed = _apply_model(self.types, TaskType, event, body)
        return (
            {key for key, entry in self.tasks.items() if _names_type(entry, body["metadata"]["name"])}
            if changed
            else set()
        )

    def apply_queue(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a TaskQueue; returns the tasks in it if it is new or gone, or if its window is another.

        Other limits are the scheduler's: it wakes those that they let start.
        """
        name = body["metadata"]["name"]
        before = self.queues.get(name)
        changed = _apply_model(self.queues, TaskQueue, event, body)
        after = self.queues.get(name)
        if not changed or (before and after and before[1].spec.window == after[1].spec.window):
            return set()
        return {key for key, entry in self.tasks.items() if entry.queue == name}

    def apply_endpoint(self, event: str | None, body: Mapping[str, Any]) -> set[Key]:
        """Take in a StorageEndpoint; returns the tasks of its namespace."""
        namespace = body["metadata"]["namespace"]
        changed = _apply_model(self.endpoints.setdefault(namespace, {}), StorageEndpoint, event, body)
        return {key for key in self.tasks if key[0] == namespace} if changed else set()

    def _bury(self, uid: str) -> None:
        self._models.forget(uid)
        self._gone[uid] = None
        if len(self._gone) > MAX_TOMBSTONES:
            self._gone.popitem(last=False)


def _task_entry(body: Mapping[str, Any]) -> Entry:
    meta, spec = body["metadata"], body.get("spec", {})
    trimmed = _trimmed(body)
    config = spec.get("config")
    if config and len(orjson.dumps(config)) > MAX_CONFIG_BYTES:
        trimmed = {**trimmed, "spec": {**spec, "config": {"tooLarge": "x" * MAX_CONFIG_BYTES}}}
    status = body.get("status", {})
    is_current = (status.get("observedGeneration"), status.get("run")) == (meta.get("generation"), spec.get("run", 1))
    owners = meta.get("ownerReferences", ())
    parent = meta.get("labels", {}).get(names.LABEL_TASK_UID, "") if any(o["kind"] == "Stage" for o in owners) else ""
    return Entry(
        compact(trimmed),
        meta["uid"],
        int(meta["resourceVersion"]),
        meta["name"],
        parent,
        spec.get("queueName", names.DEFAULT_QUEUE),
        tuple(item["name"] for item in spec.get("dependsOn", ())),
        status.get("priority", 0) if is_current and status.get("phase") == "Queued" else 0,
        meta.get("creationTimestamp", ""),
        is_current and bool(status.get("completionTime")),
    )


def _as_other(entry: Entry) -> Other:
    if entry.as_other is None:
        entry.as_other = other(orjson.loads(entry.raw))
    return entry.as_other


def compact(body: Mapping[str, Any]) -> bytes:
    """JSON in a piece of memory of its size: orjson's own result keeps the 4 KB or more that it was written into."""
    return bytes(memoryview(orjson.dumps(body)))


def _trimmed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without what nobody reads and everybody pays for."""
    meta = {key: value for key, value in body["metadata"].items() if key not in {"managedFields", "annotations"}}
    return {"metadata": meta, "spec": body.get("spec", {}), "status": body.get("status", {})}


def _apply_model(index: dict[str, tuple[int, M]], model: type[M], event: str | None, body: Mapping[str, Any]) -> bool:
    meta = body["metadata"]
    old = index.get(meta["name"])
    version = int(meta["resourceVersion"])
    if event == "DELETED":
        return index.pop(meta["name"], None) is not None
    if old is not None and version <= old[0]:
        return False
    try:
        fresh = model.model_validate(body)
    except ValidationError as error:
        log.warning("an object can't be read", kind=model.__name__, name=meta["name"], error=str(error)[:500])
        return index.pop(meta["name"], None) is not None
    index[meta["name"]] = (version, fresh)
    return old is None or old[1].spec != fresh.spec  # type: ignore[attr-defined]  # each of the models has one


def _is_older(meta: Any, than: Any) -> bool:
    return bool(meta.uid == than.uid and int(meta.resource_version) <= int(than.resource_version))


def _names_type(entry: Entry, name: str) -> bool:
    return f'"type":"{name}"'.encode() in entry.raw


def _drop(index: dict[Any, set[Key]], at: Any, key: Key) -> None:
    members = index.get(at)
    if members:
        members.discard(key)
        if not members:
            del index[at]
