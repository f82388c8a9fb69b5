"""What people do to tasks: pause, resume, cancel, restart, another priority, delete.

Each is a wish in the task's spec, safe to repeat: what is so already is left alone and said to be. The operator does
the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.core.statuses import ENDED, TaskStatus
from asynctask.gateway.front import onces, refused
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.problems import Conflict, InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.tasks import rows
from asynctask.gateway.front.tasks.desk import Found, Object, TaskArchived, Tasks
from asynctask.gateway.front.tasks.rows import Row
from asynctask.gateway.front.view import View
from asynctask.texts import say

Action = Literal["pause", "resume", "cancel", "restart", "prioritize", "delete"]
ATTEMPTS = 5
"""So often a change is tried on the newest version, when others change the task at the same time."""

_DONE: dict[Action, str] = {
    "pause": "TaskPausing",
    "resume": "TaskResuming",
    "cancel": "TaskCancelling",
    "restart": "TaskRestarting",
    "prioritize": "TaskPrioritized",
    "delete": "TaskDeleted",
}
"""What is said on success, by code."""


class TaskEnded(Conflict):
    """It has ended: only a restart brings it on. Params: name, status."""

    code = "TaskEnded"


class TaskChanging(Conflict):
    """Others change the task at the same moment, again and again."""

    code = "TaskChanging"


@dataclass(frozen=True)
class Wish:
    """What is wanted of a task."""

    action: Action
    reason: str = ""
    """Why, in the caller's words."""
    stage: str = ""
    """Of a restart: the stage to begin from; the results of those before it are kept. Empty: from the start."""
    priority: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What has come of it."""

    row: Row
    code: str
    changed: bool
    """False: it was so already."""

    def message(self, call: Call) -> str:
        """For people."""
        params = {"name": self.row.name, "priority": self.row.priority, "run": self.row.run}
        return say(self.code, params, call.language)


class Managing:
    """Does it."""

    def __init__(self, cluster: api.Cluster, view: View, tasks: Tasks) -> None:
        self._cluster = cluster
        self._view = view
        self._tasks = tasks

    async def act(self, call: Call, task_id: str, wish: Wish, if_match: str = "") -> Outcome:
        """Do it to one task. Raises NotFound, Forbidden, TaskEnded, TaskArchived and PreconditionFailed."""
        verb = "delete" if wish.action == "delete" else "patch"
        found = await self._tasks.find(call, task_id, verb)
        if found.row.is_archived and not (call.repeats and wish.action == "delete"):
            raise TaskArchived(name=found.row.name)
        if if_match and if_match != found.version and not onces.is_made(call, found.body["metadata"]):
            raise PreconditionFailed
        return await self.act_on(call, found, wish)

    async def act_on(self, call: Call, found: Found, wish: Wish) -> Outcome:
        """Do it to a task that was found, and that the caller may change."""
        if wish.action == "delete":
            return await self._delete(call, found, wish)
        for _ in range(ATTEMPTS):
            if onces.is_made(call, found.body["metadata"]):
                return self._found_done(call, found, wish, _DONE[wish.action])
            spec = _wanted(found, wish)
            if not spec:
                return self._found_done(call, found, wish, f"{_DONE[wish.action]}.Already")
            try:
                stored = await self._apply(call, found, wish, spec)
            except api.Conflict:
                found = await self._again(found)
                continue
            except api.NotFound:
                raise NotFound from None
            except api.ApiError as error:
                raise refused.by_api_server(error) from error
            self._view.saw_task(stored)
            self._note(call, found, wish, after=spec)
            return Outcome(rows.of(stored), _DONE[wish.action], changed=True)
        raise TaskChanging

    def _found_done(self, call: Call, found: Found, wish: Wish, code: str) -> Outcome:
        """It is so already: by this very change, or by somebody else's."""
        if call.repeats:
            self._note(call, found, wish, after={})
        return Outcome(found.row, code, changed=code == _DONE[wish.action])

    async def change(self, call: Call, found: Found, spec: Mapping[str, Any], if_match: str = "") -> Found:
        """Change fields of the spec. Raises InvalidField for what the API server won't have, PreconditionFailed."""
        meta = found.body["metadata"]
        if onces.is_made(call, meta):
            if call.repeats:
                self._audit(call, found, "change", {}, dict(spec))
            return found
        if if_match and if_match != found.version:
            raise PreconditionFailed
        metadata = {
            "resourceVersion": meta["resourceVersion"],
            "uid": meta["uid"],
            "annotations": onces.mark(call, meta),
        }
        body = {"metadata": metadata, "spec": dict(spec)}
        try:
            stored = await self._cluster.patch(api.TASKS, found.row.namespace, found.row.name, body)
        except api.NotFound:
            raise NotFound from None
        except api.ApiError as error:
            raise refused.by_api_server(error) from error
        self._view.saw_task(stored)
        before = {field: found.body["spec"].get(field) for field in spec}
        self._audit(call, found, "change", before, dict(spec))
        return Found(rows.of(stored), stored)

    async def _apply(self, call: Call, found: Found, wish: Wish, spec: dict[str, Any]) -> api.Object:
        namespace, name, meta = found.row.namespace, found.row.name, found.body["metadata"]
        version = meta["resourceVersion"]
        if wish.action == "restart" and wish.stage and found.body["spec"].get("restartFrom") == wish.stage:
            # the stage of an earlier restart must be taken away before it can be asked for once more
            cleared = {"metadata": {"resourceVersion": version}, "spec": {"restartFrom": None}}
            version = (await self._cluster.patch(api.TASKS, namespace, name, cleared))["metadata"]["resourceVersion"]
        annotations = {
            names.ANNOTATION_ACTION_BY: call.caller.name,
            names.ANNOTATION_ACTION_REASON: wish.reason or None,
            **onces.mark(call, meta),
        }
        metadata: dict[str, Any] = {"uid": meta["uid"], "annotations": annotations}
        if wish.action == "restart":  # the next run is reckoned from this version
            metadata["resourceVersion"] = version
        return await self._cluster.patch(api.TASKS, namespace, name, {"metadata": metadata, "spec": spec})

    async def _again(self, found: Found) -> Found:
        try:
            body = await self._cluster.get(api.TASKS, found.row.namespace, found.row.name)
        except api.NotFound:
            raise NotFound from None
        if body["metadata"]["uid"] != found.row.task_id:
            raise NotFound
        return Found(rows.of(body), body)

    async def _delete(self, call: Call, found: Found, wish: Wish) -> Outcome:
        if found.row.is_archived:
            return self._found_done(call, found, wish, _DONE["delete"])
        await self._tasks.keep(found)
        try:
            await self._cluster.delete(api.TASKS, found.row.namespace, found.row.name, found.row.task_id)
        except (api.NotFound, api.Conflict):
            return Outcome(found.row, "TaskDeleted.Already", changed=False)
        self._note(call, found, wish, after=None)
        return Outcome(found.row, _DONE["delete"], changed=True)

    def _note(self, call: Call, found: Found, wish: Wish, after: Object | None) -> None:
        said = {"reason": wish.reason} if wish.reason else {}
        before = {field: found.body["spec"].get(field) for field in after or ()} | {"status": found.row.status}
        self._audit(call, found, wish.action, before, {**(after or {}), **said})

    def _audit(self, call: Call, found: Found, action: str, before: Object, after: Object) -> None:
        row = found.row
        call.audit(
            action,
            namespace=row.namespace,
            kind="AsyncTask",
            name=row.name,
            uid=row.task_id,
            before=dict(before),
            after=dict(after),
        )


def _wanted(found: Found, wish: Wish) -> dict[str, Any]:
    """The change of the spec; empty when there is nothing to change. Raises TaskEnded and InvalidField."""
    spec, row = found.body["spec"], found.row
    if row.status in ENDED and wish.action in {"pause", "resume", "cancel"}:
        if wish.action == "cancel" and row.status is TaskStatus.CANCELLED:
            return {}
        raise TaskEnded(name=row.name, status=row.status)
    match wish.action:
        case "pause":
            return {} if spec.get("suspend") else {"suspend": True}
        case "resume":
            return {"suspend": False} if spec.get("suspend") else {}
        case "cancel":
            return {} if spec.get("cancel") else {"cancel": True}
        case "prioritize":
            return {} if spec.get("priority") == wish.priority else {"priority": wish.priority}
    stages = [line["name"] for line in found.body.get("status", {}).get("stages", ())]
    if wish.stage and stages and wish.stage not in stages:
        raise InvalidField.of("stage", "UnknownStage", problem=f"there is no stage {wish.stage!r}")
    again = {"run": spec.get("run", 1) + 1, "cancel": False, "suspend": False}
    return {**again, "restartFrom": wish.stage or None}
