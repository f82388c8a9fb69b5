"""What the reflectors follow: tasks and Stages as they are, of Jobs and pods just what the rules read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import orjson

from asynctask.adapters.cluster import JOBS, PODS, STAGES, TASKS
from asynctask.adapters.reflector import Change, Collection, Identity, Items, identity
from asynctask.adapters.store import Key, Store
from asynctask.api import names
from asynctask.core.observed import Job, Pod

Body = dict[str, Any]

BODY_ITEMS, BODY_CHANGE = msgspec.json.Decoder(Items[Body]), msgspec.json.Decoder(Change[Body])
JOB_ITEMS, JOB_CHANGE = msgspec.json.Decoder(Items[Job]), msgspec.json.Decoder(Change[Job])
POD_ITEMS, POD_CHANGE = msgspec.json.Decoder(Items[Pod]), msgspec.json.Decoder(Change[Pod])


_job = msgspec.json.Decoder(Job)


def decode_job(body: Body) -> Job:
    """A Job from the API server's answer to our own write."""
    return _job.decode(orjson.dumps(body))


def collections(store: Store, take_task: Callable[[str, Body], set[Key]]) -> tuple[Collection[Any], ...]:
    """The collections, each taken into the store."""

    def jobs() -> Iterator[Job]:
        return (job for mine in store.jobs.values() for job in mine.values())

    def pods() -> Iterator[Pod]:
        return (pod for mine in store.pods.values() for pod in mine.values())

    ours = names.LABEL_TASK_UID
    return (
        Collection(TASKS, BODY_ITEMS, BODY_CHANGE, _of_body, take_task, store.known_tasks),
        Collection(STAGES, BODY_ITEMS, BODY_CHANGE, _of_body, store.apply_stage, store.known_stages),
        Collection(JOBS, JOB_ITEMS, JOB_CHANGE, identity, store.apply_job, jobs, ours),
        Collection(PODS, POD_ITEMS, POD_CHANGE, identity, store.apply_pod, pods, ours),
    )


def _of_body(item: Mapping[str, Any]) -> Identity:
    meta = item["metadata"]
    return meta["namespace"], meta["name"], meta["resourceVersion"]
