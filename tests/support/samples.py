"""Well-formed objects of every kind, to be spoilt one field at a time."""

import copy
import itertools
from typing import Any

Object = dict[str, Any]
_number = itertools.count(1)

JOB_STAGE: Object = {"name": "copy", "job": {"image": "example/copy:1"}}
WAIT_STAGE: Object = {"name": "pause", "wait": {"delaySeconds": 5}}


def task(**spec: Any) -> Object:
    """An AsyncTask of a type, unless stages are given."""
    chosen = {} if "stages" in spec else {"type": "file-backup"}
    return _object("AsyncTask", {**chosen, **spec})


def stage(**spec: Any) -> Object:
    """A Stage as the operator makes them."""
    return _object("Stage", {"taskName": "nightly", "taskUID": "0e7c", "run": 1, "template": JOB_STAGE, **spec})


def task_type(**spec: Any) -> Object:
    """A TaskType of two stages."""
    return _object("TaskType", {"title": {"en": "Copy", "zh": "复制"}, "stages": [JOB_STAGE, WAIT_STAGE], **spec})


def queue(**spec: Any) -> Object:
    """A TaskQueue."""
    return _object("TaskQueue", spec)


def volume_endpoint(**spec: Any) -> Object:
    """A StorageEndpoint over a claim."""
    return _object("StorageEndpoint", {"path": "/nas/photos", "volume": {"claimName": "photos"}, **spec})


def remote_endpoint(**remote: Any) -> Object:
    """A StorageEndpoint over a server."""
    return _object("StorageEndpoint", {"remote": {"type": "S3", "url": "https://s3.example.com/bucket", **remote}})


def schedule(**spec: Any) -> Object:
    """A TaskSchedule."""
    task = spec.pop("task", {"type": "file-backup"})
    return _object("TaskSchedule", {"schedule": "0 3 * * *", "taskTemplate": {"spec": task}, **spec})


def without(body: Object, *path: str) -> Object:
    """A copy with one field less."""
    changed = copy.deepcopy(body)
    parent = changed
    for name in path[:-1]:
        parent = parent[name]
    del parent[path[-1]]
    return changed


def named(body: Object, name: str) -> Object:
    """A copy under another name."""
    return {**copy.deepcopy(body), "metadata": {"name": name}}


def _object(kind: str, spec: Object) -> Object:
    return {"kind": kind, "metadata": {"name": f"sample-{next(_number)}"}, "spec": copy.deepcopy(spec)}
