"""Hands a task over: answered only when the API server has it, and never made twice for one key."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.api.asynctask import AsyncTask
from asynctask.gateway.front import refused
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.idempotency import KeyReused
from asynctask.gateway.front.problems import InvalidField, Refusal
from asynctask.gateway.front.refused import Names
from asynctask.gateway.front.tasks import rows
from asynctask.gateway.front.tasks.checking import Checks
from asynctask.gateway.front.tasks.desk import RESOURCE
from asynctask.gateway.front.tasks.rows import Row
from asynctask.gateway.front.view import View

KEY_HEADER = "Idempotency-Key"
MAX_READABLE = 40


@dataclass(frozen=True)
class Submission:
    """A task as its submitter wants it."""

    namespace: str
    spec: Mapping[str, Any]
    """As in the custom resource, and only what was given."""
    name: str = ""
    """Empty: made up."""
    labels: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    """How its fields are called outside."""


class Submitting:
    """Makes tasks."""

    def __init__(self, cluster: api.Cluster, view: View, checks: Checks) -> None:
        self._cluster = cluster
        self._view = view
        self._checks = checks

    async def submit(self, call: Call, wanted: Submission) -> Row:
        """The task, made. Raises NotFound, Forbidden, InvalidField, KeyReused and Unavailable."""
        task_type = str(wanted.spec.get("type") or "")
        await call.authorize("create", RESOURCE, wanted.namespace)
        call.check_type(task_type)
        body = manifest(call, wanted)
        problems = await self._checks.problems(AsyncTask.model_validate(body))
        if problems:
            raise refused.by_problems(problems, wanted.names)
        stored = await self._create(call, wanted, body)
        self._view.saw_task(stored)
        meta = stored["metadata"]
        call.audit(
            "submit",
            namespace=wanted.namespace,
            kind="AsyncTask",
            name=meta["name"],
            uid=meta["uid"],
            after=dict(wanted.spec),
        )
        return rows.of(stored)

    async def check(self, call: Call, wanted: Submission) -> Refusal | None:
        """What `submit` would refuse it for; nothing is made."""
        await call.authorize("create", RESOURCE, wanted.namespace)
        call.check_type(str(wanted.spec.get("type") or ""))
        body = manifest(call, wanted)
        problems = await self._checks.problems(AsyncTask.model_validate(body))
        if problems:
            return refused.by_problems(problems, wanted.names)
        try:
            await self._cluster.create(api.TASKS, wanted.namespace, body, dry_run=True)
        except api.AlreadyExists:
            return refused.AlreadyThere(name=wanted.name)
        except api.NotFound:
            return InvalidField.of("namespace", "UnknownNamespace")
        except api.ApiError as error:
            return refused.by_api_server(error, wanted.names)
        return None

    async def _create(self, call: Call, wanted: Submission, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._cluster.create(api.TASKS, wanted.namespace, body)
        except api.AlreadyExists:
            return await self._made_before(wanted, body)
        except api.NotFound:
            raise InvalidField.of("namespace", "UnknownNamespace") from None
        except api.Unavailable as error:
            if error.status:  # it was refused, and is not there
                raise
            return await self._made_after_all(wanted, body, error)
        except api.ApiError as error:
            raise refused.by_api_server(error, wanted.names) from error

    async def _made_before(self, wanted: Submission, body: dict[str, Any]) -> dict[str, Any]:
        """The name is taken: by this very request, sent once more, or by something else."""
        name, request = body["metadata"]["name"], body["metadata"]["annotations"].get(names.ANNOTATION_REQUEST)
        if not request:
            raise refused.AlreadyThere(name=name)
        stored = await self._cluster.get(api.TASKS, wanted.namespace, name)
        if stored["metadata"].get("annotations", {}).get(names.ANNOTATION_REQUEST) != request:
            raise KeyReused
        return stored

    async def _made_after_all(self, wanted: Submission, body: dict[str, Any], error: api.Unavailable) -> dict[str, Any]:
        """No answer came: the API server may have taken it all the same. Its name is ours alone, so it can be told."""
        try:
            stored = await self._cluster.get(api.TASKS, wanted.namespace, body["metadata"]["name"])
        except api.ApiError:
            raise error from None
        if stored["metadata"].get("annotations") != body["metadata"]["annotations"]:
            raise error
        return stored


def manifest(call: Call, wanted: Submission) -> dict[str, Any]:
    """The AsyncTask to create."""
    key = call.request.headers.get(KEY_HEADER, "")
    annotations = {names.ANNOTATION_SUBMITTED_BY: call.caller.name}
    spec = dict(wanted.spec)
    name = wanted.name
    if key:
        annotations[names.ANNOTATION_REQUEST] = _digest([wanted.name, wanted.labels, spec])
        name = name or f"{_readable(wanted)}-{_digest([call.caller.name, key])[:20]}"
    else:
        # a nonce: when no answer comes, our task is told from one that somebody else gave this name
        annotations[names.ANNOTATION_NONCE] = secrets.token_hex(8)
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AsyncTask",
        "metadata": {
            "name": name or f"{_readable(wanted)}-{secrets.token_hex(6)}",
            "namespace": wanted.namespace,
            "labels": dict(wanted.labels),
            "annotations": annotations,
        },
        "spec": spec,
    }


def _readable(wanted: Submission) -> str:
    text = re.sub(r"[^a-z0-9-]", "-", str(wanted.spec.get("type") or "task").lower())
    return text[:MAX_READABLE].strip("-") or "task"


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
